//! Where a connection stands: what has come over it, and since when it is waited for.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Limits;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The head of a request, of which there may be nothing yet on a new connection.
    Head,
    /// Another request, after one that was answered.
    Idle,
    /// The body of a request.
    Body,
    /// The app, which has the whole request.
    App,
    /// Somebody who takes the answer.
    Answer,
}

/// What is known of one connection.
pub(super) struct Connection {
    state: Mutex<State>,
    cut: CancellationToken,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Whether bytes came that belong to the next request. Those that came in one piece with the request before are not
    /// seen; a connection with nothing but them counts as idle.
    ahead: bool,
    /// Whether an answer began before the whole request had come.
    unread: bool,
    /// Since when nobody takes what is written.
    blocked: Option<Instant>,
}

impl Connection {
    pub(super) fn new(now: Instant) -> Self {
        let state = State { phase: Phase::Head, since: now, ahead: false, unread: false, blocked: None };
        Connection { state: Mutex::new(state), cut: CancellationToken::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    pub(super) async fn until_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Where it stands among those that may give way, the first first; nothing if it may not.
    pub(super) fn may_give_way(&self) -> Option<(bool, Instant)> {
        let state = self.state();
        match state.phase {
            _ if self.cut.is_cancelled() => None,
            Phase::App => None,
            phase => Some((phase == Phase::Answer, state.since)),
        }
    }

    /// Whether it has had all the time it may have.
    pub(super) fn is_late(&self, now: Instant, limits: &Limits) -> bool {
        let state = self.state();
        let over = |since: Instant, within| now.saturating_duration_since(since) > within;
        let waited = match state.phase {
            Phase::Head => over(state.since, limits.head),
            Phase::Idle => over(state.since, limits.idle),
            Phase::Body => over(state.since, limits.body),
            Phase::App | Phase::Answer => false,
        };
        waited || state.blocked.is_some_and(|since| over(since, limits.answer))
    }

    /// Whether it ended with a part of a request that nobody read.
    pub(super) fn left_unread(&self) -> bool {
        self.state().unread
    }

    fn goes_to(&self, phase: Phase) {
        let mut state = self.state();
        if phase == Phase::Answer && state.phase == Phase::Body {
            state.unread = true;
        }
        let phase = match phase {
            Phase::Idle if state.ahead => Phase::Head,
            phase => phase,
        };
        if phase == Phase::Head {
            state.ahead = false;
        }
        (state.phase, state.since) = (phase, Instant::now());
    }

    fn bytes_came(&self) {
        let mut state = self.state();
        match state.phase {
            Phase::Idle => (state.phase, state.since) = (Phase::Head, Instant::now()),
            Phase::App | Phase::Answer => state.ahead = true,
            Phase::Head | Phase::Body => {}
        }
    }

    fn was_written(&self, done: bool) {
        let mut state = self.state();
        match done {
            true => state.blocked = None,
            false => drop(state.blocked.get_or_insert_with(Instant::now)),
        }
    }
}

/// A stream that notes what comes and goes.
pub(super) struct Watched {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Watched { stream, connection }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.connection.bytes_came();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.connection.was_written(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.connection.was_written(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request's body, which tells when all of it has come.
pub(super) struct Asked {
    body: Incoming,
    connection: Arc<Connection>,
}

impl Asked {
    pub(super) fn new(body: Incoming, connection: Arc<Connection>) -> Self {
        {
            let mut state = connection.state();
            (state.ahead, state.unread) = (false, false);
        }
        connection.goes_to(if body.is_end_stream() { Phase::App } else { Phase::Body });
        Asked { body, connection }
    }
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let ended = match &frame {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if ended {
            self.connection.goes_to(Phase::App);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, which tells when all of it has been handed over.
pub(super) struct Answer {
    body: Body,
    connection: Arc<Connection>,
}

impl Answer {
    pub(super) fn new(body: Body, connection: Arc<Connection>) -> Self {
        connection.goes_to(Phase::Answer);
        Answer { body, connection }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.goes_to(Phase::Idle);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
