//! What the app shows in Slack besides cards and notices, one file a view: pure functions from what is to be shown to
//! Block Kit.

mod choose;
mod home;
mod not_yet;
mod offer;

pub use choose::{CHOOSE_DONE, CHOOSE_REOPEN, Choice, choose};
pub use home::home;
pub use not_yet::{ATTACH_SHORTCUT, NEW_SHORTCUT, Shortcut, not_yet};
pub use offer::{START_ON_FOLLOW_UP, offer};

use serde_json::{Value, json};

/// A section of mrkdwn in which Slack makes no links or mentions of what only looks like them.
fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// A label of a button, or a title.
fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}
