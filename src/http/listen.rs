//! Serves HTTP/1 to strangers: every listener has limits of its own.
//!
//! Anybody who reaches a listener may open connections and send as slowly as they like. So a request's head has to be
//! there within ten seconds and its body within thirty, an answer that nobody takes is not kept, and there is room for a
//! fixed number of connections, below the number of descriptors that the process may have. When all are in use, the
//! connection that has been without a complete request for the longest gives way to the next one: idle ones, slow heads,
//! slow bodies. A vendor's delivery arrives in one piece and is complete long before its turn would come.
//!
//! A connection that has a complete request is never cut while it is worked on.

mod connection;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::connection::{Answer, Asked, Connection, Watched};

/// How long a request may take to end once the app is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(2);
/// How often the connections are looked through for those whose time is over.
const LOOK: Duration = Duration::from_millis(250);
/// How long until somebody is asked again to give way, if nobody could.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// How long until a connection is accepted again, if the system had no descriptor for it.
const NO_DESCRIPTOR: Duration = Duration::from_millis(50);
/// How often it is said that all connections are in use.
const SAY_AGAIN: Duration = Duration::from_secs(600);
/// How long the rest of a request that was refused early is thrown away, so that its sender still reads the answer.
const LINGER: Duration = Duration::from_millis(500);

/// Descriptors that no listener takes: for the database, the vendors, the log, and what is being closed.
const DESCRIPTORS_KEPT: usize = 128;
/// The most connections that the vendors' listener has.
const MOST_CONNECTIONS: usize = 1_000;
/// The most connections that the operator's listener has.
const OPERATOR_CONNECTIONS: usize = 64;
/// The fewest that any listener has, however few descriptors there are.
const FEWEST_CONNECTIONS: usize = 16;

/// What one listener allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections it has at once.
    pub connections: usize,
    /// How long the head of a request may be, in bytes; at least 8,192.
    pub head_bytes: usize,
    /// How long a new connection may take until its first request's head is complete, and any later head from its
    /// first byte on.
    pub head: Duration,
    /// How long a body may take from its head on.
    pub body: Duration,
    /// How long a connection may stay idle after a request. Longer than the proxies in front and `reqwest` keep one, so
    /// that none of them sends a request into a connection that is being closed.
    pub idle: Duration,
    /// How long an answer waits for somebody who takes none of it.
    pub answer: Duration,
}

impl Limits {
    /// For what the vendors call, in a process that may have this many descriptors.
    pub fn public(descriptors: usize) -> Limits {
        let connections = descriptors.saturating_sub(DESCRIPTORS_KEPT + OPERATOR_CONNECTIONS);
        Limits::with(connections, 8 << 10)
    }

    /// For what the operator's own tools call.
    pub fn admin(descriptors: usize) -> Limits {
        Limits::with(OPERATOR_CONNECTIONS.min(descriptors / 8), 8 << 10)
    }

    /// For each of the `listeners` of a demo. Browsers send the cookies of everything else on the same host.
    pub fn demo(descriptors: usize, listeners: usize) -> Limits {
        Limits::with(descriptors.saturating_sub(DESCRIPTORS_KEPT) / listeners.max(1), 64 << 10)
    }

    fn with(connections: usize, head_bytes: usize) -> Limits {
        Limits {
            connections: connections.clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS),
            head_bytes,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            answer: Duration::from_secs(30),
        }
    }
}

/// Raises the number of descriptors that the process may have as far as the system lets it; that number.
pub fn raise_descriptors() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let was = getrlimit(Resource::Nofile);
        let Some(current) = was.current else { return usize::MAX };
        let wanted = was.maximum.unwrap_or(current.max(1 << 16));
        let raised = Rlimit { current: Some(wanted), maximum: was.maximum };
        let has = if setrlimit(Resource::Nofile, raised).is_ok() { wanted } else { current };
        usize::try_from(has).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    {
        8_192
    }
}

/// Serves until `stop`, then lets requests end; a caller who never finishes one is left after two seconds. `name` says
/// in the log which listener it is.
pub async fn serve(listener: TcpListener, router: Router, name: &'static str, limits: Limits, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.max_buf_size(limits.head_bytes);
    let house = Arc::new(House { http, router, limits, connections: Mutex::default(), stop: stop.clone() });
    let (room, tasks) = (Arc::new(Semaphore::new(limits.connections)), TaskTracker::new());
    let accepting = async {
        let mut number = 0;
        let mut full = Full { name, connections: limits.connections, said: None, gave_way: 0 };
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Whoever was about to connect may have gone again; else the system has no room for more.
                    if !is_callers(&error) {
                        full.say(&format!("connections cannot be accepted ({error})"));
                        full.gave_way += u64::from(house.cut_oldest());
                        tokio::time::sleep(NO_DESCRIPTOR).await;
                    }
                    continue;
                }
            };
            let permit = match room.clone().try_acquire_owned() {
                Ok(permit) => permit,
                Err(_) => house.make_room(&room, &mut full).await,
            };
            number += 1;
            let connection = house.open(number);
            let (house, router) = (house.clone(), house.router.clone());
            tasks.spawn(async move {
                let _open = Open { house: &house, number, _permit: permit };
                house.attend(stream, router, connection).await;
            });
        }
    };
    let looking = async {
        loop {
            tokio::time::sleep(LOOK).await;
            house.cut_late();
        }
    };
    tokio::select! {
        () = accepting => {}
        () = looking => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    tasks.close();
    let _ = tokio::time::timeout(LAST_REQUESTS, tasks.wait()).await;
    house.connections().values().for_each(|connection| connection.cut());
    tasks.wait().await;
}

