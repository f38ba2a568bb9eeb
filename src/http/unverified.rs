//! Bodies that nobody has vouched for yet.
//!
//! Whoever signs a request has to have sent all of it before the signature can be checked, so for a while there are bytes
//! in memory that may be anybody's. All of them together have a limit, and small bodies have a part of it to themselves,
//! which large ones cannot take: nearly everything that Slack and Zendesk send is small. Where a body finds its part
//! full, the one that was begun first gives way, not the next one: a delivery comes in one piece, and what has been
//! coming for long is somebody who stalls. Large ones wait until the first has had half a second; else whoever sends them
//! without end would have the app do nothing but read. A head that cannot be right is refused before any of its body is
//! read.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The largest body that is taken, in bytes.
pub(super) const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take from its head on.
const WITHIN: Duration = Duration::from_secs(30);
/// Up to here a body is a small one, in bytes.
const SMALL: usize = 64 << 10;
/// How long a large body may come before it has to give way to another one.
const LARGE_HAS: Duration = Duration::from_millis(500);
/// How often it is looked whether one has.
const LOOK: Duration = Duration::from_millis(50);
/// How many bytes there may be of large bodies. With the small ones and a thousand heads of 8 KiB each: 32 MiB.
const LARGE_TOGETHER: usize = 16 << 20;
/// How many bytes there may be of small bodies.
const SMALL_TOGETHER: usize = 8 << 20;

/// All the bodies that are being read.
#[derive(Default)]
pub struct Unverified {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    last: u64,
    /// By when they were begun.
    bodies: BTreeMap<u64, Begun>,
    /// How much the small ones take, and the large ones.
    small: usize,
    large: usize,
}

struct Begun {
    /// When it was begun, or had room as a large one.
    at: Instant,
    bytes: Vec<u8>,
    /// How many bytes it has room for, which is what it counts as.
    takes: usize,
    /// Dropped with the body, which wakes whoever reads it.
    _gone: oneshot::Sender<()>,
}

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It is longer than any that is meant for us.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// Too many others are coming, and it was the first to begin.
    GaveWay,
    /// Its sender went away.
    Broken,
}

impl IntoResponse for NotTaken {
    fn into_response(self) -> Response {
        match self {
            NotTaken::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB"),
            NotTaken::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not come within 30 seconds"),
            NotTaken::GaveWay => (StatusCode::SERVICE_UNAVAILABLE, "too many bodies are coming at once; send it again"),
            NotTaken::Broken => (StatusCode::BAD_REQUEST, "the body could not be read"),
        }
        .into_response()
    }
}

impl Unverified {
    /// Reads a body to its end. What it takes is free again once it is returned, and then it is to be verified at once.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, NotTaken> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > BODY_LIMIT) {
            return Err(NotTaken::TooLarge);
        }
        let (number, mut gone) = self.begin();
        let reading = Reading { all: self, number };
        let mut chunks = body.into_data_stream();
        let read = async {
            // What says that it is large is not begun before there is room for it.
            if let Some(length) = length.filter(|length| *length > SMALL) {
                while !self.held().book(number, length) {
                    tokio::time::sleep(LOOK).await;
                }
            }
            loop {
                let chunk = tokio::select! {
                    biased;
                    _ = &mut gone => return Err(NotTaken::GaveWay),
                    chunk = chunks.next() => chunk,
                };
                let Some(chunk) = chunk else { return Ok(()) };
                let chunk = chunk.map_err(|_| NotTaken::Broken)?;
                while !self.add(number, &chunk, length)? {
                    tokio::time::sleep(LOOK).await;
                }
            }
        };
        tokio::time::timeout(WITHIN, read).await.map_err(|_| NotTaken::TooSlow)??;
        reading.end()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> (u64, oneshot::Receiver<()>) {
        let (sender, gone) = oneshot::channel();
        let mut held = self.held();
        held.last += 1;
        let number = held.last;
        held.bodies.insert(number, Begun { at: Instant::now(), bytes: Vec::new(), takes: 0, _gone: sender });
        (number, gone)
    }

    /// Says whether there was room for it.
    fn add(&self, number: u64, chunk: &[u8], length: Option<usize>) -> Result<bool, NotTaken> {
        let mut held = self.held();
        let body = held.bodies.get(&number).ok_or(NotTaken::GaveWay)?;
        let (needed, takes) = (body.bytes.len() + chunk.len(), body.takes);
        if needed > BODY_LIMIT {
            return Err(NotTaken::TooLarge);
        }
        if needed > takes {
            // Doubled, so that a body that comes in small pieces is not copied for each of them.
            let wanted = needed.max((2 * takes).min(length.unwrap_or(BODY_LIMIT)));
            // A large one takes all its room at once, so that none that has begun waits for another one's end.
            let wanted = if wanted > SMALL { length.unwrap_or(BODY_LIMIT).max(wanted) } else { wanted };
            if !held.book(number, wanted) {
                return Ok(false);
            }
        }
        let body = held.bodies.get_mut(&number).ok_or(NotTaken::GaveWay)?;
        body.bytes.reserve_exact(body.takes - body.bytes.len());
        body.bytes.extend_from_slice(chunk);
        Ok(true)
    }
}

