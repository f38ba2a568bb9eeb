//! `sidethread serve`: the bridge, for real.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::app::{App, listen, told_to_stop};
use super::supervisor::Supervisor;
use crate::config::Config;
use crate::engine::clock::{Clock, SystemClock};
use crate::http::listen::{Limits, raise_descriptors, serve};
use crate::store::Store;
use crate::wire::HttpWire;

/// Runs until SIGTERM, then finishes what is under way.
///
/// # Errors
/// It cannot start; the text says what to mend.
pub async fn run(config: Config) -> anyhow::Result<()> {
    run_until(config, HttpWire::new()?, Arc::new(SystemClock), fastrand::u64(..), told_to_stop()).await
}

/// Runs until `told`, then finishes what is under way. `seed` is for the jitter of retries.
///
/// # Errors
/// It cannot start; the text says what to mend.
pub async fn run_until(
    config: Config,
    wire: HttpWire,
    clock: Arc<dyn Clock>,
    seed: u64,
    told: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let descriptors = raise_descriptors();
    let store = Arc::new(Store::open(&config.database.path).await?);
    let listener = listen(config.server.listen).await.context("server.listen")?;
    let admin_listener = listen(config.server.admin_listen).await.context("server.admin_listen")?;
    tracing::info!(listen = %config.server.listen, admin_listen = %config.server.admin_listen, "sidethread starts");
    let app = Arc::new(App::new(config, store.clone(), Arc::new(wire), clock, seed));

    let supervisor = Arc::new(Supervisor::of_this_process());
    supervisor.listens();
    let alive = tokio::spawn({
        let (app, supervisor) = (app.clone(), supervisor.clone());
        // A report takes the engine's lock: an engine that is stuck is not alive.
        async move { supervisor.keep_alive(|| drop(app.engine().map(|engine| engine.report()))).await }
    });

    let stop = CancellationToken::new();
    let http = tokio::spawn(serve(listener, app.router(), "listen", Limits::public(descriptors), stop.clone()));
    let admin = tokio::spawn(serve(
        admin_listener,
        app.admin_router(),
        "admin_listen",
        Limits::admin(descriptors),
        stop.clone(),
    ));
    let signal = tokio::spawn({
        let (stop, supervisor) = (stop.clone(), supervisor.clone());
        async move {
            if let Err(error) = told.await {
                tracing::error!(error = %error, "the signal to stop cannot be listened for");
            }
            supervisor.stops();
            stop.cancel();
        }
    });
    // On the workers, not on this thread: what the engine starts then stays where it is awaited.
    let worked = tokio::spawn({
        let (app, stop) = (app.clone(), stop.clone());
        async move { work(&app, &stop, || supervisor.is_ready()).await }
    });
    let worked = worked.await.context("the engine ended");
    stop.cancel();
    http.await.context("the server ended")?;
    admin.await.context("the admin server ended")?;
    store.close().await;
    signal.abort();
    alive.abort();
    worked??;
    tracing::info!("sidethread has stopped; what waits is stored");
    Ok(())
}

/// Becomes ready, tells `ready`, then works until `stop`.
///
/// # Errors
/// A person has to fix something first.
pub async fn work(app: &App, stop: &CancellationToken, ready: impl FnOnce()) -> anyhow::Result<()> {
    app.become_ready(stop).await?;
    if let Some(engine) = app.engine() {
        tracing::info!("sidethread is ready");
        ready();
        engine.clone().work(stop.clone()).await;
    }
    Ok(())
}
