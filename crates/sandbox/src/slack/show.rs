//! Slack's shapes: how people, channels and messages look on the wire.

use serde_json::{Value, json};

use super::timeline::object;
use super::world::{Channel, Fields, Key, Kind, Message, Person, Workspace};

/// A key as a `ts`.
pub fn ts(key: Key) -> String {
    format!("{}.{:06}", key.div_euclid(1_000_000), key.rem_euclid(1_000_000))
}

/// Reads a `ts`: seconds, a point and six digits.
pub fn parse_ts(text: &str) -> Option<Key> {
    let (seconds, micros) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || seconds.len() > 12 || micros.len() != 6 || !digits(seconds) || !digits(micros) {
        return None;
    }
    seconds.parse::<Key>().ok()?.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)
}

/// Reads a bound such as `0`, `1700000000` or a full `ts`.
pub fn parse_bound(text: &str) -> Option<Key> {
    let (seconds, micros) = text.split_once('.').unwrap_or((text, ""));
    if micros.len() > 6 {
        return None;
    }
    parse_ts(&format!("{seconds}.{micros:0<6}"))
}

pub fn channel_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "channel",
        Kind::Private => "group",
        Kind::Im => "im",
        Kind::Mpim => "mpim",
    }
}

pub fn reactions(fields: &Fields) -> Vec<(String, Vec<String>)> {
    let list = fields.get("reactions").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|reaction| {
            let name = reaction.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let users = reaction.get("users").and_then(Value::as_array);
            (name, users.into_iter().flatten().filter_map(Value::as_str).map(String::from).collect())
        })
        .collect()
}

/// A message with everything that follows from its place in the channel.
pub fn message(channel: &Channel, message: &Message) -> Fields {
    let mut shown = message.fields.clone();
    shown.insert("ts".into(), ts(message.key).into());
    match message.root {
        Some(root) => {
            shown.insert("thread_ts".into(), ts(root).into());
            let parent = channel.messages.get(&root);
            if let Some(user) = parent.and_then(|parent| parent.fields.get("user")) {
                shown.insert("parent_user_id".into(), user.clone());
            }
            if message.broadcast
                && let Some(parent) = parent
            {
                shown.insert("root".into(), Value::Object(self::message(channel, parent)));
            }
        }
        None => thread_facts(channel, message, &mut shown),
    }
    shown
}

fn thread_facts(channel: &Channel, message: &Message, shown: &mut Fields) {
    let mut users: Vec<&str> = Vec::new();
    let (mut count, mut latest) = (0, None);
    for reply in channel.replies(message.key) {
        count += 1;
        latest = Some(reply.key);
        let who = ["user", "bot_id"].iter().find_map(|field| reply.fields.get(*field)?.as_str());
        if let Some(who) = who
            && !users.contains(&who)
        {
            users.push(who);
        }
    }
    let Some(latest) = latest else { return };
    shown.insert("thread_ts".into(), ts(message.key).into());
    shown.insert("reply_count".into(), count.into());
    shown.insert("reply_users_count".into(), users.len().into());
    shown.insert("latest_reply".into(), ts(latest).into());
    shown.insert("reply_users".into(), json!(users));
    shown.insert("is_locked".into(), false.into());
    shown.insert("subscribed".into(), false.into());
}

/// A message as history shows it to those who did not ask for all metadata.
pub fn without_payload(mut shown: Fields) -> Fields {
    if let Some(Value::Object(metadata)) = shown.get_mut("metadata") {
        metadata.remove("event_payload");
    }
    shown
}

