//! `sidethread demo`: the bridge between a fake Slack and a fake Zendesk, over real HTTP with real signatures.
//!
//! It reads no settings file and no environment, dials only loopback, and forgets everything when it ends, unless it
//! is told where to keep it. The bridge in it is the same that `serve` runs, as a process of its own with a database
//! of its own, so that it can be killed; it reaches the fakes as it would reach the vendors. Its standard input is a
//! pipe from here: when this process ends, in whatever way, the pipe closes and the bridge stops.
//!
//! What people do in it can be recorded, and played again to a new firm with a new bridge: see
//! [`record`](crate::sandbox::record).

mod child;
mod home;
pub mod pace;
#[cfg(unix)]
mod private;
mod tape;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;

use self::home::{Home, Left};
use self::pace::PacedClock;
use self::tape::Time;
use super::app::{listen, told_to_stop};
use super::serve::run_until;
use crate::config::Config;
use crate::engine::clock::{Clock, SystemClock};
use crate::http::listen::{Limits, raise_descriptors, serve};
use crate::sandbox::bridge::{Bridge, State};
use crate::sandbox::carrier::Carry;
use crate::sandbox::limits::Keeping;
use crate::sandbox::post::{Now, Sender};
use crate::sandbox::record::{Anonymiser, CarryRecorded, Head, Player, Recorder, Recording};
use crate::sandbox::{Credentials, Furnishing, Sandbox, carrier, fill, guard};
use crate::wire::HttpWire;

/// Where it listens unless it is told otherwise.
const USUALLY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// How long the bridge may take to become ready before the introduction is given without it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often what is kept is written down while it changes.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// How many times as fast a recording may be played: beyond that a bridge at work has no time for its work.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// What somebody wants of a demo.
#[derive(clap::Args, Debug)]
pub struct Wishes {
    /// Where to listen; the page is there too [default: 127.0.0.1:8080, or as before with --keep]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// A name under which people reach it, beside its addresses; may be said several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Keep everything in this folder, and continue from there the next time
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Begin with only people and channels: no ticket, no message
    #[arg(long, conflicts_with = "tickets")]
    empty: bool,
    /// Begin with this many older tickets as well, and a tenth as many threads
    #[arg(long, value_name = "NUMBER", default_value_t = 0,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(..=Furnishing::MOST_TICKETS as u64))]
    tickets: usize,
    /// Keep no rate limits: the two vendors refuse nothing, and the bridge waits for nothing
    #[arg(long)]
    unlimited: bool,
    /// Write everything that people do into this file, so that anybody can play it again
    #[arg(long, value_name = "FILE", conflicts_with = "unlimited")]
    record: Option<PathBuf>,
    /// Put stand-ins in place of every name and text that is recorded; the recording does the same when it is played
    #[arg(long, requires = "record")]
    anonymise: bool,
    /// Play what was recorded in this file to a new bridge, and say whether it does the same again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "keep", "empty", "tickets", "unlimited"])]
    replay: Option<PathBuf>,
    /// How many times as fast a recording is played
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, requires = "replay", value_parser = speed)]
    speed: f64,
    /// End once the recording is played: with exit code 0 if all came out as recorded, 1 if not
    #[arg(long, requires = "replay")]
    headless: bool,
}

