//! `sidethread demo`: the bridge between a fake Slack and a fake Zendesk, over real HTTP with real signatures.
//!
//! It reads no settings file and no environment, dials only loopback, and forgets everything when it ends. The bridge
//! in it is the same that `serve` runs; it reaches the fakes as it would reach the vendors.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::app::{App, listen, serve, told_to_stop};
use super::serve::work;
use crate::config::Config;
use crate::engine::clock::{Clock, SystemClock};
use crate::sandbox::post::{Now, Sender};
use crate::sandbox::{Credentials, Sandbox, carrier, guard};
use crate::store::Store;
use crate::wire::HttpWire;

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
    let now: Now = {
        let clock = clock.clone();
        Arc::new(move || clock.now_ms())
    };
    let sandbox = Sandbox::new(&base_url, now.clone(), fastrand::u64(..));
    let config = settings(sandbox.credentials(), &inner_url)?;
    let folder = Folder::new()?;
    let store = Arc::new(Store::open(&folder.0.join("sidethread.db")).await?);
    let app = App::new(config, store.clone(), Arc::new(HttpWire::without_proxy()?), clock, fastrand::u64(..));

    let stop = CancellationToken::new();
    let router = sandbox.router().merge(app.router()).merge(app.admin_router());
    let router = guard::layer(router, address, !address.ip().is_loopback());
    let http = tokio::spawn(serve(listener, router.clone(), stop.clone()));
    let inner = inner.map(|inner| tokio::spawn(serve(inner, router, stop.clone())));
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(sandbox.slack.clone()), Arc::new(sandbox.zendesk.clone())];
    let client = reqwest::Client::builder().no_proxy().build()?;
    sandbox.bridge.is_at(&inner_url, client.clone());
    let carry = Arc::new(carrier::OverHttp::new(client, &inner_url));
    let carrying = tokio::spawn(carrier::run(senders, carry, now, stop.clone()));
    println!("{}", sandbox.introduction());

    let signal = tokio::spawn({
        let stop = stop.clone();
        async move {
            if let Err(error) = told_to_stop().await {
                tracing::error!(error = %error, "the signal to stop cannot be listened for");
            }
            stop.cancel();
        }
    });
    let worked = work(&app, &stop).await;
    stop.cancel();
    carrying.await.context("the sandbox's post ended")?;
    http.await.context("the server ended")??;
    if let Some(inner) = inner {
        inner.await.context("the inner server ended")??;
    }
    store.close().await;
    signal.abort();
    worked
}

fn settings(credentials: &Credentials, base_url: &str) -> anyhow::Result<Config> {
    let text = format!(
        r#"
        [server]
        public_url = "{base_url}"
        [slack]
        bot_token = "{bot_token}"
        signing_secret = "{signing_secret}"
        api_url = "{base_url}/slack/api"
        [zendesk]
        url = "{base_url}/zendesk"
        client_id = "{client_id}"
        client_secret = "{client_secret}"
        webhook_secret = "{webhook_secret}"
        channel_domain = "{channel_domain}"
        poll_interval_secs = 5
        "#,
        bot_token = credentials.slack_bot_token,
        signing_secret = credentials.slack_signing_secret,
        client_id = credentials.zendesk_client_id,
        client_secret = credentials.zendesk_client_secret,
        webhook_secret = credentials.zendesk_webhook_secret,
        channel_domain = credentials.channel_domain,
    );
    Config::parse("demo", &text, []).context("the sandbox's own settings")
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Folder> {
        let name = format!("sidethread-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
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
