//! How bytes reach a vendor: one small trait, so that the same clients run over the network and, in
//! a test, straight into a router in the same process.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Sends one HTTP request and reads its whole answer.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends `request`; its URI is absolute.
    ///
    /// # Errors
    /// [`WireError::NotSent`] is certainly not done; after the others the caller must look before it repeats.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError>;
}

/// Why there is no answer. Never holds a URL or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The request did not leave: no connection could be made.
    #[error("no connection could be made")]
    NotSent,
    /// The connection broke after the request had begun to leave.
    #[error("the connection broke before the answer was read")]
    Broken,
    /// No answer came in time.
    #[error("no answer came in time")]
    TimedOut,
}

/// The shortest wait that is taken from a vendor: one that names none would be asked as fast as it answers.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait that is taken from a vendor: what is further in the future is a mistake, and a day is soon enough to
/// ask again.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a vendor asks to be left alone: `Retry-After` in seconds or as a date, between a second and a day. `None` if it
/// does not say, or says nonsense. `now_ms` is in milliseconds since 1970.
///
/// <https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3>
pub fn retry_after(headers: &HeaderMap, now_ms: i64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let secs = match text.parse::<f64>() {
        Ok(secs) => secs,
        Err(_) => {
            let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            // Its clock and ours may differ; that is what the shortest wait is for.
            (until.as_millisecond() - now_ms).max(0) as f64 / 1000.0
        }
    };
    let secs = Some(secs).filter(|secs| *secs >= 0.0)?;
    Some(Duration::from_secs_f64(secs.min(LONGEST.as_secs_f64())).max(SHORTEST))
}

/// The network.
pub struct HttpWire {
    client: reqwest::Client,
}

impl HttpWire {
    /// How long a call may take.
    pub const DEADLINE: Duration = Duration::from_secs(30);
    /// How long a connection may take.
    const CONNECT: Duration = Duration::from_secs(5);
    /// The largest answer that is read, in bytes.
    const LARGEST_ANSWER: usize = 64 << 20;

    /// A client that follows no redirect, so that no credential travels to a host that is not configured.
    ///
    /// # Errors
    /// The TLS roots of this machine cannot be read: the caller should stop and say so.
    pub fn new() -> anyhow::Result<Self> {
        Self::of(reqwest::Client::builder())
    }

    /// A client that asks no proxy, for the sandbox.
    ///
    /// # Errors
    /// As [`HttpWire::new`].
    pub fn without_proxy() -> anyhow::Result<Self> {
        Self::of(reqwest::Client::builder().no_proxy())
    }

    fn of(builder: reqwest::ClientBuilder) -> anyhow::Result<Self> {
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Self::CONNECT)
            .timeout(Self::DEADLINE)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_nodelay(true)
            .user_agent(concat!("sidethread/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(HttpWire { client })
    }
}

#[async_trait]
impl Wire for HttpWire {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let request = reqwest::Request::try_from(request).map_err(|_| WireError::NotSent)?;
        let mut answer = self.client.execute(request).await.map_err(read_error)?;
        let mut builder = http::Response::builder().status(answer.status());
        if let Some(headers) = builder.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        // Most answers come in one chunk, which is passed on as it is.
        let mut body = answer.chunk().await.map_err(read_error)?.unwrap_or_default();
        let mut joined = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(read_error)? {
            if joined.is_empty() {
                joined.extend_from_slice(&body);
            }
            joined.extend_from_slice(&chunk);
            if joined.len() > Self::LARGEST_ANSWER {
                return Err(WireError::Broken);
            }
        }
        if !joined.is_empty() {
            body = Bytes::from(joined);
        }
        builder.body(body).map_err(|_| WireError::Broken)
    }
}

fn read_error(error: reqwest::Error) -> WireError {
    if error.is_connect() || error.is_builder() {
        WireError::NotSent
    } else if error.is_timeout() {
        WireError::TimedOut
    } else {
        WireError::Broken
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_or_as_a_date_and_kept_within_bounds() {
        // 1994-11-06 08:49:37 UTC, the date of the specification's examples.
        const DATE_MS: i64 = 784_111_777_000;
        let table: [(&'static str, Option<u64>); 14] = [
            ("93", Some(93)),
            (" 1 ", Some(1)),
            ("0", Some(1)),
            ("0.2", Some(1)),
            ("3600", Some(3600)),
            ("1e300", Some(86_400)),
            ("inf", Some(86_400)),
            ("soon", None),
            ("-1", None),
            ("NaN", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(1)),
            ("Tue, 06 Nov 2094 08:49:37 GMT", None),
        ];
        for (value, expected) in table {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(retry_after(&headers, DATE_MS), expected.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), DATE_MS), None);
    }
}
