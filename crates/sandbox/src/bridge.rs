//! The bridge as a process of its own, which can be killed like any other.
//!
//! The sandbox starts it, waits until it answers, and starts it again whenever it ends. It knows of it what a vendor
//! knows: an address that takes posts, or does not. Whoever launches it gives it a standard input whose end tells it
//! to stop, so that it never outlives the sandbox, however that ends.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use serde::Serialize;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::carrier::{Carry, OverHttp};
use super::post::{Now, Parcel, Receipt};

/// How long it stays away once it has ended: long enough to be seen.
const AWAY: Duration = Duration::from_millis(1_500);
/// How often it is asked whether it is ready.
const ASK: Duration = Duration::from_millis(3);
/// How long it may take to stop when it is told to.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it may end before it has ever been ready.
const TRIES: u64 = 3;

/// Makes the command that runs the bridge where it is told to listen: for the vendors, and for its operator.
pub type Launch = Box<dyn Fn(SocketAddr, SocketAddr) -> std::io::Result<Command> + Send + Sync>;

/// What the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs and is not ready.
    Starting,
    /// It takes what the vendors send.
    Up,
    /// It does not run.
    Down,
}

/// What is known of the process at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What it does.
    pub state: State,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Its number among the processes of this machine, while it runs.
    pub pid: Option<u32>,
    /// How many times it was started.
    pub starts: u64,
    /// How many times it was killed here.
    pub kills: u64,
    /// Where it takes what the vendors send.
    pub url: String,
    /// Where its operator asks.
    pub admin_url: String,
}

/// The process; clones share it.
#[derive(Clone)]
pub struct Bridge {
    shared: Arc<Shared>,
}

struct Shared {
    launch: Launch,
    client: reqwest::Client,
    now: Now,
    standing: watch::Sender<Standing>,
    killed: Notify,
}

impl Bridge {
    /// A process that [`Bridge::run`] will start. The client must use no proxy.
    pub fn new(launch: Launch, client: reqwest::Client, now: Now) -> Self {
        let standing = Standing {
            state: State::Down,
            since_ms: now(),
            pid: None,
            starts: 0,
            kills: 0,
            url: String::new(),
            admin_url: String::new(),
        };
        let standing = watch::Sender::new(standing);
        Bridge { shared: Arc::new(Shared { launch, client, now, standing, killed: Notify::new() }) }
    }

    /// What is known of it.
    pub fn standing(&self) -> Standing {
        self.shared.standing.borrow().clone()
    }

    /// What it is asked with.
    pub(super) fn client(&self) -> reqwest::Client {
        self.shared.client.clone()
    }

    /// Tells of every change.
    pub fn watch(&self) -> watch::Receiver<Standing> {
        self.shared.standing.subscribe()
    }

    /// Where it takes what the vendors send; empty before its first start. A restart may change it.
    pub fn url(&self) -> String {
        self.shared.standing.borrow().url.clone()
    }

    /// Where its operator asks; empty before its first start. A restart may change it.
    pub fn admin_url(&self) -> String {
        self.shared.standing.borrow().admin_url.clone()
    }

    /// Ends it in the middle of whatever it does, as a power cut would; it is gone when this returns. It starts
    /// again by itself. Says whether there was anything to kill.
    pub async fn kill(&self) -> bool {
        let mut changes = self.watch();
        let before = changes.borrow_and_update().clone();
        if before.pid.is_none() {
            return false;
        }
        self.shared.killed.notify_one();
        let gone = changes.wait_for(|standing| standing.starts > before.starts || standing.pid.is_none());
        tokio::time::timeout(PATIENCE, gone).await.is_ok_and(|gone| gone.is_ok())
    }

