//! Who is calling: bearer tokens, `email/token:TOKEN`, and the OAuth call that gives tokens out.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::world::{Token, World};

/// What the credentials of a call say.
pub(super) enum Caller {
    /// There are none, or they are wrong.
    Nobody,
    /// A token that has ended.
    Ended,
    /// A user, with the scope if the token has one.
    User(i64, Option<String>),
}

impl World {
    pub(super) fn caller(&self, headers: &HeaderMap, now: i64) -> Caller {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
        let (scheme, rest) = given.split_once(' ').unwrap_or((given, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            return match self.tokens.get(rest.trim()) {
                Some(token) if token.ends_at.is_some_and(|ends| ends <= now) => Caller::Ended,
                Some(token) if self.users.get(&token.user).is_some_and(|user| user.active()) => {
                    Caller::User(token.user, token.scope.clone())
                }
                _ => Caller::Nobody,
            };
        }
        if scheme.eq_ignore_ascii_case("basic") {
            return self.basic(rest.trim()).map_or(Caller::Nobody, |user| Caller::User(user, None));
        }
        Caller::Nobody
    }

    /// An API token is the account's: it works with the address of any active agent.
    fn basic(&self, encoded: &str) -> Option<i64> {
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (name, secret) = decoded.split_once(':')?;
        let email = name.strip_suffix("/token")?;
        let user = *self.addresses.get(&email.to_lowercase())?;
        (secret == self.options.api_token && self.is_agent(user)).then_some(user)
    }
}

/// The scope a call needs and a token lacks.
pub(super) fn missing_scope(scope: Option<&str>, method: &str, path: &str) -> Option<&'static str> {
    let needed = if method == "GET" { "read" } else { "write" };
    let granted: Vec<&str> = scope?.split_whitespace().collect();
    let resource = path.split('/').next().unwrap_or("");
    // Recorded: audits are not in the scope of tickets. Whether side conversations are is not documented.
    let of_resource = format!("{resource}:{needed}");
    let narrow = !path.ends_with("/audits") && granted.contains(&of_resource.as_str());
    (!granted.contains(&needed) && !narrow).then_some(needed)
}

/// `client_credentials`: a token that acts as the app's user and ends.
pub(super) fn token(world: &mut World, ask: &Ask) -> Outcome {
    const SHORTEST: i64 = 300;
    const LONGEST: i64 = 172_800;
    const USUAL: i64 = 1_800;
    let given = if ask.header("content-type").unwrap_or("").starts_with("application/x-www-form-urlencoded") {
        let pairs = url::form_urlencoded::parse(&ask.body);
        Map::from_iter(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))))
    } else {
        ask.json()?
    };
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or("");
    let refused = |status: u16, error: &str, description: &str| {
        Answer::json(status, json!({"error": error, "error_description": description}))
    };
    if text("client_id") != world.options.oauth_client_id || text("client_secret") != world.options.oauth_client_secret
    {
        return Err(refused(
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.",
        ));
    }
    if text("grant_type") != "client_credentials" {
        return Err(refused(400, "unsupported_grant_type", "The authorization grant type is not supported."));
    }
    let lives = match given.get("expires_in") {
        None | Some(Value::Null) => USUAL,
        Some(value) => value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0),
    };
    if !(SHORTEST..=LONGEST).contains(&lives) {
        return Err(refused(400, "invalid_request", "expires_in must be between 300 and 172800 seconds"));
    }
    let scope = Some(text("scope").trim()).filter(|scope| !scope.is_empty()).map(str::to_owned);
    let token = world.secret(64);
    let shown = scope.clone().unwrap_or_else(|| "read write".into());
    let ends_at = Some(ask.now.saturating_add(lives * 1000));
    world.tokens.insert(token.clone(), Token { user: world.app_user, ends_at, scope });
    Ok(Answer::ok(json!({
        "access_token": token, "token_type": "bearer", "scope": shown, "expires_in": lives,
    })))
}
