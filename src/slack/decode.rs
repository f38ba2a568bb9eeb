//! Reads what Slack sends to `/slack/events`. Never fails a signed delivery: what it does not know is a value.
//!
//! Mirrored are the messages of people in threads: plain ones, files (`file_share`), "also send to channel"
//! (`thread_broadcast`) and `/me` (`me_message`). Shapes: <https://docs.slack.dev/reference/events/message>.

use serde_json::Value;

use super::Identity;
use super::views::Shortcut;
use crate::bridge::content::{Doc, file_name, mend_surrogates};
use crate::bridge::event::{SlackMessage, State, What};
use crate::bridge::ids::{ChannelId, SlackUserId, TeamId, ThreadId, Ts};
use crate::engine::intake::Parent;

/// What a delivery is.
#[derive(Debug, PartialEq)]
pub enum Inbound {
    /// Slack checks the address: answer with this text.
    Challenge(String),
    /// Something in a thread, which may be a bridged one.
    InThread {
        /// What makes a repetition the same.
        key: String,
        /// The channel.
        channel: ChannelId,
        /// The thread's parent.
        thread_ts: Ts,
        /// Who wrote it.
        parent: Parent,
        /// What happened.
        what: What,
    },
    /// A button under a question that only its reader sees: something for a thread that stands elsewhere.
    Chosen {
        /// What makes a repetition the same.
        key: String,
        /// The channel of the thread.
        channel: ChannelId,
        /// The thread's parent.
        thread_ts: Ts,
        /// What happened.
        what: What,
        /// The state that is to be set.
        state: State,
        /// Where the question can be replaced.
        response_url: Option<String>,
    },
    /// Something for a side conversation that is being started.
    OfStart {
        /// What makes a repetition the same.
        key: String,
        /// Its thread.
        thread_id: ThreadId,
        /// What happened.
        what: What,
        /// Where the message with the button can be replaced.
        response_url: Option<String>,
    },
    /// Somebody runs a shortcut.
    Shortcut {
        /// Which one.
        shortcut: Shortcut,
        /// Slack's name for this very use, which opens one modal within three seconds.
        trigger_id: String,
    },
    /// Somebody opens the app's Home tab.
    HomeOpened(SlackUserId),
    /// Names a thread, but cannot be read.
    Unreadable {
        /// What makes a repetition the same.
        key: String,
        /// The channel.
        channel: ChannelId,
        /// The thread's parent.
        thread_ts: Ts,
        /// What cannot be read.
        reason: &'static str,
        /// The delivery as it came, without what must not be kept.
        raw: String,
    },
    /// A channel has another id.
    ChannelMoved {
        /// The id that was.
        from: ChannelId,
        /// The id that is.
        to: ChannelId,
    },
    /// Another firm reads in a channel from here on.
    ChannelShared(ChannelId),
    /// Somebody is another than they were.
    PersonChanged(SlackUserId),
    /// A channel is another than it was: who reads in it, whether it takes messages, what it is called.
    ChannelChanged {
        /// The channel.
        channel: ChannelId,
        /// What it is called, if that is said.
        name: Option<String>,
    },
    /// Not mirrored, for this reason; only counted.
    NotMirrored(&'static str),
}

/// Reads the body of a signed request to `/slack/events`.
pub fn event(body: &[u8], us: &Identity) -> Inbound {
    let Ok(envelope) = serde_json::from_slice::<Value>(&mend_surrogates(body)) else {
        return Inbound::NotMirrored("unreadable");
    };
    match text(&envelope, "type") {
        Some("url_verification") => Inbound::Challenge(text(&envelope, "challenge").unwrap_or_default().to_owned()),
        Some("event_callback") => callback(&envelope, us),
        Some("app_rate_limited") => Inbound::NotMirrored("rate_limited"),
        _ => Inbound::NotMirrored("unknown"),
    }
}

/// The channel of an event that says of it, as every event does, that another firm reads there.
/// <https://docs.slack.dev/apis/events-api/#callback-field>
pub fn shared_channel(body: &[u8]) -> Option<ChannelId> {
    const FLAG: &[u8] = b"is_ext_shared_channel";
    // Most events are of channels that are not shared, and need no second reading.
    let is_set = |after: &[u8]| {
        let said = after.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(6);
        said.eq(*b"\":true")
    };
    // A message may hold the word as well.
    let mut found = body.windows(FLAG.len()).enumerate().filter(|(_, some)| *some == FLAG);
    if !found.any(|(at, _)| is_set(&body[at + FLAG.len()..])) {
        return None;
    }
    let envelope: Value = serde_json::from_slice(&mend_surrogates(body)).ok()?;
    let flagged = envelope.get("is_ext_shared_channel").and_then(Value::as_bool) == Some(true);
    text(&envelope["event"], "channel").filter(|_| flagged).map(ChannelId::new)
}

fn callback(envelope: &Value, us: &Identity) -> Inbound {
    if is_foreign(envelope, us) {
        return Inbound::NotMirrored("foreign");
    }
    let event = &envelope["event"];
    match text(event, "type") {
        Some("message") => message(envelope, event, us),
        Some("reaction_added" | "reaction_removed") => Inbound::NotMirrored("reaction"),
        // The tab `messages` is the app's direct messages.
        Some("app_home_opened") => match text(event, "user").filter(|_| text(event, "tab") == Some("home")) {
            Some(user) => Inbound::HomeOpened(SlackUserId::new(user)),
            None => Inbound::NotMirrored("app_home"),
        },
        Some("app_mention") => Inbound::NotMirrored("mention"),
        Some("channel_id_changed") => match (text(event, "old_channel_id"), text(event, "new_channel_id")) {
            (Some(from), Some(to)) => Inbound::ChannelMoved { from: ChannelId::new(from), to: ChannelId::new(to) },
            _ => Inbound::NotMirrored("unreadable"),
        },
        Some("channel_shared") if text(event, "channel").is_some() => {
            Inbound::ChannelShared(ChannelId::new(text(event, "channel").unwrap_or_default()))
        }
        Some("user_change") if text(&event["user"], "id").is_some() => {
            Inbound::PersonChanged(SlackUserId::new(text(&event["user"], "id").unwrap_or_default()))
        }
        Some(
            "channel_archive" | "channel_unarchive" | "channel_left" | "channel_unshared" | "group_archive"
            | "group_unarchive" | "group_left",
        ) if text(event, "channel").is_some() => changed(event),
        // Somebody else who joins changes nothing for the app.
        Some("member_joined_channel") if text(event, "user") == Some(us.bot_user_id.as_str()) => changed(event),
        Some("channel_rename" | "group_rename" | "channel_created") => match text(&event["channel"], "id") {
            Some(id) => {
                let name = text(&event["channel"], "name_normalized").or_else(|| text(&event["channel"], "name"));
                Inbound::ChannelChanged { channel: ChannelId::new(id), name: name.map(str::to_owned) }
            }
            None => Inbound::NotMirrored("workspace"),
        },
        Some(
            "app_uninstalled"
            | "tokens_revoked"
            | "channel_archive"
            | "channel_unarchive"
            | "channel_deleted"
            | "channel_left"
            | "channel_shared"
            | "channel_unshared"
            | "group_archive"
            | "group_unarchive"
            | "group_deleted"
            | "group_left"
            | "member_joined_channel"
            | "member_left_channel"
            | "emoji_changed"
            | "subteam_created"
            | "subteam_updated"
            | "user_change",
        ) => Inbound::NotMirrored("workspace"),
        _ => Inbound::NotMirrored("unknown"),
    }
}

fn changed(event: &Value) -> Inbound {
    match text(event, "channel") {
        Some(channel) => Inbound::ChannelChanged { channel: ChannelId::new(channel), name: None },
        None => Inbound::NotMirrored("workspace"),
    }
}

/// Whether a delivery is for another app or another workspace. `authorizations` names the installation; the
/// top-level team may be another one for Slack Connect.
fn is_foreign(envelope: &Value, us: &Identity) -> bool {
    let app = text(envelope, "api_app_id");
    if let (Some(app), Some(ours)) = (app, &us.app_id)
        && app != ours
    {
        return true;
    }
    let installed = text(&envelope["authorizations"][0], "team_id").or_else(|| text(envelope, "team_id"));
    installed.is_some_and(|team| team != us.team_id.as_str())
}

pub(super) fn message(envelope: &Value, event: &Value, us: &Identity) -> Inbound {
    match text(event, "subtype") {
        None | Some("file_share" | "thread_broadcast" | "me_message") => {}
        Some("message_changed") if text(&event["message"], "subtype") == Some("tombstone") => {
            return gone(event, text(&event["message"], "ts")).unwrap_or(Inbound::NotMirrored("deletion"));
        }
        Some("message_changed") => return Inbound::NotMirrored("edit"),
        Some("message_deleted") => {
            return deleted(event, us)
                .or_else(|| gone(event, text(event, "deleted_ts")))
                .unwrap_or(Inbound::NotMirrored("deletion"));
        }
        Some("bot_message") => return Inbound::NotMirrored("bot"),
        // Some workspaces tell of it by this line alone.
        Some(
            "channel_unarchive"
            | "group_unarchive"
            | "channel_name"
            | "group_name"
            | "channel_convert_to_private"
            | "channel_convert_to_public",
        ) => return changed(event),
        Some("channel_join" | "group_join") if text(event, "user") == Some(us.bot_user_id.as_str()) => {
            return changed(event);
        }
        Some(_) => return Inbound::NotMirrored("notice"),
    }
    if is_ours(event, us) {
        return Inbound::NotMirrored("own");
    }
    let (Some(channel), Some(thread_ts)) = (text(event, "channel"), text(event, "thread_ts")) else {
        return Inbound::NotMirrored("not_in_thread");
    };
    let Ok(thread_ts) = thread_ts.parse::<Ts>() else { return Inbound::NotMirrored("unreadable") };
    let channel = ChannelId::new(channel);
    let ts = text(event, "ts").and_then(|ts| ts.parse::<Ts>().ok());
    if ts.as_ref() == Some(&thread_ts) {
        return Inbound::NotMirrored("not_in_thread");
    }
    let unreadable = |reason| {
        let key = format!("raw:{}", text(envelope, "event_id").unwrap_or("without id"));
        let mut kept = envelope.clone();
        if let Some(fields) = kept.as_object_mut() {
            // The verification token is a secret of old; nothing here needs it.
            fields.remove("token");
        }
        let (channel, thread_ts) = (channel.clone(), thread_ts.clone());
        Inbound::Unreadable { key, channel, thread_ts, reason, raw: kept.to_string() }
    };
    let Some(ts) = ts else { return unreadable("its ts does not read") };
    match text(event, "user") {
        Some("USLACKBOT" | "USLACK") => Inbound::NotMirrored("notice"),
        None if text(event, "bot_id").is_some() => Inbound::NotMirrored("bot"),
        None => unreadable("it names no author"),
        Some(user) => {
            let doc = Doc::from_slack_message(event);
            let team = text(event, "user_team").or_else(|| text(event, "team")).map(TeamId::new);
            let what = What::SlackMessage(SlackMessage {
                ts: ts.clone(),
                channel: channel.clone(),
                user: SlackUserId::new(user),
                team,
                doc,
                files: file_names(event),
            });
            // ts first: keys that come in their natural order are cheaper to store.
            Inbound::InThread { key: format!("{ts}:{channel}"), channel, thread_ts, parent: parent(event, us), what }
        }
    }
}

/// A message of a thread that is gone: of interest if it was carried over.
fn deleted(event: &Value, us: &Identity) -> Option<Inbound> {
    let before = &event["previous_message"];
    let channel = ChannelId::new(text(event, "channel")?);
    let ts: Ts = text(event, "deleted_ts")?.parse().ok()?;
    let thread_ts: Ts = text(before, "thread_ts")?.parse().ok().filter(|thread_ts| *thread_ts != ts)?;
    if is_ours(before, us) {
        return Some(Inbound::NotMirrored("own"));
    }
    let key = format!("deleted:{ts}:{channel}");
    let what = What::MessageDeleted { channel: channel.clone(), ts };
    Some(Inbound::InThread { key, channel, thread_ts, parent: parent(before, us), what })
}

/// A message that is gone: of interest if a bridged thread stood under it.
fn gone(event: &Value, ts: Option<&str>) -> Option<Inbound> {
    let channel = ChannelId::new(text(event, "channel")?);
    let ts: Ts = ts?.parse().ok()?;
    let key = format!("gone:{ts}:{channel}");
    let (thread_ts, parent) = (ts.clone(), Parent::Unsaid);
    Some(Inbound::InThread { key, channel, thread_ts, parent, what: What::CardGone { ts } })
}

/// Who wrote what a reply answers; Slack says so in `parent_user_id`.
fn parent(reply: &Value, us: &Identity) -> Parent {
    match text(reply, "parent_user_id") {
        Some(user) if user == us.bot_user_id.as_str() => Parent::Ours,
        Some(_) => Parent::Others,
        None => Parent::Unsaid,
    }
}

/// Any of the three ways in which Slack marks an app's own post.
fn is_ours(event: &Value, us: &Identity) -> bool {
    let app = text(event, "app_id").or_else(|| text(&event["bot_profile"], "app_id"));
    text(event, "user") == Some(us.bot_user_id.as_str())
        || (us.bot_id.is_some() && text(event, "bot_id") == us.bot_id.as_deref())
        || (us.app_id.is_some() && app == us.app_id.as_deref())
}

fn file_names(event: &Value) -> Vec<String> {
    let Some(files) = event.get("files").and_then(Value::as_array) else { return Vec::new() };
    files.iter().map(file_name).collect()
}

/// A non-empty string under a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Identity {
        Identity {
            team_id: TeamId::new("T1"),
            url: "https://acme.slack.com/".into(),
            bot_user_id: SlackUserId::new("UBOT"),
            bot_id: Some("BBOT".into()),
            app_id: Some("A1".into()),
        }
    }

    fn deliver(event: Value) -> Inbound {
        let envelope = serde_json::json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1",
            "authorizations": [{"team_id": "T1"}], "event": event});
        super::event(envelope.to_string().as_bytes(), &us())
    }

    fn reply(more: Value) -> Value {
        let mut event = serde_json::json!({"type": "message", "user": "U1", "text": "Hi", "ts": "1700000002.000100",
            "thread_ts": "1700000001.000100", "channel": "C1"});
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        event
    }

    #[test]
    fn people_in_threads_are_read_in_all_four_shapes() {
        for subtype in [Value::Null, "file_share".into(), "thread_broadcast".into(), "me_message".into()] {
            let inbound = deliver(reply(serde_json::json!({"subtype": subtype})));
            let Inbound::InThread { key, what: What::SlackMessage(message), .. } = inbound else {
                panic!("{subtype}: {inbound:?}")
            };
            assert_eq!(key, "1700000002.000100:C1");
            assert_eq!(message.doc, Doc::plain("Hi"));
        }
    }

    #[test]
    fn a_person_who_posts_through_an_app_is_still_a_person() {
        let inbound = deliver(reply(serde_json::json!({"bot_id": "B9", "app_id": "A9"})));
        assert!(matches!(inbound, Inbound::InThread { .. }));
    }

    #[test]
    fn what_is_not_mirrored_says_why() {
        let cases = [
            (serde_json::json!({"user": "UBOT"}), "own"),
            (serde_json::json!({"bot_id": "BBOT", "user": "U7"}), "own"),
            (serde_json::json!({"bot_profile": {"app_id": "A1"}}), "own"),
            (serde_json::json!({"subtype": "bot_message"}), "bot"),
            (serde_json::json!({"subtype": "message_changed"}), "edit"),
            (serde_json::json!({"subtype": "message_deleted"}), "deletion"),
            (serde_json::json!({"type": "channel_id_changed", "new_channel_id": "C2"}), "unreadable"),
            (serde_json::json!({"subtype": "channel_join"}), "notice"),
            (serde_json::json!({"user": "USLACKBOT"}), "notice"),
            (serde_json::json!({"thread_ts": null}), "not_in_thread"),
            (serde_json::json!({"thread_ts": "1700000002.000100"}), "not_in_thread"),
            (serde_json::json!({"type": "reaction_added"}), "reaction"),
            (serde_json::json!({"type": "app_home_opened", "tab": "messages"}), "app_home"),
            (serde_json::json!({"type": "app_home_opened", "tab": "home", "user": null}), "app_home"),
            (serde_json::json!({"type": "invented_in_2031"}), "unknown"),
        ];
        for (more, why) in cases {
            assert_eq!(deliver(reply(more.clone())), Inbound::NotMirrored(why), "{more}");
        }
    }

    #[test]
    fn another_app_or_workspace_is_foreign() {
        for (key, value) in [("api_app_id", "A9"), ("team_id", "T9")] {
            let mut envelope = serde_json::json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1",
                "event": reply(serde_json::json!({}))});
            envelope[key] = value.into();
            assert_eq!(event(envelope.to_string().as_bytes(), &us()), Inbound::NotMirrored("foreign"));
        }
    }

    #[test]
    fn what_cannot_be_read_but_names_a_thread_is_kept() {
        for more in [serde_json::json!({"ts": "soon"}), serde_json::json!({"user": null})] {
            assert!(matches!(deliver(reply(more)), Inbound::Unreadable { .. }));
        }
    }

    #[test]
    fn lone_surrogates_do_not_lose_a_message() {
        let body = br#"{"type":"event_callback","event":{"type":"message","user":"U1","text":"a \ud83d b \ud83d\ude00 \\ud83d","ts":"1700000002.000100","thread_ts":"1700000001.000100","channel":"C1"}}"#;
        let Inbound::InThread { what: What::SlackMessage(message), .. } = event(body, &us()) else { panic!() };
        assert_eq!(message.doc, Doc::plain("a \u{fffd} b \u{1f600} \\ud83d"));
    }

    #[test]
    fn nonsense_is_counted() {
        for body in ["", "[]", "null", "{}", "{\"type\":\"event_callback\"}", "\u{0}"] {
            assert!(matches!(event(body.as_bytes(), &us()), Inbound::NotMirrored(_)), "{body:?}");
        }
    }
}
