//! How the app proves itself: a header that stands in the settings, or an access token that ends and is asked for anew.
//!
//! <https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;

use super::{decode, errors};
use crate::config::ZendeskCredential;
use crate::engine::clock::Clock;
use crate::engine::outside::CallError;
use crate::wire::Wire;

/// A token is not used in its last minute, so that it does not end on the way.
const MARGIN_SECS: i64 = 60;
/// What Zendesk gives a client's tokens by default, for an answer that does not say.
const USUAL_SECS: i64 = 1800;
const REFUSED: &str = "Zendesk gives the app no access token: check client_id and client_secret in the settings, and \
                       that the person whom the OAuth client belongs to is still an agent.";
const UNUSABLE: &str = "The Zendesk credential in the settings holds characters that no header can carry.";

/// The `Authorization` header of every call.
pub struct Auth {
    kind: Kind,
}

enum Kind {
    Fixed(Option<HeaderValue>),
    Client { id: String, secret: SecretString, token: Mutex<Option<Token>> },
}

struct Token {
    header: HeaderValue,
    until_ms: i64,
}

impl Auth {
    /// Takes the credential of the settings.
    pub fn new(credential: ZendeskCredential) -> Self {
        let kind = match credential {
            ZendeskCredential::Client { id, secret } => Kind::Client { id, secret, token: Mutex::new(None) },
            ZendeskCredential::AccessToken(token) => Kind::Fixed(secret_header(&bearer(token.expose_secret()))),
            ZendeskCredential::ApiToken { email, token } => {
                let pair = STANDARD.encode(format!("{email}/token:{}", token.expose_secret()));
                Kind::Fixed(secret_header(&format!("Basic {pair}")))
            }
        };
        Auth { kind }
    }

    /// The header to send; other calls wait while one asks for a token.
    ///
    /// # Errors
    /// `Paused` when Zendesk itself refuses a token, `Later` when it cannot be asked; the call itself was not made.
    pub async fn header(&self, wire: &dyn Wire, clock: &dyn Clock, base: &Url) -> Result<HeaderValue, CallError> {
        let paused = |why: &str| CallError::Paused { why: why.to_owned() };
        let (id, secret, token) = match &self.kind {
            Kind::Fixed(header) => return header.clone().ok_or_else(|| paused(UNUSABLE)),
            Kind::Client { id, secret, token } => (id, secret, token),
        };
        let mut token = token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| clock.now_ms() < token.until_ms) {
            return Ok(token.header.clone());
        }
        let asked_ms = clock.now_ms();
        let body = json!({
            "grant_type": "client_credentials", "client_id": id, "client_secret": secret.expose_secret(),
            "scope": "read write",
        });
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["oauth", "tokens"]);
        }
        let request = Request::post(url.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .map_err(|_| paused(UNUSABLE))?;
        // A token that is lost on the way harms nobody, so this is a read.
        let answer = wire.send(request).await.map_err(|error| errors::of_a_read(errors::of_the_wire(&error)))?;
        let status = answer.status().as_u16();
        tracing::debug!(zendesk.call = "POST oauth/tokens", http.status = status, "Zendesk answered");
        if !answer.status().is_success() {
            let told = errors::is_zendesks(answer.body());
            return Err(match (status, errors::of_an_answer(status, answer.headers(), answer.body(), asked_ms)) {
                (400..=403, _) if told => paused(REFUSED),
                (_, CallError::Refused { .. }) => paused(REFUSED),
                (_, other) => errors::of_a_read(other),
            });
        }
        let given = decode::json(answer.body()).unwrap_or_default();
        let header = given
            .get("access_token")
            .and_then(serde_json::Value::as_str)
            .and_then(|token| secret_header(&bearer(token)))
            .ok_or_else(|| CallError::Later { after: None, problem: "the answer holds no access token".to_owned() })?;
        let lives = given.get("expires_in").and_then(decode::number).unwrap_or(USUAL_SECS).clamp(1, 1 << 31);
        let until_ms = asked_ms + (lives - MARGIN_SECS).max(1) * 1000;
        *token = Some(Token { header: header.clone(), until_ms });
        Ok(header)
    }

    /// Forgets the token in `refused`, unless another call has done so; false if there is none to ask for anew.
    pub async fn forget(&self, refused: &HeaderValue) -> bool {
        let Kind::Client { token, .. } = &self.kind else { return false };
        token.lock().await.take_if(|token| token.header == refused);
        true
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
