//! The Slack half: the token, its workspace, its scopes.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use url::form_urlencoded;

use super::Report;
use super::ask::{Answer, Asker, authorize, below};
use crate::cli::manifest::{BOT_SCOPES, OPTIONAL_SCOPES};
use crate::config::Config;

/// Why Slack did not do what it was asked.
pub(super) struct Refusal {
    /// Slack's code, empty when there was no readable answer.
    pub(super) code: String,
    /// A clause such as `Slack refused: …`, without a full stop.
    pub(super) what: String,
    /// What to do about it, a sentence.
    pub(super) remedy: String,
    answer: Option<Answer>,
}

/// Calls a method of Slack's API; a form, since not every method takes JSON.
pub(super) async fn call(
    config: &Config,
    asker: &Asker<'_>,
    method: &str,
    arguments: &[(&str, &str)],
) -> Result<Answer, Refusal> {
    let unreadable =
        |what: String, remedy: &str| Refusal { code: String::new(), what, remedy: remedy.to_owned(), answer: None };
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(arguments).finish();
    let mut request = Request::post(below(&config.slack.api_url, method))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .map_err(|_| unreadable("slack.api_url cannot be called".to_owned(), "Look at slack.api_url."))?;
    authorize(&mut request, &format!("Bearer {}", config.slack.bot_token.expose_secret()));
    let answer = asker.ask(request).await.map_err(|error| {
        let remedy = "Look at slack.api_url and at this machine's network, proxy and certificates.";
        unreadable(format!("Slack cannot be reached: {error}"), remedy)
    })?;
    if answer.flag("/ok") {
        return Ok(answer);
    }
    let code = answer.text("/error");
    if code.is_empty() {
        let what = format!("Slack answered HTTP {} and nothing that can be read", answer.status.as_u16());
        return Err(unreadable(what, "Look at slack.api_url; if it is right, try again in a few minutes."));
    }
    let (why, remedy) = explain(&code, &answer);
    Err(Refusal { what: format!("Slack refused: {why} ({code})"), code, remedy, answer: Some(answer) })
}

/// Looks at the token; true if further questions to Slack make sense.
pub(super) async fn check(config: &Config, asker: &Asker<'_>, report: &mut Report) -> bool {
    let answer = match call(config, asker, "auth.test", &[]).await {
        Ok(answer) => answer,
        Err(refusal) => {
            report.fail(format!("{}.", refusal.what), refusal.remedy);
            if let Some(answer) = refusal.answer {
                answer.judge_clock("Slack", report);
            }
            return false;
        }
    };
    let (user, team, team_id) = (answer.text("/user"), answer.text("/team"), answer.text("/team_id"));
    if answer.flag("/is_enterprise_install") {
        report.fail(
            "The Slack app is installed for a whole organisation.",
            "Install it in one workspace instead, and use that bot token: channels are looked for in one workspace.",
        );
    } else {
        report.good(format!("Slack takes the bot token: it is {user} in the workspace {team} ({team_id})."));
    }
    scopes(&answer, report);
    answer.judge_clock("Slack", report);
    true
}

fn scopes(answer: &Answer, report: &mut Report) {
    let Some(granted) = answer.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok()) else {
        let remedy = "If something is refused later, compare the app's scopes with `sidethread manifest`.";
        return report.warn("Slack does not say which scopes the token has.", remedy);
    };
    let granted: Vec<&str> = granted.split(',').map(str::trim).collect();
    let missing: Vec<&str> = BOT_SCOPES.iter().copied().filter(|scope| !granted.contains(scope)).collect();
    const REMEDY: &str =
        "Put the output of `sidethread manifest` into the app's settings (App Manifest), then reinstall the app.";
    if missing.is_empty() {
        return report.good("The Slack app has every scope that it needs.");
    }
    let scopes = format!("{}: {}", plural(missing.len(), "a scope", "scopes"), missing.join(", "));
    // As after an upgrade, with an app that was made from an older manifest.
    if missing.iter().all(|scope| OPTIONAL_SCOPES.contains(scope)) {
        report
            .warn(format!("The Slack app lacks {scopes}. Messages travel; what needs more does not work yet."), REMEDY);
    } else {
        report.fail(format!("The Slack app lacks {scopes}."), REMEDY);
    }
}

fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

fn explain(code: &str, answer: &Answer) -> (String, String) {
    const TOKEN: &str = "Copy the Bot User OAuth Token from OAuth & Permissions into slack.bot_token.";
    const REINSTALL: &str = "Reinstall the app in the workspace and put its new bot token into slack.bot_token.";
    let (why, remedy) = match code {
        "invalid_auth" => ("slack.bot_token is unknown, or this machine's address is not on the allowed list", TOKEN),
        "not_authed" => ("slack.bot_token did not arrive", "Look for a proxy that drops the Authorization header."),
        "token_revoked" => ("slack.bot_token was revoked", REINSTALL),
        "account_inactive" => ("the app was removed from the workspace", REINSTALL),
        "token_expired" => (
            "slack.bot_token has expired, so the app uses token rotation",
            "It cannot be switched off: make a new app from `sidethread manifest` and use its bot token.",
        ),
        "not_allowed_token_type" => ("slack.bot_token is not a bot token", TOKEN),
        "org_login_required" | "two_factor_setup_required" | "accesslimited" | "app_access_restricted" => {
            ("the workspace's rules keep the app out", "Ask an admin of the workspace to approve the app.")
        }
        "missing_scope" | "no_permission" => {
            let needed = match answer.text("/needed") {
                needed if needed.is_empty() => "another scope".to_owned(),
                needed => format!("the scope {needed}"),
            };
            let remedy = "Put the output of `sidethread manifest` into the app's settings, then reinstall the app.";
            return (format!("the app needs {needed}"), remedy.to_owned());
        }
        "team_access_not_granted" => {
            ("the app is not in this workspace", "Ask an admin of the organisation to add it to the workspace.")
        }
        "ratelimited" | "rate_limited" => ("there were too many calls", "Try again in a few minutes."),
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            ("Slack has trouble of its own", "Try again in a few minutes.")
        }
        _ => ("it gives this code", "Look the code up in Slack's reference."),
    };
    (why.to_owned(), remedy.to_owned())
}
