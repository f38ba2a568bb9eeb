//! `sidethread demo`: the bridge between a fake Slack and a fake Zendesk, over real HTTP with real signatures.
//!
//! It reads no settings file and no environment, dials only loopback, and forgets everything when it ends, unless it
//! is told where to keep it. The bridge in it is the same that `serve` runs, as a process of its own with a database
//! of its own, so that it can be killed; it reaches the fakes as it would reach the vendors. Its standard input is a
//! pipe from here: when this process ends, in whatever way, the pipe closes and the bridge stops.

mod child;
mod home;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;

use self::home::{Home, Left};
use super::app::{listen, serve, told_to_stop};
use super::serve::run_until;
use crate::config::Config;
use crate::engine::clock::{Clock, SystemClock};
use crate::sandbox::bridge::{Bridge, State};
use crate::sandbox::post::{Now, Sender};
use crate::sandbox::{Credentials, Furnishing, Sandbox, carrier, guard};
use crate::wire::HttpWire;

/// Where it listens unless it is told otherwise.
const USUALLY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// How long the bridge may take to become ready before the introduction is given without it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often what is kept is written down while it changes.
const KEEP_EVERY: Duration = Duration::from_secs(2);

/// What somebody wants of a demo.
#[derive(clap::Args, Debug)]
pub struct Wishes {
    /// Where to listen; the page is there too [default: 127.0.0.1:8080, or as before with --keep]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Keep everything in this folder, and go on from there the next time
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Begin with people and channels alone: no ticket, no message
    #[arg(long, conflicts_with = "tickets")]
    empty: bool,
    /// Begin with this many tickets more, of long ago, and a tenth as many threads
    #[arg(long, value_name = "NUMBER", default_value_t = 0,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(..=Furnishing::MOST_TICKETS as u64))]
    tickets: usize,
}

/// Runs until Ctrl-C.
///
/// # Errors
/// It cannot start; the text says what to do.
pub async fn run(wishes: Wishes) -> anyhow::Result<()> {
    let (home, left) = match &wishes.keep {
        Some(folder) => Home::kept(folder)?,
        None => (Home::temporary()?, None),
    };
    let wanted = wishes.address(left.as_ref())?;
    let listener = listen(wanted).await.context("try another port, such as --listen 127.0.0.1:8090")?;
    let address = listener.local_addr()?;
    // The bridge and the fakes reach each other over loopback, wherever else people may reach the page.
    let inner = match address.ip().is_loopback() {
        true => None,
        false => {
            let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            Some(listen(left.as_ref().map_or(free, |left| left.vendors)).await?)
        }
    };
    let vendors = inner.as_ref().map_or(Ok(address), tokio::net::TcpListener::local_addr)?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            listen = %address,
            "the sandbox has no password: everyone who reaches this address can use it and read its tokens"
        );
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now: Now = Arc::new(move || clock.now_ms());
    let sandbox = wishes.firm(&format!("http://{address}"), &now, left)?;
    let bridge = {
        let launch = child::launch(home.path.clone(), format!("http://{vendors}"), sandbox.credentials().clone());
        Bridge::new(launch, reqwest::Client::builder().no_proxy().build()?, now.clone())
    };
    let sandbox = sandbox.with_bridge(bridge.clone());
    if home.stays() {
        // Before the bridge has a database that would stand there without its vendors.
        home.keep(&sandbox, address, vendors).context("the sandbox cannot be kept")?;
    }

    let (stop, stop_bridge) = (CancellationToken::new(), CancellationToken::new());
    let mut running = tokio::spawn({
        let (bridge, stop) = (bridge.clone(), stop_bridge.clone());
        async move { bridge.run(stop).await }
    });
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
            // First the bridge, so that what it has in hand still finds the vendors.
            stop_bridge.cancel();
            told.and(running.await.context("the bridge's keeper ended")?)
        }
        ended = &mut running => ended.context("the bridge's keeper ended")?,
        never = keep_going(&home, &sandbox, address, vendors) => match never {},
    };
    stop.cancel();
    carrying.await.context("the sandbox's post ended")?;
    http.await.context("the server ended")??;
    if let Some(inner) = inner {
        inner.await.context("the inner server ended")??;
    }
    if home.stays() {
        home.keep(&sandbox, address, vendors).context("the sandbox cannot be kept")?;
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

/// Writes the fakes down every now and then, so that little is lost if the demo is killed.
async fn keep_going(
    home: &Home,
    sandbox: &Sandbox,
    address: SocketAddr,
    vendors: SocketAddr,
) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        if home.stays() && sandbox.take_touched() {
            let kept = tokio::task::block_in_place(|| home.keep(sandbox, address, vendors));
            if let Err(error) = kept {
                tracing::error!(error = %error, "the sandbox cannot be kept");
            }
        }
    }
}

impl Wishes {
    /// The bridge's database knows its Zendesk by its address, so a demo that is kept stays where it is.
    fn address(&self, left: Option<&Left>) -> anyhow::Result<SocketAddr> {
        let Some(left) = left else { return Ok(self.listen.unwrap_or(USUALLY)) };
        ensure!(!self.empty && self.tickets == 0, "this folder holds a firm already; name an empty one for another");
        let same = self.listen.is_none_or(|wanted| wanted == left.listen);
        ensure!(
            same,
            "what is kept in this folder listens on {}; leave --listen out, or name another folder",
            left.listen
        );
        Ok(left.listen)
    }

    fn firm(&self, base_url: &str, now: &Now, left: Option<Left>) -> anyhow::Result<Sandbox> {
        let seed = fastrand::u64(..);
        if let Some(left) = left {
            let restored = Sandbox::restored(base_url, now.clone(), seed, left.firm.get());
            return restored.context("what is kept in this folder does not read");
        }
        let furnishing = Furnishing { past: !self.empty, more_tickets: self.tickets };
        Ok(Sandbox::furnished(base_url, now.clone(), seed, Credentials::fresh(), furnishing))
    }
}
