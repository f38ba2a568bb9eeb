//! slack-morphism's transport over our own [`Wire`]: deadlines, base address and errors without bodies.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use slack_morphism::errors::{
    SlackClientApiError, SlackClientError, SlackClientHttpError, SlackClientHttpProtocolError, SlackRateLimitError,
};
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::{
    ClientResult, SlackClientApiCallContext, SlackClientHttpConnector, SlackClientId, SlackClientSecret,
};
use url::Url;

use crate::engine::clock::Clock;
use crate::wire::{Wire, WireError, retry_after};

/// The transport.
#[derive(Clone)]
pub struct WireConnector {
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
    api_url: String,
    token: SecretString,
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
}

impl WireConnector {
    /// `api_url` has no slash at its end.
    pub fn new(wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, api_url: &str, token: SecretString) -> Self {
        WireConnector { wire, clock, api_url: api_url.trim_end_matches('/').to_owned(), token }
    }

    async fn send<RS>(&self, method: http::Method, uri: Url, body: Option<Vec<u8>>) -> ClientResult<RS>
    where
        RS: for<'de> Deserialize<'de>,
    {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.token.expose_secret()))
            .map_err(|_| protocol(WireError::NotSent))?;
        // Debug output leaves it out, and HTTP/2 keeps it out of its tables.
        bearer.set_sensitive(true);
        let mut request =
            http::Request::builder().method(method).uri(uri.as_str()).header(header::AUTHORIZATION, bearer);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        }
        let request = request.body(Bytes::from(body.unwrap_or_default())).map_err(|_| protocol(WireError::NotSent))?;
        let response = self.wire.send(request).await.map_err(protocol)?;
        let status = response.status();
        if status == http::StatusCode::TOO_MANY_REQUESTS {
            let after = retry_after(response.headers(), self.clock.now_ms());
            return Err(SlackClientError::RateLimitError(SlackRateLimitError::new().opt_retry_after(after)));
        }
        // What is not in Slack's words, whatever its status, comes from a proxy or an outage and is no verdict: a page, or a
        // refusal that names no error. slack-morphism's own connector would take a page for success.
        let http_error = || SlackClientError::HttpError(SlackClientHttpError::new(status));
        if status.is_server_error() {
            return Err(http_error());
        }
        let unclear = || if status.is_success() { unreadable() } else { http_error() };
        let envelope: Envelope = serde_json::from_slice(response.body()).map_err(|_| unclear())?;
        if !envelope.ok {
            let code = envelope.error.filter(|code| is_code(code)).ok_or_else(unclear)?;
            return Err(SlackClientError::ApiError(SlackClientApiError::new(code)));
        }
        if !status.is_success() {
            return Err(http_error());
        }
        serde_json::from_slice(response.body()).map_err(|_| unreadable())
    }
}

/// Whether this is one of Slack's error codes: a word in small letters.
fn is_code(code: &str) -> bool {
    !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
}

fn protocol(error: WireError) -> SlackClientError {
    SlackClientError::HttpProtocolError(SlackClientHttpProtocolError::new().with_cause(Box::new(error)))
}

fn unreadable() -> SlackClientError {
    SlackClientError::HttpProtocolError(SlackClientHttpProtocolError::new())
}

impl SlackClientHttpConnector for WireConnector {
    fn http_get_uri<'a, RS>(
        &'a self,
        full_uri: Url,
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        self.send(http::Method::GET, full_uri, None).boxed()
    }

    fn http_get_with_client_secret<'a, RS>(
        &'a self,
        _full_uri: Url,
        _client_id: &'a SlackClientId,
        _client_secret: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        // OAuth installs are not offered: every firm makes its own app from the manifest.
        std::future::ready(Err(protocol(WireError::NotSent))).boxed()
    }

    fn http_post_uri<'a, RQ, RS>(
        &'a self,
        full_uri: Url,
        request_body: &'a RQ,
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RQ: serde::ser::Serialize + Send + Sync,
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        match serde_json::to_vec(request_body) {
            Ok(body) => self.send(http::Method::POST, full_uri, Some(body)).boxed(),
            Err(_) => std::future::ready(Err(protocol(WireError::NotSent))).boxed(),
        }
    }

    fn http_post_uri_multipart_form<'a, 'p, RS, PT, TS>(
        &'a self,
        _full_uri: Url,
        _file: Option<FileMultipartData<'p>>,
        _params: &'p PT,
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
        PT: IntoIterator<Item = (&'p str, Option<TS>)> + Clone,
        TS: AsRef<str> + 'p + Send,
    {
        std::future::ready(Err(protocol(WireError::NotSent))).boxed()
    }

    fn http_post_uri_binary<'a, 'p, RS>(
        &'a self,
        _full_uri: Url,
        _content_type: String,
        _data: &'a [u8],
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        std::future::ready(Err(protocol(WireError::NotSent))).boxed()
    }

    fn create_method_uri_path(&self, method_relative_uri: &str) -> ClientResult<Url> {
        Ok(format!("{}/{method_relative_uri}", self.api_url).parse()?)
    }
}
