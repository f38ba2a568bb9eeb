//! The Zendesk half: the credential, the rights of its user, and whether side conversations are on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Report;
use super::ask::{Answer, Asker, authorize, below};
use crate::config::{Config, ZendeskCredential};

const SWITCH: &str = "Admin Center, Workspaces, Agent tools, Side conversations";

/// Looks at the credential, its user and the account.
pub(super) async fn check(config: &Config, asker: &Asker<'_>, report: &mut Report) {
    let Some(credential) = credential(config, asker, report).await else { return };
    let Some(me) = get(config, asker, &credential, "api/v2/users/me", report).await else { return };
    me.judge_clock("Zendesk", report);
    if !user(config, &me, report) {
        return;
    }
    if let Some(settings) = get(config, asker, &credential, "api/v2/account/settings", report).await {
        side_conversations(&settings, report);
    }
}

async fn credential(config: &Config, asker: &Asker<'_>, report: &mut Report) -> Option<String> {
    let (id, secret) = match &config.zendesk.credential {
        ZendeskCredential::AccessToken(token) => return Some(format!("Bearer {}", token.expose_secret())),
        ZendeskCredential::ApiToken { email, token } => {
            return Some(format!("Basic {}", STANDARD.encode(format!("{email}/token:{}", token.expose_secret()))));
        }
        ZendeskCredential::Client { id, secret } => (id, secret),
    };
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": id,
        "client_secret": secret.expose_secret(),
        "scope": "read write",
    });
    let request = Request::post(below(&config.zendesk.url, "oauth/tokens"))
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()));
    let answer = send(asker, request.ok()?, report).await?;
    if let Some(token) = answer.body.get("access_token").and_then(Value::as_str)
        && answer.status.is_success()
    {
        report.good("Zendesk gives the OAuth client a token.");
        return Some(format!("Bearer {token}"));
    }
    answer.judge_clock("Zendesk", report);
    match (answer.status, answer.text("/error").as_str()) {
        (StatusCode::UNAUTHORIZED, _) | (_, "invalid_client") => report.fail(
            "Zendesk does not accept the OAuth client: zendesk.client_id or zendesk.client_secret is wrong.",
            "Compare both with Admin Center, Apps and integrations, APIs, OAuth clients; a new secret ends the old one.",
        ),
        (_, "invalid_scope") => report.fail(
            "Zendesk does not allow the OAuth client of zendesk.client_id the scopes read and write.",
            "Allow it both in Admin Center, Apps and integrations, APIs, OAuth clients.",
        ),
        (_, "unauthorized_client" | "unsupported_grant_type" | "invalid_grant") => report.fail(
            "The OAuth client of zendesk.client_id is not allowed to sign in by itself.",
            "Make one of the kind \"confidential\", owned by an admin who is active.",
        ),
        _ => unexpected(&answer, "a token for the OAuth client", report),
    }
    None
}

async fn get(config: &Config, asker: &Asker<'_>, credential: &str, path: &str, report: &mut Report) -> Option<Answer> {
    let mut request = Request::get(below(&config.zendesk.url, path)).body(Bytes::new()).ok()?;
    if !authorize(&mut request, credential) {
        report.fail("Zendesk's token holds characters that cannot be sent.", "Make a new one.");
        return None;
    }
    send(asker, request, report).await
}

async fn send(asker: &Asker<'_>, request: Request<Bytes>, report: &mut Report) -> Option<Answer> {
    match asker.ask(request).await {
        Ok(answer) => Some(answer),
        Err(error) => {
            let remedy = "Look at zendesk.url and at this machine's network, proxy and certificates.";
            report.fail(format!("Zendesk cannot be reached: {error}."), remedy);
            None
        }
    }
}

/// Zendesk answers 200 with an anonymous user where others answer 401.
fn user(config: &Config, me: &Answer, report: &mut Report) -> bool {
    let keys = match &config.zendesk.credential {
        ZendeskCredential::Client { .. } => "zendesk.client_id and zendesk.client_secret",
        ZendeskCredential::AccessToken(_) => "zendesk.access_token",
        ZendeskCredential::ApiToken { .. } => "zendesk.email and zendesk.api_token",
    };
    let anonymous =
        me.status.is_success() && me.body.is_object() && !me.body.pointer("/user/id").is_some_and(Value::is_i64);
    if me.status == StatusCode::UNAUTHORIZED || anonymous {
        report.fail("Zendesk does not know who calls: the credential is not valid.", format!("Look at {keys}."));
        return false;
    }
    if me.status == StatusCode::FORBIDDEN {
        let what = "Zendesk does not let the credential read its own user.";
        report.fail(what, format!("Give {keys} the scopes read and write."));
        return false;
    }
    if !me.status.is_success() || !me.body.is_object() {
        unexpected(me, "who the credential belongs to", report);
        return false;
    }
    let name = me.text("/user/name");
    if me.flag("/user/suspended") {
        report.fail(format!("Zendesk has suspended the credential's user, {name}."), "Reactivate that user.");
        return false;
    }
    match me.text("/user/role").as_str() {
        "admin" => report.good(format!("Zendesk takes the credential: it is {name}, an admin.")),
        "agent" => report.warn(
            format!(
                "Zendesk takes the credential: it is {name}, an agent and no admin. Without an admin the account-wide list \
                 of side conversations cannot be read: a change that no trigger reports is found late or never, as on \
                 closed tickets."
            ),
            "Use a credential of an admin.",
        ),
        _ => {
            let what = format!("The credential's user, {name}, is neither an agent nor an admin in Zendesk.");
            report.fail(what, "Use a credential of an admin.");
            return false;
        }
    }
    true
}

fn side_conversations(settings: &Answer, report: &mut Report) {
    if settings.status == StatusCode::FORBIDDEN {
        let what =
            "Whether side conversations are on cannot be seen: the credential may not read the account's settings.";
        return report.warn(what, format!("Make sure in {SWITCH} that e-mail is on."));
    }
    if !settings.status.is_success() || !settings.body.is_object() {
        return unexpected(settings, "the account's settings", report);
    }
    // The key is missing altogether where the feature was never on.
    if settings.flag("/settings/side_conversations/email_channel") {
        report.good("Side conversations by e-mail are on in Zendesk.");
    } else {
        report.fail(
            "Side conversations by e-mail are off in Zendesk.",
            format!("Switch them on in {SWITCH}; if that is not there, the plan lacks the Collaboration add-on."),
        );
    }
}

fn unexpected(answer: &Answer, wanted: &str, report: &mut Report) {
    let status = answer.status.as_u16();
    let what = format!("Zendesk was asked for {wanted} and answered HTTP {status}.");
    let remedy = if answer.headers.contains_key(LOCATION) {
        "zendesk.url leads elsewhere: write the account's own address, as in https://acme.zendesk.com."
    } else if status == 404 {
        "There is no such account: look at zendesk.url."
    } else {
        "Look at zendesk.url; if it is right, try again in a few minutes."
    };
    report.fail(what, remedy);
}
