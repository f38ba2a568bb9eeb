//! The methods: which take JSON, what they need, and how often they may be called.
//!
//! From the method reference, <https://docs.slack.dev/reference/methods>, as of August 2026.

use super::super::budget::Tier;
use super::super::world::Workspace;
use super::args::Args;
use super::{Answer, Caller, chat, conversations, files, history, reactions, users, views};

type Run = fn(&mut Workspace<'_>, &Caller, &Args) -> Answer;

pub struct Method {
    pub name: &'static str,
    pub json: bool,
    /// Any one of these; the kind of channel may narrow it down further.
    pub scopes: &'static [&'static str],
    pub tier: Tier,
    pub required: &'static [&'static str],
    pub run: Run,
}

/// What a person's own client may do.
pub const PERSONS_SCOPES: &[&str] = &[
    "identify",
    "channels:history",
    "channels:read",
    "channels:write",
    "chat:write",
    "emoji:read",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
    "users:read.email",
];

const READ: &[&str] = &["channels:read", "groups:read", "im:read", "mpim:read"];
const HISTORY: &[&str] = &["channels:history", "groups:history", "im:history", "mpim:history"];
const OPEN: &[&str] = &["channels:manage", "channels:write", "groups:write", "im:write", "mpim:write"];
const WRITE: &[&str] = &["chat:write"];
const USERS: &[&str] = &["users:read"];
const FILES: &[&str] = &["files:write"];

const fn method(
    name: &'static str,
    json: bool,
    scopes: &'static [&'static str],
    tier: Tier,
    required: &'static [&'static str],
    run: Run,
) -> Method {
    Method { name, json, scopes, tier, required, run }
}

static METHODS: &[Method] = &[
    method("api.test", true, &[], Tier::Four, &[], users::auth_test),
    method("auth.test", true, &[], Tier::Special, &[], users::auth_test),
    method("bots.info", false, USERS, Tier::Three, &[], users::bots_info),
    method("chat.delete", true, WRITE, Tier::Three, &["channel", "ts"], chat::delete),
    method("chat.getPermalink", false, &[], Tier::Special, &["channel", "message_ts"], chat::permalink),
    method("chat.postEphemeral", true, WRITE, Tier::Four, &["channel", "user"], chat::post_ephemeral),
    method("chat.postMessage", true, WRITE, Tier::Posts, &["channel"], chat::post_message),
    method("chat.update", true, WRITE, Tier::Three, &["channel", "ts"], chat::update),
    method("conversations.history", true, HISTORY, Tier::Three, &["channel"], history::history),
    method("conversations.info", false, READ, Tier::Three, &["channel"], conversations::info),
    method(
        "conversations.join",
        true,
        &["channels:join", "channels:write"],
        Tier::Three,
        &["channel"],
        conversations::join,
    ),
    method("conversations.list", false, READ, Tier::Two, &[], conversations::list),
    method("conversations.members", false, READ, Tier::Four, &["channel"], conversations::members),
    method("conversations.open", true, OPEN, Tier::Three, &[], conversations::open),
    method("conversations.replies", false, HISTORY, Tier::Three, &["channel", "ts"], history::replies),
    method("emoji.list", false, &["emoji:read"], Tier::Two, &[], views::emoji),
    method("files.completeUploadExternal", true, FILES, Tier::Four, &["files"], files::complete_upload),
    method("files.delete", true, FILES, Tier::Three, &["file"], files::delete),
    method("files.getUploadURLExternal", false, FILES, Tier::Four, &["filename", "length"], files::get_upload_url),
    method("files.info", false, &["files:read"], Tier::Four, &["file"], files::info),
    method("reactions.add", true, &["reactions:write"], Tier::Three, &["channel", "name", "timestamp"], reactions::add),
    method("reactions.get", false, &["reactions:read"], Tier::Three, &[], reactions::get),
    method("reactions.remove", true, &["reactions:write"], Tier::Two, &["name"], reactions::remove),
    method("team.info", true, &["team:read"], Tier::Three, &[], users::team_info),
    method("usergroups.list", false, &["usergroups:read"], Tier::Two, &[], views::usergroups),
    method("users.conversations", false, READ, Tier::Three, &[], conversations::of_user),
    method("users.info", false, USERS, Tier::Four, &["user"], users::info),
    method("users.list", false, USERS, Tier::Two, &[], users::list),
    method("users.lookupByEmail", false, &["users:read.email"], Tier::Three, &["email"], users::by_email),
    method("views.open", true, &[], Tier::Four, &["trigger_id", "view"], views::open),
    method("views.publish", true, &[], Tier::Four, &["user_id", "view"], views::publish),
    method("views.push", true, &[], Tier::Four, &["trigger_id", "view"], views::push),
    method("views.update", true, &[], Tier::Four, &["view"], views::update),
];

pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// The names of the methods.
pub fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}