impl Workspace<'_> {
    /// A user object; with the e-mail address, if the asker may read it and the person is of this firm.
    pub fn show_person(&self, person: &Person, emails: bool) -> Value {
        let spec = &person.spec;
        let team = spec.stranger_team.clone().unwrap_or_else(|| self.options.team_id.clone());
        let (first, last) = spec.real_name.split_once(' ').unwrap_or((&spec.real_name, ""));
        let mut profile = object(json!({
            "title": "", "phone": "", "skype": "", "real_name": spec.real_name,
            "real_name_normalized": spec.real_name, "display_name": spec.display_name,
            "display_name_normalized": spec.display_name, "fields": null, "status_text": "", "status_emoji": "",
            "status_expiration": 0, "avatar_hash": "g000000000000", "first_name": first, "last_name": last,
            "team": team,
        }));
        for size in [24, 32, 48, 72, 192, 512] {
            let image = format!("https://secure.gravatar.com/avatar/{}.jpg?s={size}", person.id.to_lowercase());
            profile.insert(format!("image_{size}"), image.into());
        }
        if spec.is_bot {
            let (app, bot) = self.app_and_bot(&person.id);
            profile.insert("api_app_id".into(), app.into());
            profile.insert("bot_id".into(), bot.into());
            profile.insert("always_active".into(), true.into());
        } else if let Some(email) = &spec.email
            && emails
            && spec.stranger_team.is_none()
        {
            profile.insert("email".into(), email.clone().into());
        }
        let mut user = object(json!({
            "id": person.id, "team_id": team, "name": spec.name, "deleted": spec.deleted, "color": "9f69e7",
            "real_name": spec.real_name, "tz": spec.tz, "tz_label": spec.tz, "tz_offset": offset_secs(&spec.tz, self.now), "profile": profile,
            "is_admin": false, "is_owner": false, "is_primary_owner": false, "is_restricted": spec.guest,
            "is_ultra_restricted": false, "is_bot": spec.is_bot, "is_app_user": false, "updated": person.updated,
            "is_email_confirmed": true, "has_2fa": false,
        }));
        if spec.stranger_team.is_some() {
            let met = self.world.channels.values().any(|c| c.has(&person.id) && c.has(&self.options.bot_user_id));
            user.insert("is_stranger".into(), (!met).into());
        }
        Value::Object(user)
    }

    /// A conversation object as `viewer` sees it.
    pub fn show_channel(&self, channel: &Channel, viewer: &str) -> Value {
        let own = self.options.team_id.as_str();
        if channel.kind == Kind::Im {
            let other = channel.members.iter().find(|member| *member != viewer).cloned().unwrap_or_default();
            return json!({
                "id": channel.id, "created": channel.created, "is_archived": channel.archived, "is_im": true,
                "is_org_shared": false, "context_team_id": own, "updated": channel.created * 1000,
                "user": other, "is_user_deleted": false, "is_open": true, "priority": 0,
            });
        }
        let shared: Vec<&str> = std::iter::once(own).chain(channel.shared_with.as_deref()).collect();
        let ext = channel.shared_with.is_some();
        let group = channel.kind == Kind::Mpim;
        let mut shown = object(json!({
            "id": channel.id, "name": channel.name, "name_normalized": channel.name,
            "is_channel": channel.kind == Kind::Public, "is_group": group,
            "is_im": false, "is_mpim": group, "is_private": channel.kind != Kind::Public,
            "created": channel.created, "creator": channel.creator, "is_archived": channel.archived,
            "is_general": channel.name == "general", "unlinked": 0, "is_shared": ext, "is_ext_shared": ext,
            "is_org_shared": false, "is_pending_ext_shared": false, "is_frozen": false, "pending_shared": [],
            "pending_connected_team_ids": [], "context_team_id": own, "updated": channel.created * 1000,
            "parent_conversation": null, "shared_team_ids": shared, "is_member": channel.has(viewer),
            "previous_names": channel.previous_names,
            "topic": {"value": channel.topic, "creator": channel.creator, "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }));
        // Private channels that were made after March 2021 are channels with a C id, not groups.
        if channel.kind == Kind::Private {
            shown.insert("is_channel".into(), true.into());
        }
        if let Some(other) = &channel.shared_with {
            shown.insert("connected_team_ids".into(), json!([other]));
            shown.insert("conversation_host_id".into(), own.into());
        }
        Value::Object(shown)
    }

    /// The fields a person's own message begins with.
    pub fn persons_fields(&mut self, user: &str, text: &str) -> Fields {
        let mut fields = object(json!({
            "type": "message", "user": user, "client_msg_id": self.new_uuid(), "text": text,
            "team": self.team_of(user),
        }));
        if self.world.people.get(user).is_some_and(|person| person.spec.is_bot) {
            let (app, bot) = self.app_and_bot(user);
            fields.remove("client_msg_id");
            fields.insert("app_id".into(), app.into());
            fields.insert("bot_id".into(), bot.into());
        }
        let foreign = self.world.people.get(user).filter(|person| person.spec.stranger_team.is_some());
        if let Some(person) = foreign {
            let spec = &person.spec;
            let team = self.team_of(user);
            fields.insert("user_team".into(), team.clone().into());
            fields.insert("source_team".into(), team.clone().into());
            let profile = json!({
                "avatar_hash": "g000000000000", "team": team, "name": spec.name, "real_name": spec.real_name,
                "display_name": spec.display_name, "first_name": spec.real_name.split(' ').next(),
                "image_72": format!("https://secure.gravatar.com/avatar/{}.jpg?s=72", user.to_lowercase()),
                "is_restricted": spec.guest, "is_ultra_restricted": false,
            });
            fields.insert("user_profile".into(), profile);
        }
        fields
    }

    /// The app and the bot id behind a bot user; another app's are made of the user id.
    fn app_and_bot(&self, user: &str) -> (String, String) {
        if user == self.options.bot_user_id {
            return (self.options.app_id.clone(), self.options.bot_id.clone());
        }
        let rest = user.get(1..).unwrap_or_default();
        (format!("A{rest}"), format!("B{rest}"))
    }

    /// The fields the app's own message begins with.
    pub fn apps_fields(&self, text: &str) -> Fields {
        object(json!({
            "type": "message", "user": self.options.bot_user_id, "bot_id": self.options.bot_id,
            "app_id": self.options.app_id, "text": text, "team": self.options.team_id,
            "bot_profile": {
                "id": self.options.bot_id, "app_id": self.options.app_id, "user_id": self.options.bot_user_id,
                "name": self.options.bot_name, "icons": self.bot_icons(), "deleted": false,
                "updated": self.bot_updated(), "team_id": self.options.team_id,
            },
        }))
    }

    /// The fields of what the app posts under another name, or through a response URL: no user.
    pub fn nameless_fields(&self, text: &str) -> Fields {
        object(json!({
            "type": "message", "subtype": "bot_message", "text": text, "bot_id": self.options.bot_id,
            "app_id": self.options.app_id,
        }))
    }

    pub fn bot_icons(&self) -> Value {
        let image = "https://a.slack-edge.com/80588/img/plugins/app/bot";
        json!({
            "image_36": format!("{image}_36.png"), "image_48": format!("{image}_48.png"),
            "image_72": format!("{image}_72.png"),
        })
    }

    pub fn bot_updated(&self) -> i64 {
        self.world.people.get(&self.options.bot_user_id).map_or(0, |bot| bot.updated)
    }
}

/// How far a time zone's clocks are ahead of UTC at a time.
fn offset_secs(zone: &str, now_ms: i64) -> i32 {
    let at = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    jiff::tz::TimeZone::get(zone).map_or(0, |zone| zone.to_offset(at).seconds())
}
