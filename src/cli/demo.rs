//! `sidethread demo`: the bridge between a fake Slack and a fake Zendesk, over real HTTP with real signatures.
//!
//! It reads no settings file and no environment, dials only loopback, and forgets everything when it ends. The bridge
//! in it is the same that `serve` runs, as a process of its own with a database of its own, so that it can be killed;
//! it reaches the fakes as it would reach the vendors. Its standard input is a pipe from here: when this process ends,
//! in whatever way, the pipe closes and the bridge stops.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::app::{listen, serve, told_to_stop};
use super::serve::run_until;
use crate::config::Config;
use crate::engine::clock::{Clock, SystemClock};
use crate::sandbox::bridge::{Bridge, Launch, State};
use crate::sandbox::post::{Now, Sender};
use crate::sandbox::{Credentials, Sandbox, carrier, guard};
use crate::wire::HttpWire;

/// Its settings, beside its database.
const SETTINGS: &str = "sidethread.toml";
const DATABASE: &str = "sidethread.db";
/// How long the bridge may take to become ready before the introduction is given without it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs until Ctrl-C.
///
/// # Errors
/// It cannot start; the text says what to do.
pub async fn run(address: SocketAddr) -> anyhow::Result<()> {
    let listener = listen(address).await.context("try another port, such as --listen 127.0.0.1:8090")?;
    let address = listener.local_addr()?;
    let base_url = format!("http://{address}");
    // The bridge and the fakes reach each other over loopback, wherever else people may reach the page.
    let inner = match address.ip().is_loopback() {
        true => None,
        false => Some(listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?),
    };
    let inner_address = inner.as_ref().map_or(Ok(address), tokio::net::TcpListener::local_addr)?;
    let inner_url = format!("http://{inner_address}");
    if !address.ip().is_loopback() {
        tracing::warn!(
            listen = %address,
            "the sandbox has no password: everyone who reaches this address can use it and read its tokens"
        );
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now: Now = Arc::new(move || clock.now_ms());
    let folder = Folder::new()?;
    let credentials = Credentials::fresh();
    let bridge = {
        let launch = launch(folder.0.clone(), inner_url, credentials.clone());
        Bridge::new(launch, reqwest::Client::builder().no_proxy().build()?, now.clone())
    };
    let stop = CancellationToken::new();
    let mut running = tokio::spawn({
        let (bridge, stop) = (bridge.clone(), stop.clone());
        async move { bridge.run(stop).await }
    });
    let sandbox = Sandbox::with_credentials(&base_url, now.clone(), fastrand::u64(..), credentials);
    let sandbox = sandbox.with_bridge(bridge.clone());

    let router = guard::layer(sandbox.router(), address, !address.ip().is_loopback());
    let http = tokio::spawn(serve(listener, router.clone(), stop.clone()));
    let inner = inner.map(|inner| tokio::spawn(serve(inner, router, stop.clone())));
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(sandbox.slack.clone()), Arc::new(sandbox.zendesk.clone())];
    let carrying = tokio::spawn(carrier::run(senders, Arc::new(bridge.clone()), now, stop.clone()));
    // What is begun before the bridge is ready for the first time stays without it.
    let mut standing = bridge.watch();
    let ready = standing.wait_for(|standing| standing.state == State::Up);
    let _ = tokio::time::timeout(PATIENCE, ready).await;
    println!("{}", sandbox.introduction());

    let worked = tokio::select! {
        told = told_to_stop() => {
            stop.cancel();
            told.and(running.await.context("the bridge's keeper ended")?)
        }
        ended = &mut running => ended.context("the bridge's keeper ended")?,
    };
    stop.cancel();
    carrying.await.context("the sandbox's post ended")?;
    http.await.context("the server ended")??;
    if let Some(inner) = inner {
        inner.await.context("the inner server ended")??;
    }
    worked
}

/// Runs the bridge of a demo: until the demo ends, which closes its standard input.
///
/// # Errors
/// It cannot start; the text says what to mend.
pub async fn bridge(config: Config) -> anyhow::Result<()> {
    let (ended, end) = tokio::sync::oneshot::channel();
    // A thread of its own, because a read that waits would hold up the runtime's end.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let told = async {
        tokio::select! {
            told = told_to_stop() => told,
            _ = end => Ok(()),
        }
    };
    run_until(config, HttpWire::without_proxy()?, told).await
}

fn launch(folder: PathBuf, vendors_url: String, credentials: Credentials) -> Launch {
    Box::new(move |listen, admin_listen| {
        let file = folder.join(SETTINGS);
        write_privately(&file, &settings(&credentials, &vendors_url, &folder, listen, admin_listen))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("demo-bridge").arg("--config").arg(&file).current_dir(&folder);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().to_ascii_uppercase().starts_with("SIDETHREAD__") {
                command.env_remove(name);
            }
        }
        Ok(command)
    })
}

fn settings(
    credentials: &Credentials,
    vendors_url: &str,
    folder: &Path,
    listen: SocketAddr,
    admin_listen: SocketAddr,
) -> String {
    // As text in TOML is written: what JSON escapes, TOML reads in the same way.
    let database = serde_json::Value::from(format!("sqlite://{}", folder.join(DATABASE).display()));
    format!(
        r#"
        [server]
        listen = "{listen}"
        admin_listen = "{admin_listen}"
        public_url = "{vendors_url}"
        [database]
        url = {database}
        [slack]
        bot_token = "{bot_token}"
        signing_secret = "{signing_secret}"
        api_url = "{vendors_url}/slack/api"
        [zendesk]
        url = "{vendors_url}/zendesk"
        client_id = "{client_id}"
        client_secret = "{client_secret}"
        webhook_secret = "{webhook_secret}"
        channel_domain = "{channel_domain}"
        poll_interval_secs = 5
        [bridge]
        # The fakes show at once what was written, so nobody has to wait long after a kill.
        slack_read_lag_secs = 3
        zendesk_read_lag_secs = 3
        reconcile_interval_secs = 20
        "#,
        bot_token = credentials.slack_bot_token,
        signing_secret = credentials.slack_signing_secret,
        client_id = credentials.zendesk_client_id,
        client_secret = credentials.zendesk_client_secret,
        webhook_secret = credentials.zendesk_webhook_secret,
        channel_domain = credentials.channel_domain,
    )
}

/// Writes a file that only this user may read.
fn write_privately(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// A folder for this user alone that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Folder> {
        let name = format!("sidethread-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(error = %error, "the sandbox's database could not be removed");
        }
    }
}