/// Whether a connection was lost before it was accepted, which is nobody's trouble here.
fn is_callers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One listener and everybody who is connected to it.
struct House {
    http: http1::Builder,
    router: Router,
    limits: Limits,
    connections: Mutex<BTreeMap<u64, Arc<Connection>>>,
    stop: CancellationToken,
}

impl House {
    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, number: u64) -> Arc<Connection> {
        let connection = Arc::new(Connection::new(Instant::now()));
        self.connections().insert(number, connection.clone());
        connection
    }

    /// Has connections cut until there is room for another one.
    async fn make_room(&self, room: &Arc<Semaphore>, full: &mut Full) -> OwnedSemaphorePermit {
        full.say("all connections are in use");
        loop {
            full.gave_way += u64::from(self.cut_oldest());
            let waited = tokio::time::timeout(ASK_AGAIN, room.clone().acquire_owned()).await;
            if let Ok(Ok(permit)) = waited {
                return permit;
            }
        }
    }

    /// Cuts the connection that has been without a complete request for the longest; if there is none, the one whose
    /// answer has been going out for the longest. Whether there was any.
    fn cut_oldest(&self) -> bool {
        let connections = self.connections();
        let oldest =
            connections.values().filter_map(|one| Some((one.may_give_way()?, one))).min_by_key(|(rank, _)| *rank);
        if let Some((_, connection)) = oldest {
            connection.cut();
        }
        oldest.is_some()
    }

    fn cut_late(&self) {
        let now = Instant::now();
        self.connections().values().filter(|one| one.is_late(now, &self.limits)).for_each(|one| one.cut());
    }

    /// Answers what comes over one connection, until it ends.
    async fn attend(&self, stream: TcpStream, router: Router, connection: Arc<Connection>) {
        // Small answers go at once.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Watched::new(stream, connection.clone()));
        let answering = connection.clone();
        let service = service_fn(move |request| answer(request, router.clone(), answering.clone()));
        let mut http = self.http.serve_connection(io, service);
        let mut stopping = false;
        loop {
            tokio::select! {
                biased;
                () = connection.until_cut() => return,
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    std::pin::Pin::new(&mut http).graceful_shutdown();
                }
                // What a stranger sent that is no HTTP concerns nobody.
                _ = std::future::poll_fn(|cx| http.poll_without_shutdown(cx)) => break,
            }
        }
        let mut stream = http.into_parts().io.into_inner().into_stream();
        let _ = stream.shutdown().await;
        // To close a socket with bytes unread makes the system take back the answer.
        if connection.left_unread() {
            let mut scrap = [0; 4096];
            let throw_away = async { while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {} };
            tokio::select! {
                () = connection.until_cut() => {}
                () = self.stop.cancelled() => {}
                _ = tokio::time::timeout(LINGER, throw_away) => {}
            }
        }
    }
}

fn answer(
    request: hyper::Request<Incoming>,
    router: Router,
    connection: Arc<Connection>,
) -> BoxFuture<'static, Result<Response<Answer>, Infallible>> {
    async move {
        let request: Request = request.map(|body| Body::new(Asked::new(body, connection.clone())));
        let response = router.oneshot(request).await?;
        Ok(response.map(|body| Answer::new(body, connection)))
    }
    .boxed()
}

/// A connection's place, which is free again however the connection ends.
struct Open<'a> {
    house: &'a House,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.house.connections().remove(&self.number);
    }
}

/// Says that there is no room, once in a while.
struct Full {
    name: &'static str,
    connections: usize,
    said: Option<Instant>,
    gave_way: u64,
}

impl Full {
    fn say(&mut self, what: &str) {
        let now = Instant::now();
        if self.said.is_some_and(|said| now.duration_since(said) < SAY_AGAIN) {
            return;
        }
        self.said = Some(now);
        tracing::warn!(
            listener = self.name,
            connections = self.connections,
            gave_way = std::mem::take(&mut self.gave_way),
            "{what}; those that have waited longest without a complete request are closed, so that new ones are answered. \
             If this goes on, somebody floods the listener: let only Slack and Zendesk reach it"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_listeners_together_leave_descriptors_for_the_rest() {
        for descriptors in [256, 512, 1_024, 4_096, 1 << 20] {
            let (public, admin) = (Limits::public(descriptors), Limits::admin(descriptors));
            let served = public.connections + admin.connections;
            assert!(served + DESCRIPTORS_KEPT <= descriptors.max(served), "{descriptors}");
            assert!(served + DESCRIPTORS_KEPT <= descriptors, "{descriptors}: {served}");
            let demo = 2 * Limits::demo(descriptors, 2).connections;
            assert!(demo + DESCRIPTORS_KEPT <= descriptors, "{descriptors}: {demo}");
        }
        assert_eq!(Limits::public(1 << 20).connections, MOST_CONNECTIONS);
        assert_eq!(Limits::public(0).connections, FEWEST_CONNECTIONS);
        assert_eq!((Limits::public(1_024).head, Limits::public(1_024).body).0, Duration::from_secs(10));
        assert_eq!(Limits::admin(1_024).body, Duration::from_secs(30));
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
            let was = getrlimit(Resource::Nofile);
            let lower = Rlimit { current: Some(512), maximum: was.maximum };
            setrlimit(Resource::Nofile, lower).unwrap();
            let raised = raise_descriptors();
            assert_eq!(Some(raised as u64), was.maximum.or(Some(1 << 16)));
            assert_eq!(getrlimit(Resource::Nofile).current, Some(raised as u64));
        }
    }
}