    /// Asks it something; the answer's status, headers and body.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ask(
        &self,
        method: http::Method,
        url: &str,
        headers: http::HeaderMap,
        body: Bytes,
    ) -> Result<(http::StatusCode, http::HeaderMap, Bytes), reqwest::Error> {
        let request = self.shared.client.request(method, url).headers(headers).body(body).timeout(PATIENCE);
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok((status, headers, answer.bytes().await?))
    }

    /// Keeps it running until `stop`, then lets it finish what it has in hand.
    ///
    /// # Errors
    /// It cannot be started; the text says why.
    pub async fn run(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut has_been_up = false;
        let mut failed = 0;
        loop {
            let kills = self.standing().kills;
            match self.start() {
                Ok((mut child, _held)) => has_been_up |= self.attend(&mut child, &stop).await?,
                // One that has run runs again, as soon as this machine lets it.
                Err(error) if has_been_up => {
                    tracing::error!(error = %error, "the bridge cannot be started; it is tried again")
                }
                Err(error) => return Err(error),
            }
            self.now_is(State::Down, None);
            if stop.is_cancelled() {
                return Ok(());
            }
            if !has_been_up && self.standing().kills == kills {
                failed += 1;
                anyhow::ensure!(failed < TRIES, "the bridge ends as soon as it starts; what it said stands above");
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(AWAY) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Starts the process; its addresses are held for it as long as what comes with it.
    fn start(&self) -> anyhow::Result<(Child, Held)> {
        // A wish to kill that came too late was for the one before.
        while self.shared.killed.notified().now_or_never().is_some() {}
        let (listen, admin, held) = free_addresses()?;
        let mut command = (self.shared.launch)(listen, admin)?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        // What the terminal sends to the sandbox is not for it: the sandbox tells it.
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        self.shared.standing.send_modify(|standing| {
            standing.starts += 1;
            standing.url = format!("http://{listen}");
            standing.admin_url = format!("http://{admin}");
        });
        self.now_is(State::Starting, child.id());
        Ok((child, held))
    }

    /// Waits until the process has ended, by itself or otherwise; whether it has been ready.
    async fn attend(&self, child: &mut Child, stop: &CancellationToken) -> anyhow::Result<bool> {
        // Waiting for a child closes its standard input, which would tell it to stop.
        let mut lifeline = child.stdin.take();
        let pid = child.id();
        let mut up = false;
        loop {
            tokio::select! {
                ended = child.wait() => {
                    drop(lifeline);
                    tracing::warn!(status = %ended?, "the bridge has ended; it is started again");
                    return Ok(up);
                }
                () = self.shared.killed.notified() => {
                    child.kill().await?;
                    self.shared.standing.send_modify(|standing| standing.kills += 1);
                    return Ok(up);
                }
                () = stop.cancelled() => {
                    drop(lifeline.take());
                    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                        tracing::warn!("the bridge does not stop; it is killed");
                        child.kill().await?;
                    }
                    return Ok(up);
                }
                () = self.readiness(), if !up => {
                    up = true;
                    self.now_is(State::Up, pid);
                }
            }
        }
    }

    /// Waits until it says that it is ready.
    async fn readiness(&self) {
        let url = format!("{}/readyz", self.admin_url());
        loop {
            let asked = self.shared.client.get(&url).timeout(PATIENCE).send().await;
            if let Ok(answer) = asked
                && let Ok(bytes) = answer.bytes().await
                && let Ok(said) = serde_json::from_slice::<serde_json::Value>(&bytes)
                && said.get("waiting").is_some()
            {
                return;
            }
            tokio::time::sleep(ASK).await;
        }
    }

    fn now_is(&self, state: State, pid: Option<u32>) {
        let since_ms = (self.shared.now)();
        self.shared.standing.send_modify(|standing| {
            standing.state = state;
            standing.since_ms = since_ms;
            standing.pid = pid;
        });
    }
}

#[async_trait]
impl Carry for Bridge {
    async fn carry(&self, parcel: &Parcel) -> Receipt {
        OverHttp::new(self.shared.client.clone(), &self.url()).carry(parcel).await
    }
}

/// Sockets that are bound and do not listen. On Linux such a port is given to nobody who asks for any port, be it to
/// listen or to connect, and whoever names it may listen on it.
type Held = [Option<TcpSocket>; 2];

/// Two addresses of this machine that nobody listens on.
fn free_addresses() -> std::io::Result<(SocketAddr, SocketAddr, Held)> {
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok::<TcpSocket, std::io::Error>(socket)
    };
    // Both are bound until both are known, so they differ.
    let (one, other) = (bind()?, bind()?);
    let (listen, admin) = (one.local_addr()?, other.local_addr()?);
    Ok((listen, admin, [one, other].map(|socket| cfg!(target_os = "linux").then_some(socket))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_is_held_goes_to_nobody_else() {
        let (listen, admin, _held) = free_addresses().unwrap();
        assert_ne!(listen, admin);
        for address in [listen, admin] {
            tokio::net::TcpListener::bind(address).await.unwrap();
        }
        let others: Vec<_> = (0..2_000).map_while(|_| std::net::TcpListener::bind("127.0.0.1:0").ok()).collect();
        assert!(others.len() > 500);
        assert!(others.iter().all(|other| ![listen, admin].contains(&other.local_addr().unwrap())));
    }
}