impl Held {
    /// Lets a body take this much, if there is room or something gives way: what is first among its like, which may be the
    /// body itself. Says whether it may.
    fn book(&mut self, number: u64, takes: usize) -> bool {
        let Some(before) = self.bodies.get(&number).map(|body| body.takes) else { return true };
        let is_large = takes > SMALL;
        let most = if is_large { LARGE_TOGETHER } else { SMALL_TOGETHER };
        let own = if (before > SMALL) == is_large { before } else { 0 };
        while *self.part(takes) - own + takes > most {
            let like = |body: &Begun| body.takes > 0 && (body.takes > SMALL) == is_large;
            let like = self.bodies.iter().filter(|(_, body)| like(body)).map(|(other, body)| (body.at, *other));
            let Some((at, first)) = like.min() else { break };
            if is_large && at.elapsed() < LARGE_HAS {
                return false;
            }
            self.end(first);
            if first == number {
                return true;
            }
        }
        *self.part(before) -= before;
        *self.part(takes) += takes;
        if let Some(body) = self.bodies.get_mut(&number) {
            body.takes = takes;
            if is_large && own == 0 {
                body.at = Instant::now();
            }
        }
        true
    }

    fn part(&mut self, takes: usize) -> &mut usize {
        if takes > SMALL { &mut self.large } else { &mut self.small }
    }

    fn end(&mut self, number: u64) -> Option<Vec<u8>> {
        let body = self.bodies.remove(&number)?;
        *self.part(body.takes) -= body.takes;
        Some(body.bytes)
    }
}

/// A body that is being read, which takes nothing any more once this goes.
struct Reading<'a> {
    all: &'a Unverified,
    number: u64,
}

impl Reading<'_> {
    fn end(self) -> Result<Bytes, NotTaken> {
        self.all.held().end(self.number).map(Bytes::from).ok_or(NotTaken::GaveWay)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.all.held().end(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A body that brings this much and then nothing any more, but does not end.
    fn stalled(bytes: usize) -> Body {
        let chunks = vec![Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; 4096])); bytes.div_ceil(4096)];
        Body::from_stream(futures_util::stream::iter(chunks).chain(futures_util::stream::pending()))
    }

    fn together(all: &Unverified) -> (usize, usize) {
        let held = all.held();
        let really = |large: bool| {
            let like = held.bodies.values().filter(|body| (body.takes > SMALL) == large);
            like.map(|body| body.bytes.capacity()).sum::<usize>()
        };
        assert_eq!((held.small, held.large), (really(false), really(true)));
        (held.small, held.large)
    }

    async fn stall(all: &Arc<Unverified>, count: usize, bytes: usize) -> Vec<tokio::task::JoinHandle<NotTaken>> {
        let mut stalled_bodies = Vec::new();
        for _ in 0..count {
            let all = all.clone();
            stalled_bodies.push(tokio::spawn(async move {
                let read = all.read(&HeaderMap::new(), stalled(bytes)).await;
                read.expect_err("it never ends")
            }));
        }
        // On one thread each of them runs until it waits.
        for _ in 0..10 * bytes.div_ceil(4096) {
            tokio::task::yield_now().await;
        }
        stalled_bodies
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_stall_take_a_fixed_amount_and_the_first_gives_way() {
        let all = Arc::new(Unverified::default());
        let large = stall(&all, 20, BODY_LIMIT).await;
        let waits = 4 * SMALL;
        assert!(together(&all).0 <= waits && together(&all).1 == LARGE_TOGETHER, "{:?}", together(&all));
        assert!(!large[0].is_finished(), "for half a second, none gives way");
        tokio::time::sleep(LARGE_HAS + LOOK).await;
        assert!(large[0].is_finished() && !large[19].is_finished());

        let small = Body::from(vec![b'y'; SMALL]);
        assert_eq!(all.read(&HeaderMap::new(), small).await.unwrap().len(), SMALL, "small ones have room of their own");
        let whole = Body::from(vec![b'y'; BODY_LIMIT]);
        assert_eq!(all.read(&HeaderMap::new(), whole).await.unwrap().len(), BODY_LIMIT, "and large ones displace");

        let small = stall(&all, 300, SMALL).await;
        assert!(together(&all).0 <= SMALL_TOGETHER, "{:?}", together(&all));
        assert_eq!(all.read(&HeaderMap::new(), Body::from("{}")).await.unwrap(), "{}");
        for stalled in large.into_iter().chain(small) {
            stalled.abort();
            if let Ok(why) = stalled.await {
                assert_eq!(why, NotTaken::GaveWay);
            }
        }
        assert_eq!(together(&all), (0, 0));
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_whether_it_says_so_or_not() {
        let all = Unverified::default();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, (BODY_LIMIT + 1).into());
        assert_eq!(all.read(&headers, stalled(0)).await, Err(NotTaken::TooLarge), "nothing of it is read");
        assert_eq!(all.read(&HeaderMap::new(), stalled(BODY_LIMIT + 1)).await, Err(NotTaken::TooLarge));
        headers.insert(header::CONTENT_LENGTH, BODY_LIMIT.into());
        let whole = all.read(&headers, Body::from(vec![0; BODY_LIMIT])).await;
        assert_eq!(whole.unwrap().len(), BODY_LIMIT);
        assert_eq!(together(&all), (0, 0));
    }
}
