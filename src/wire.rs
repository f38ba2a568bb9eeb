//! How bytes reach a vendor: one small trait, so that the same clients run over the network and, in
//! a test, straight into a router in the same process.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

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
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(read_error)? {
            if body.len() + chunk.len() > Self::LARGEST_ANSWER {
                return Err(WireError::Broken);
            }
            body.extend_from_slice(&chunk);
        }
        builder.body(Bytes::from(body)).map_err(|_| WireError::Broken)
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