/// Runs until Ctrl-C, or until what was to be played is; whether all came out as it should.
///
/// # Errors
/// It cannot start; the text says what to do.
pub async fn run(wishes: Wishes) -> anyhow::Result<bool> {
    // From here on, so that a folder is removed however early somebody thinks better of it.
    let mut told = tokio::spawn(told_to_end());
    let played = wishes.replay.as_deref().map(tape::read).transpose()?;
    let (home, left) = match &wishes.keep {
        Some(folder) => Home::kept(folder)?,
        None => (Home::temporary()?, None),
    };
    ensure!(
        wishes.record.is_none() || left.is_none(),
        "a recording begins with a new firm, and this folder holds one already; name an empty one"
    );
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
    let tape = wishes.record.as_deref().map(tape::file).transpose()?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            listen = %address,
            "the sandbox has no password: everyone who reaches this address can use it and read its tokens"
        );
    }
    let time = Time::of(played.as_ref(), wishes.speed);
    let now: Now = Arc::new(move || time.clock.now_ms());
    let base_url = format!("http://{address}");
    let (began_ms, seed) = (now(), played.as_ref().map_or_else(|| fastrand::u64(..), |played| played.head.seed));
    let inner_url = format!("http://{vendors}");
    let sandbox = wishes.firm(&base_url, &now, seed, left, played.as_ref())?.with_inner_url(&inner_url);
    if wishes.unlimited {
        sandbox.slack.set_limits(Keeping::Off);
        sandbox.zendesk.set_limits(Keeping::Off);
    }
    let bridge = {
        let credentials = sandbox.credentials().clone();
        let launch = child::launch(home.path.clone(), inner_url, credentials, seed, time.told, wishes.unlimited);
        Bridge::new(launch, reqwest::Client::builder().no_proxy().build()?, now.clone())
    };
    let anonymiser = wishes.anonymise.then(|| Anonymiser::of(&sandbox));
    let recorder = tape
        .map(|tape| Recorder::begin(&sandbox, now.clone(), began_ms, seed, wishes.furnishing(), anonymiser, tape))
        .transpose()
        .context("the recording cannot be written")?;
    let sandbox = sandbox.with_bridge(bridge.clone());
    let sandbox = match &recorder {
        Some(recorder) => sandbox.with_recorder(recorder.clone()),
        None => sandbox,
    };
    if home.stays() {
        // Before the bridge has a database that would stand there without its vendors.
        home.keep(&sandbox, address, vendors).context("the sandbox cannot be kept")?;
    }

    let (stop, stop_bridge) = (CancellationToken::new(), CancellationToken::new());
    let mut running = tokio::spawn({
        let (bridge, stop) = (bridge.clone(), stop_bridge.clone());
        async move { bridge.run(stop).await }
    });
    let router = match &recorder {
        Some(recorder) => recorder.layer(sandbox.router()),
        None => sandbox.router(),
    };
    let router = fill::layer(router, fill::MOST);
    let router = guard::layer(router, address, &wishes.host);
    let limits = Limits::demo(raise_descriptors(), 1 + usize::from(inner.is_some()));
    let http = tokio::spawn(serve(listener, router.clone(), "the demo", limits, stop.clone()));
    let inner = inner.map(|inner| tokio::spawn(serve(inner, router, "the demo, within", limits, stop.clone())));
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(sandbox.slack.clone()), Arc::new(sandbox.zendesk.clone())];
    let carry: Arc<dyn Carry> = match &recorder {
        Some(recorder) => Arc::new(CarryRecorded { carry: bridge.clone(), recorder: recorder.clone() }),
        None => Arc::new(bridge.clone()),
    };
    let carrying = tokio::spawn(carrier::run(senders, carry, now.clone(), stop.clone()));
    let watching = recorder.as_ref().map(|recorder| tokio::spawn(recorder.clone().watch(bridge.clone(), stop.clone())));
    let player = played.as_ref().map(|_| Player::new(sandbox.clone(), sandbox.router(), now, wishes.speed));
    // What is begun before the bridge is ready for the first time stays without it.
    let mut standing = bridge.watch();
    let ready = standing.wait_for(|standing| standing.state == State::Up);
    let _ = tokio::time::timeout(PATIENCE, ready).await;
    if !wishes.headless {
        println!("{}", sandbox.introduction());
    }
    let mut same = true;
    let played = async {
        if let Some((player, recording)) = player.zip(played) {
            let report = player.play(&recording).await;
            same = report.is_same();
            tape::tell(&report, (!wishes.headless).then_some(&base_url));
        }
        if !wishes.headless {
            std::future::pending::<()>().await;
        }
    };

    let (told, ended) = tokio::select! {
        told = &mut told => (told.context("the signals to stop cannot be listened for")?, None),
        () = played => (Ok(()), None),
        ended = &mut running => (Ok(()), Some(ended)),
        never = keep_going(&home, &sandbox, address, vendors) => match never {},
    };
    let busy = match &recorder {
        Some(_) => tape::is_busy(&sandbox).await,
        None => None,
    };
    let ended = async {
        let worked = match ended {
            Some(ended) => ended.context("the bridge's keeper ended")?,
            None => {
                // First the bridge, so that what it has in hand still finds the vendors.
                stop_bridge.cancel();
                told.and(running.await.context("the bridge's keeper ended")?)
            }
        };
        stop.cancel();
        if let Some((recorder, watching)) = recorder.zip(watching) {
            watching.await.context("the recorder ended")?;
            recorder.end(busy);
        }
        carrying.await.context("the sandbox's post ended")?;
        http.await.context("the server ended")?;
        if let Some(inner) = inner {
            inner.await.context("the inner server ended")?;
        }
        worked
    }
    .await;
    // However it ended.
    let kept = if home.stays() { home.keep(&sandbox, address, vendors) } else { Ok(()) };
    ended?;
    kept.context("the sandbox cannot be kept")?;
    Ok(same)
}

