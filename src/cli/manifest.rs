//! `sidethread manifest`: the description from which Slack makes the app.
//!
//! `manifest.yml` is the template itself, so the file and what is printed cannot differ; a test keeps
//! it equal to the constants, which the rest of the app goes by, and within Slack's limits.

use crate::config::Config;
pub use crate::http::{COMMANDS_PATH, EVENTS_PATH, INTERACTIONS_PATH};
pub use crate::slack::views::{ATTACH_SHORTCUT, NEW_SHORTCUT};

const TEMPLATE: &str = include_str!("../../manifest.yml");
const EXAMPLE_URL: &str = "https://bridge.example.com";

/// The command that people type in Slack.
pub const COMMAND: &str = "/side-convo";
/// What the app may do in a workspace. All is asked for from the start: each further scope means another approval by
/// an admin. `docs/install.md` says what each one is for.
pub const BOT_SCOPES: &[&str] = &[
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "commands",
    "emoji:read",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
];
/// Those of [`BOT_SCOPES`] without which messages still travel both ways.
pub const OPTIONAL_SCOPES: &[&str] = &["emoji:read", "im:read", "reactions:read", "reactions:write", "usergroups:read"];

/// What Slack tells the app about.
pub const BOT_EVENTS: &[&str] = &[
    "app_home_opened",
    "app_uninstalled",
    "channel_archive",
    "channel_created",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_rename",
    "channel_shared",
    "channel_unarchive",
    "channel_unshared",
    "emoji_changed",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "reaction_added",
    "reaction_removed",
    "subteam_created",
    "subteam_updated",
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
