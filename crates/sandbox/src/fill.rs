//! Keeps a sandbox from filling the machine's memory.
//!
//! The fakes keep whatever they are sent, files included, and forget nothing by themselves. So what they take in all has
//! a limit, by the bytes of the requests that were not refused: a script in a loop or a handful of films comes to an end with a sentence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::{BoxError, Router};
use futures_util::StreamExt;

/// How many bytes a sandbox takes in all.
pub const MOST: u64 = 1 << 30;

/// Puts the limit around a router.
pub fn layer(router: Router, most: u64) -> Router {
    let taken = Arc::new(AtomicU64::new(0));
    router.layer(from_fn(move |request: Request, next: Next| {
        let share =
            Arc::new(Share { all: taken.clone(), most, bytes: AtomicU64::new(0), over: AtomicBool::new(false) });
        async move {
            // What says beforehand that it will not fit need not be sent.
            let length =
                request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            if length.is_some_and(|length: u64| share.taken().saturating_add(length) > most && length > 0) {
                return full(share.taken());
            }
            let counted = share.clone();
            let request = request.map(|body| {
                Body::from_stream(
                    body.into_data_stream().map(move |chunk| counted.take(chunk.map_err(BoxError::from)?)),
                )
            });
            let response = next.run(request).await;
            if share.over.load(Ordering::Relaxed) {
                return full(share.taken());
            }
            if !response.status().is_client_error() {
                share.bytes.store(0, Ordering::Relaxed);
            }
            response
        }
    }))
}

/// What one request has brought, which is given back when it goes unless it was kept.
struct Share {
    all: Arc<AtomicU64>,
    most: u64,
    bytes: AtomicU64,
    over: AtomicBool,
}

impl Share {
    fn taken(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    fn take(&self, chunk: Bytes) -> Result<Bytes, BoxError> {
        let more = chunk.len() as u64;
        let fits = |before: u64| before.checked_add(more).filter(|after| *after <= self.most);
        if self.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            self.over.store(true, Ordering::Relaxed);
            return Err("the sandbox is full".into());
        }
        self.bytes.fetch_add(more, Ordering::Relaxed);
        Ok(chunk)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

fn full(taken: u64) -> Response<Body> {
    let why = format!(
        "This sandbox is full: it has taken {} MB and keeps them in memory. End it and begin a new one.\n",
        taken >> 20
    );
    let mut response = Response::new(Body::from(why));
    *response.status_mut() = StatusCode::INSUFFICIENT_STORAGE;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;

    fn router() -> Router {
        let refuse = async |_: Bytes| StatusCode::BAD_REQUEST;
        let router = Router::new().route("/", post(async |_: Bytes| "taken")).route("/refused", post(refuse));
        layer(router, 100)
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_costs_nothing() {
        let router = router();
        let send = async |length: usize| {
            let request = Request::post("/").header(header::CONTENT_LENGTH, length).body(Body::from(vec![0; length]));
            router.clone().oneshot(request.unwrap()).await.unwrap().status()
        };
        assert_eq!(send(60).await, StatusCode::OK);
        assert_eq!(send(41).await, StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(send(40).await, StatusCode::OK);
        assert_eq!(send(1).await, StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(send(0).await, StatusCode::OK, "the page can still be looked at");
    }

    #[tokio::test]
    async fn what_names_no_length_or_is_refused_counts_as_what_it_is() {
        let router = router();
        let send = async |path: &str, length: usize| {
            let chunks = vec![Ok::<_, BoxError>(vec![0; length / 2]), Ok(vec![0; length - length / 2])];
            let body = Body::from_stream(futures_util::stream::iter(chunks));
            router.clone().oneshot(Request::post(path).body(body).unwrap()).await.unwrap().status()
        };
        for _ in 0..3 {
            assert_eq!(send("/refused", 90).await, StatusCode::BAD_REQUEST);
        }
        assert_eq!(send("/", 60).await, StatusCode::OK);
        assert_eq!(send("/", 50).await, StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(send("/", 40).await, StatusCode::OK, "what did not fit was given back");
        assert_eq!(send("/", 1).await, StatusCode::INSUFFICIENT_STORAGE);
    }
}
