use std::process::ExitCode;

use clap::Parser;
use sidethread::cli::{Arguments, run};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("sidethread cannot go on: the TLS provider is set twice");
        return ExitCode::FAILURE;
    }
    sidethread::telemetry::start_log();
    run(arguments).await
}
