//! What happens to messages, and the events that tell the app of it.

use serde_json::{Value, json};

use super::show;
use super::world::{Fields, Key, Kind, Message, SLACKBOT, Workspace};

/// A message about to be posted.
pub struct Draft {
    pub channel: String,
    pub root: Option<Key>,
    pub author: String,
    pub broadcast: bool,
    pub fields: Fields,
}

impl Workspace<'_> {
    /// Finds the thread that a `thread_ts` names.
    pub fn root_of(&self, channel: &str, thread_ts: &str) -> Result<Key, &'static str> {
        let key = show::parse_ts(thread_ts).ok_or("invalid_thread_ts")?;
        let message = self.channel(channel)?.messages.get(&key).ok_or("thread_not_found")?;
        match message.root {
            None => Ok(key),
            Some(_) => Err("cannot_reply_to_message"),
        }
    }

    pub fn post(&mut self, draft: Draft) -> Result<Key, &'static str> {
        let (key, at) = (self.next_key(), self.now);
        let Draft { channel, root, author, broadcast, fields } = draft;
        let message = Message { key, at, root, author, broadcast, fields, before_edits: Vec::new() };
        self.channel_mut(&channel)?.messages.insert(key, message);
        if let Some(shown) = self.shown(&channel, key) {
            self.tell_message(&channel, shown.clone(), key);
            self.tell_mention(&channel, &shown, key);
        }
        Ok(key)
    }

    pub fn change(&mut self, channel: &str, key: Key, with: impl FnOnce(&mut Fields)) -> Result<(), &'static str> {
        let previous = self.shown(channel, key).ok_or("message_not_found")?;
        let message = self.channel_mut(channel)?.messages.get_mut(&key).ok_or("message_not_found")?;
        with(&mut message.fields);
        message.note_edit(&previous);
        self.altered.note(channel, key);
        let shown = self.shown(channel, key).ok_or("message_not_found")?;
        let buried = shown.get("subtype").and_then(Value::as_str) == Some("tombstone");
        let previous = match buried && self.quirks.tombstones_lose_the_previous {
            true => json!([]),
            false => self.stubbed(channel, previous),
        };
        let event = object(json!({
            "type": "message", "subtype": "message_changed", "hidden": true,
            "message": self.stubbed(channel, shown), "previous_message": previous,
        }));
        let at = self.next_key();
        self.tell_message(channel, event, at);
        Ok(())
    }

    /// Takes a message away; a root that has replies leaves a tombstone.
    pub fn remove(&mut self, channel: &str, key: Key) -> Result<(), &'static str> {
        let previous = self.shown(channel, key).ok_or("message_not_found")?;
        let place = self.channel_mut(channel)?;
        if place.replies(key).next().is_some() {
            return self.change(channel, key, |fields| {
                *fields = object(json!({
                    "type": "message", "subtype": "tombstone", "text": "This message was deleted.",
                    "user": SLACKBOT, "hidden": true,
                }));
            });
        }
        let root = place.messages.remove(&key).and_then(|message| {
            let root = message.root;
            if root.is_some() && !message.fields.contains_key("bot_id") {
                place.deleted.insert(key, message);
            }
            root
        });
        if let Some(root) = root
            && place.messages.get(&root).is_some_and(Message::is_tombstone)
            && place.replies(root).next().is_none()
        {
            place.messages.remove(&root);
        }
        self.altered.note(channel, key);
        let event = object(json!({
            "type": "message", "subtype": "message_deleted", "hidden": true,
            "previous_message": self.stubbed(channel, previous), "deleted_ts": show::ts(key),
        }));
        let at = self.next_key();
        self.tell_message(channel, event, at);
        Ok(())
    }

    pub fn react(&mut self, user: &str, channel: &str, key: Key, name: &str, adds: bool) -> Result<(), &'static str> {
        let message = self.channel_mut(channel)?.messages.get_mut(&key).ok_or("message_not_found")?;
        let item_user = message.fields.get("user").cloned();
        let mut reactions: Vec<(String, Vec<String>)> = show::reactions(&message.fields);
        let at = reactions.iter().position(|(known, _)| known == name);
        match (at, adds) {
            (Some(at), true) if reactions[at].1.iter().any(|who| who == user) => return Err("already_reacted"),
            (Some(at), true) => reactions[at].1.push(user.to_owned()),
            (None, true) => reactions.push((name.to_owned(), vec![user.to_owned()])),
            (Some(at), false) if reactions[at].1.iter().any(|who| who == user) => {
                reactions[at].1.retain(|who| who != user);
            }
            (_, false) => return Err("no_reaction"),
        }
        reactions.retain(|(_, users)| !users.is_empty());
        if reactions.is_empty() {
            message.fields.remove("reactions");
        } else {
            let list =
                reactions.iter().map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}));
            message.fields.insert("reactions".into(), Value::Array(list.collect()));
        }
        let event_ts = show::ts(self.next_key());
        let kind = if adds { "reaction_added" } else { "reaction_removed" };
        let mut event = object(json!({
            "type": kind, "user": user, "reaction": name, "event_ts": event_ts,
            "item": {"type": "message", "channel": channel, "ts": show::ts(key)},
        }));
        if let Some(item_user) = item_user {
            event.insert("item_user".into(), item_user);
        }
        if self.app_is_in(channel) {
            self.tell(kind, &["reactions:read"], Some(channel), event);
        }
        Ok(())
    }

    /// Queues a `message` event, if the app may see it.
    pub fn tell_message(&mut self, channel: &str, mut event: Fields, at: Key) {
        let Ok(place) = self.channel(channel) else { return };
        let (subscription, scope) = match place.kind {
            Kind::Public => ("message.channels", "channels:history"),
            Kind::Private => ("message.groups", "groups:history"),
            Kind::Im => ("message.im", "im:history"),
            Kind::Mpim => ("message.mpim", "mpim:history"),
        };
        let channel_type = show::channel_type(place.kind);
        if !self.app_is_in(channel) {
            return;
        }
        event = object(self.stubbed(channel, event));
        event.insert("channel".into(), channel.into());
        event.insert("event_ts".into(), show::ts(at).into());
        event.insert("ts".into(), show::ts(at).into());
        event.insert("channel_type".into(), channel_type.into());
        self.tell(subscription, &[scope], Some(channel), event);
    }

    fn tell_mention(&mut self, channel: &str, shown: &Fields, at: Key) {
        let bot = self.options.bot_user_id.clone();
        let text = shown.get("text").and_then(Value::as_str).unwrap_or_default();
        let named = text.contains(&format!("<@{bot}>")) || text.contains(&format!("<@{bot}|"));
        let own = shown.get("user").and_then(Value::as_str) == Some(bot.as_str());
        let direct = self.channel(channel).is_ok_and(super::world::Channel::is_direct);
        if !named || own || direct || !self.app_is_in(channel) || shown.contains_key("bot_id") {
            return;
        }
        let mut event = object(json!({"type": "app_mention", "channel": channel, "event_ts": show::ts(at)}));
        for field in ["user", "text", "ts", "client_msg_id", "team", "thread_ts", "parent_user_id", "blocks", "files"] {
            if let Some(value) = shown.get(field) {
                event.insert(field.into(), value.clone());
            }
        }
        let event = object(self.stubbed(channel, event));
        self.tell("app_mention", &["app_mentions:read"], Some(channel), event);
    }

    /// In a channel shared with another firm, events carry no more of a file than its id.
    fn stubbed(&self, channel: &str, mut event: Fields) -> Value {
        if self.quirks.parents_are_unnamed {
            event.remove("parent_user_id");
        }
        let shared = self.channel(channel).is_ok_and(|place| place.shared_with.is_some());
        if shared && let Some(Value::Array(files)) = event.get_mut("files") {
            for file in files {
                let id = file.get("id").cloned().unwrap_or_default();
                *file = json!({
                    "id": id, "created": 0, "timestamp": 0, "mode": "file_access",
                    "file_access": "check_file_info", "user": "",
                });
            }
        }
        Value::Object(event)
    }

    /// Slack's own lines in a channel: somebody joined, it was renamed.
    pub fn system_line(&mut self, channel: &str, user: &str, subtype: &str, text: String, more: Value) {
        let group = self.channel(channel).is_ok_and(|place| place.kind == Kind::Private);
        let subtype = match subtype.strip_prefix("channel_") {
            Some(rest) if group => format!("group_{rest}"),
            _ => subtype.to_owned(),
        };
        let mut fields = object(json!({"type": "message", "subtype": subtype, "user": user, "text": text}));
        fields.extend(object(more));
        let draft =
            Draft { channel: channel.to_owned(), root: None, author: SLACKBOT.to_owned(), broadcast: false, fields };
        // The channel was found a moment ago, by the caller.
        let _ = self.post(draft);
    }
}

/// The fields of a JSON object; none of anything else.
pub fn object(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}
