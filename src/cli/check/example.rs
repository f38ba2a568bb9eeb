//! What was left as it stands in the example.

use secrecy::{ExposeSecret, SecretString};

use super::Report;
use crate::config::{Config, ZendeskCredential};

/// How the example's secrets end.
const PLACEHOLDER: &str = "replace-me";
const EXAMPLES_HOST: &str = "bridge.example.com";

/// Looks for placeholders. Only what the vendors sign with can pass for real: nobody else notices that it is wrong.
pub(super) fn check(config: &Config, report: &mut Report) {
    let left = |secret: &SecretString| secret.expose_secret().ends_with(PLACEHOLDER);
    let mut still = |key: &str, remedy: &str| {
        report.fail(format!("{key} is still what the example says."), remedy);
    };
    if config.server.public_url.host_str() == Some(EXAMPLES_HOST) {
        still("server.public_url", "Set it to the address under which Slack and Zendesk reach this machine.");
    }
    if left(&config.slack.bot_token) {
        still("slack.bot_token", "Copy the Bot User OAuth Token from OAuth & Permissions in the Slack app's settings.");
    }
    if config.slack.signing_secrets.iter().any(left) {
        still("slack.signing_secret", "Copy the Signing Secret from Basic Information in the Slack app's settings.");
    }
    if matches!(&config.zendesk.credential, ZendeskCredential::Client { secret, .. } if left(secret)) {
        still("zendesk.client_secret", "Copy the secret of the OAuth client from Zendesk's Admin Center.");
    }
    if config.zendesk.webhook_secrets.iter().any(left) {
        still("zendesk.webhook_secret", "Copy it from the webhook's page in Zendesk's Admin Center, Reveal secret.");
    }
}