/// Runs the bridge of a demo: until the demo ends, which closes its standard input.
///
/// # Errors
/// It cannot start; the text says what to mend.
pub async fn bridge(config: Config, seed: u64, clock: Option<PacedClock>) -> anyhow::Result<()> {
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
    let clock: Arc<dyn Clock> = match clock {
        Some(clock) => Arc::new(clock),
        None => Arc::new(SystemClock),
    };
    run_until(config, HttpWire::without_proxy()?, clock, seed, told).await
}

/// Ends as [`told_to_stop`] does, and when the terminal is closed, so that nothing is left behind then; not if somebody
/// has seen to it that the demo outlives its terminal.
async fn told_to_end() -> anyhow::Result<()> {
    #[cfg(unix)]
    if !hangups_are_ignored() {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        return tokio::select! {
            _ = hangup.recv() => Ok(()),
            told = told_to_stop() => told,
        };
    }
    told_to_stop().await
}

/// Whether the demo was begun with `nohup`; to listen for the signal would undo that.
#[cfg(unix)]
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Writes the fakes down every now and then, so that little is lost if the demo is killed.
async fn keep_going(
    home: &Home,
    sandbox: &Sandbox,
    address: SocketAddr,
    vendors: SocketAddr,
) -> std::convert::Infallible {
    let mut owed = false;
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        owed |= sandbox.take_touched();
        if home.stays() && owed {
            let kept = tokio::task::block_in_place(|| home.keep(sandbox, address, vendors));
            owed = kept.is_err();
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

    fn firm(
        &self,
        base_url: &str,
        now: &Now,
        seed: u64,
        left: Option<Left>,
        played: Option<&Recording>,
    ) -> anyhow::Result<Sandbox> {
        if let Some(left) = left {
            let restored = Sandbox::restored(base_url, now.clone(), seed, &left.written());
            return restored.context("what is kept in this folder does not read");
        }
        let furnishing = played.map_or_else(|| self.furnishing(), |played| furnishing_of(&played.head));
        Ok(Sandbox::furnished(base_url, now.clone(), seed, Credentials::fresh(), furnishing))
    }

    fn furnishing(&self) -> Furnishing {
        Furnishing { past: !self.empty, more_tickets: self.tickets }
    }
}

fn furnishing_of(head: &Head) -> Furnishing {
    Furnishing { past: head.past, more_tickets: head.tickets.min(Furnishing::MOST_TICKETS) }
}

fn speed(typed: &str) -> Result<f64, String> {
    let speed: f64 = typed.parse().map_err(|_| "this is no number".to_owned())?;
    if SPEEDS.contains(&speed) { Ok(speed) } else { Err("from 0.1 to 100".to_owned()) }
}
