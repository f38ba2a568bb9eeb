//! `sidethread manifest`: the description from which Slack makes the app.
//!
//! `manifest.yml` is the template itself, so the file and what is printed cannot differ; a test keeps
//! it equal to the constants, which the rest of the app goes by, and within Slack's limits.

use crate::config::Config;
pub use crate::http::{COMMANDS_PATH, EVENTS_PATH, INTERACTIONS_PATH};

const TEMPLATE: &str = include_str!("../../manifest.yml");
const EXAMPLE_URL: &str = "https://bridge.example.com";

/// The command that people type in Slack.
pub const COMMAND: &str = "/side-convo";
/// What the app may do in a workspace.
pub const BOT_SCOPES: &[&str] = &[
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "commands",
    // For attachments: asked for from the start, because each further scope means another approval by an admin.
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    // For direct messages to the assignee: to open them, and to find one whose call had no answer.
    "im:history",
    "im:write",
    "team:read",
    "users:read",
    "users:read.email",
];

/// What Slack tells the app about.
pub const BOT_EVENTS: &[&str] = &[
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_rename",
    "channel_shared",
    "channel_unarchive",
    "channel_unshared",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "tokens_revoked",
    "user_change",
];

/// Makes the manifest for this installation, as YAML to be pasted into Slack.
pub fn run(config: &Config) -> String {
    // A URL in its normal form holds no quote and no backslash, so it cannot leave the YAML string.
    TEMPLATE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.replace(EXAMPLE_URL, config.server.public_url.as_str().trim_end_matches('/')) + "\n")
        .collect()
}
