//! What can be made to go wrong at a fake vendor, and the middleware that makes it so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde::{Deserialize, Serialize};

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer comes this much later.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// Answers with this status; nothing is done. Zendesk's 4xx come in its own words, its 5xx and Slack's without any.
    Status {
        /// 400 to 599.
        status: u16,
    },
    /// Something on the way answers with an HTML page and this status; nothing is done, and the vendor knows nothing of it.
    Page {
        /// 200 to 599.
        status: u16,
    },
    /// Answers 429 in the vendor's shape; nothing is done.
    RateLimited {
        /// Seconds, as in `Retry-After`.
        retry_after: u64,
    },
    /// Answers 429 in the vendor's shape, with a date to come back; nothing is done.
    RateLimitedUntil {
        /// In how many seconds that is, as an HTTP date in `Retry-After`.
        secs: u64,
    },
    /// Answers 429 in plain text; nothing is done.
    RateLimitedPlain {
        /// Seconds, as in `Retry-After`.
        retry_after: u64,
    },
    /// The connection breaks before anything is done.
    DroppedBefore,
    /// The work is done, then the connection breaks.
    DroppedAfter,
    /// The work is done, then the answer is a 200 with an HTML page.
    Html,
    /// The work is done, then the answer is a 500.
    ErrorAfter,
    /// Answers that it will not be done, as the vendor says so of a call it finds wrong; nothing is done.
    Refused,
    /// Answers as to a dead token; nothing is done.
    TokenRevoked,
    /// Reads do not show what was written in the last seconds.
    ReadsLag {
        /// Seconds.
        secs: u64,
    },
    /// A row of the account-wide feed shows this much after it was written; younger ones may show before it.
    FeedLate {
        /// Seconds.
        secs: u64,
    },
    /// Events and webhooks are delivered twice.
    EventsTwice,
    /// Events and webhooks are delivered this much later.
    EventsLate {
        /// Seconds.
        secs: u64,
    },
    /// Events and webhooks are delivered in a shuffled order.
    EventsShuffled,
    /// Events and webhooks are never delivered.
    EventsNever,
}

/// A fault, where it strikes and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A call as the fake names it (`chat.postMessage`, `POST …/reply`), `events` for the fault kinds that
    /// concern deliveries, or `*` for every call.
    pub call: String,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many more times; without it, until it is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// In how many of a hundred cases; without it, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// The faults of one fake vendor that are switched on.
#[derive(Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    rules: Vec<Rule>,
    seed: u64,
    /// How often a fault might have struck a call by chance.
    chances: BTreeMap<String, u64>,
}

impl Faults {
    /// None, with a seed for those that strike by chance: the same how many-th calls of a kind each time, whatever other
    /// calls come between them.
    pub fn with_seed(seed: u64) -> Self {
        Faults { inner: Arc::new(Mutex::new(Inner { seed, ..Inner::default() })) }
    }

    /// Switches one on.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Switches all off.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Switches those off that `which` names.
    pub fn take_away(&self, which: impl Fn(&Rule) -> bool) {
        self.lock().rules.retain(|rule| !which(rule));
    }

    /// Those that are on.
    pub fn list(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    /// The first fault that strikes `call` now and that `concerns` accepts; uses up one of its times.
    pub fn strike(&self, call: &str, concerns: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut inner = self.lock();
        let Inner { rules, seed, chances } = &mut *inner;
        let mut draw = || {
            let count = chances.entry(call.to_owned()).or_default();
            *count += 1;
            let of_call =
                call.bytes().fold(*seed, |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
            fastrand::Rng::with_seed(of_call.wrapping_add(*count)).u8(0..100)
        };
        let struck = rules.iter_mut().find(|rule| {
            (rule.call == call || rule.call == "*" || (call == "events" && rule.call.is_empty()))
                && rule.times != Some(0)
                && concerns(&rule.fault)
                && rule.percent.is_none_or(|percent| draw() < percent)
        })?;
        if let Some(times) = &mut struck.times {
            *times -= 1;
        }
        let fault = struck.fault.clone();
        rules.retain(|rule| rule.times != Some(0));
        Some(fault)
    }

    /// By how many seconds reads of `call` lag now.
    pub fn reads_lag(&self, call: &str) -> u64 {
        match self.strike(call, |fault| matches!(fault, Fault::ReadsLag { .. })) {
            Some(Fault::ReadsLag { secs }) => secs,
            _ => 0,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("the faults' lock is never poisoned")
    }
}

impl Fault {
    /// Whether it strikes a call, as opposed to a read's content or a delivery.
    pub fn is_of_calls(&self) -> bool {
        !matches!(
            self,
            Fault::ReadsLag { .. }
                | Fault::FeedLate { .. }
                | Fault::EventsTwice
                | Fault::EventsLate { .. }
                | Fault::EventsShuffled
                | Fault::EventsNever
        )
    }
}

/// Marks an answer whose connection shall break; a carrier in the same process looks for it.
#[derive(Clone, Copy, Debug)]
pub struct Dropped;

/// An answer whose connection breaks while it is read.
pub fn dropped() -> Response<Body> {
    let broken = futures_util::stream::once(async {
        Err::<bytes::Bytes, _>(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "dropped by a fault"))
    });
    let mut response = Response::new(Body::from_stream(broken));
    response.headers_mut().insert(header::CONTENT_LENGTH, header::HeaderValue::from_static("4096"));
    response.extensions_mut().insert(Dropped);
    response
}

/// A 200 with a page where JSON was expected.
pub fn html() -> Response<Body> {
    let mut response = Response::new(Body::from("<!DOCTYPE html><title>Please wait</title><p>Please wait."));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// A page with this status, as a firewall or a proxy shows it in a vendor's place.
pub fn page(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::from(
        "<!DOCTYPE html><title>Access denied</title><p>This request was blocked. It does not exist, or it is forbidden.",
    ));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The same answer, with `Retry-After` as a date: `secs` after `now_ms` (milliseconds since 1970).
pub fn until(mut response: Response<Body>, now_ms: i64, secs: u64) -> Response<Body> {
    let at = now_ms.div_euclid(1000).saturating_add(i64::try_from(secs).unwrap_or(i64::MAX));
    let at = jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::MAX);
    let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = header::HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::RETRY_AFTER, date);
    }
    response
}

/// A 429 in plain text, as what stands before a vendor's own servers answers.
pub fn limited_plainly(retry_after: u64) -> Response<Body> {
    let mut response = Response::new(Body::from("Too many requests"));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(retry_after));
    response
}

/// An answer with this status and no usable body.
pub fn bare(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::from("The service is unavailable."));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response
}
