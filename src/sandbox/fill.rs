//! Keeps a sandbox from filling the machine's memory.
//!
//! The fakes keep whatever they are sent, files included, and forget nothing by themselves. So what they take in all has
//! a limit, by the bytes of the requests: a script in a loop or a handful of films comes to an end with a sentence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};

/// How many bytes a sandbox takes in all.
pub const MOST: u64 = 1 << 30;

/// Puts the limit around a router.
pub fn layer(router: Router, most: u64) -> Router {
    let taken = Arc::new(AtomicU64::new(0));
    router.layer(from_fn(move |request: Request, next: Next| {
        let taken = taken.clone();
        async move {
            // Whatever comes without a length is small: a browser and the vendors' clients name it.
            let length =
                request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            let length: u64 = length.unwrap_or_default();
            let fits = |before: u64| before.checked_add(length).filter(|after| *after <= most);
            match taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
                Ok(_) => next.run(request).await,
                Err(before) => full(before),
            }
        }
    }))
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

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_costs_nothing() {
        let router = layer(Router::new().route("/", post(async || "taken")), 100);
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
}
