//! Buttons and slash commands: what people start in the app.

use serde_json::{Map, Value, json};

use super::FakeSlack;
use super::deliver::Purpose;
use super::inputs;
use super::show;
use super::timeline::{Draft, object};
use super::world::{Ephemeral, Fields, Key, Kind, ResponseUrl, Workspace};
use crate::post::Receipt;

const RESPONSE_URL_USES: u32 = 5;
const RESPONSE_URL_LIVES_MS: i64 = 30 * 60 * 1000;

impl FakeSlack {
    /// Presses the button with this `action_id` in a message, an ephemeral one included.
    ///
    /// # Errors
    /// As [`FakeSlack::choose`].
    pub fn press(&self, user: &str, channel: &str, message_ts: &str, action_id: &str) -> Result<(), String> {
        self.choose(user, channel, message_ts, action_id, &Value::Null)
    }

    /// Uses an element of a message, as [`FakeSlack::use_in_view`] does in a view.
    ///
    /// # Errors
    /// `message_not_found`, `channel_not_found`, `user_not_found`, `no_such_action`, `no_such_option`, or
    /// `too_many_options`.
    pub fn choose(
        &self,
        user: &str,
        channel: &str,
        message_ts: &str,
        action_id: &str,
        chosen: &Value,
    ) -> Result<(), String> {
        let mut workspace = self.workspace();
        let key = show::parse_ts(message_ts).ok_or("message_not_found")?;
        let place = workspace.channel(channel)?;
        let member = place.has(user);
        let name = place.name.clone();
        if !member && place.kind != Kind::Public {
            return Err("channel_not_found".to_owned());
        }
        let ephemeral = workspace.ephemerals.iter().find(|ephemeral| ephemeral.key == key && ephemeral.user == user);
        let (message, is_ephemeral) = match ephemeral {
            Some(ephemeral) => (ephemeral.shown(), true),
            None => (workspace.shown(channel, key).ok_or("message_not_found")?, false),
        };
        let element =
            message.get("blocks").and_then(|blocks| inputs::find(blocks, action_id)).ok_or("no_such_action")?;
        let chosen = workspace.chosen(user, message_ts, &element, chosen)?;
        let mut action = inputs::action_of(element.fields, &chosen);
        action.insert("block_id".into(), element.block_id.into());
        let thread_ts = message.get("thread_ts").and_then(Value::as_str).map(String::from);
        let (who, team) = workspace.who_and_team(user)?;
        let link = workspace.new_response_url(user, channel, Some((key, is_ephemeral)));
        let trigger = workspace.issue_trigger(user);
        action.insert("action_ts".into(), show::ts(workspace.next_key()).into());
        let mut container = object(json!({
            "type": "message", "message_ts": message_ts, "channel_id": channel, "is_ephemeral": is_ephemeral,
        }));
        if let Some(thread_ts) = thread_ts
            && !workspace.quirks.containers_lack_threads
        {
            container.insert("thread_ts".into(), thread_ts.into());
        }
        let mut payload = object(json!({
            "type": "block_actions", "user": who, "api_app_id": workspace.options.app_id,
            "token": "sandboxVerificationToken", "container": container, "trigger_id": trigger,
            "team": team, "enterprise": null, "is_enterprise_install": false,
            "channel": {"id": channel, "name": workspace.wire_name(channel, &name)},
            "state": {"values": {}}, "response_url": link, "actions": [action],
        }));
        if !is_ephemeral {
            payload.insert("message".into(), Value::Object(message));
        }
        workspace.queue_interaction(&payload);
        Ok(())
    }

    /// Runs a shortcut on a message.
    ///
    /// # Errors
    /// `message_not_found`, `channel_not_found`, or `user_not_found`.
    pub fn message_shortcut(
        &self,
        user: &str,
        channel: &str,
        message_ts: &str,
        callback_id: &str,
    ) -> Result<(), String> {
        let mut workspace = self.workspace();
        let key = show::parse_ts(message_ts).ok_or("message_not_found")?;
        let name = workspace.channel(channel)?.name.clone();
        let message = workspace.shown(channel, key).ok_or("message_not_found")?;
        let (who, team) = workspace.who_and_team(user)?;
        let link = workspace.new_response_url(user, channel, None);
        let trigger = workspace.issue_trigger(user);
        let payload = json!({
            "type": "message_action", "token": "sandboxVerificationToken",
            "action_ts": show::ts(workspace.next_key()), "team": team, "user": who,
            "channel": {"id": channel, "name": workspace.wire_name(channel, &name)}, "is_enterprise_install": false,
            "enterprise": null, "callback_id": callback_id, "trigger_id": trigger,
            "response_url": link, "message_ts": message_ts, "message": message,
            "api_app_id": workspace.options.app_id,
        });
        workspace.queue_interaction(&object(payload));
        Ok(())
    }

    /// Runs a global shortcut, which knows no channel.
    /// <https://docs.slack.dev/reference/interaction-payloads/shortcuts-interaction-payload>
    ///
    /// # Errors
    /// `user_not_found`.
    pub fn global_shortcut(&self, user: &str, callback_id: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let (who, team) = workspace.who_and_team(user)?;
        let trigger = workspace.issue_trigger(user);
        let payload = json!({
            "type": "shortcut", "token": "sandboxVerificationToken", "action_ts": show::ts(workspace.next_key()),
            "team": team, "user": who, "is_enterprise_install": false, "enterprise": null, "callback_id": callback_id,
            "trigger_id": trigger, "api_app_id": workspace.options.app_id,
        });
        workspace.queue_interaction(&object(payload));
        Ok(())
    }

    /// Runs a slash command; gives the parcel's id, under which its answer is found later.
    pub fn command(&self, user: &str, channel: &str, command: &str, text: &str) -> u64 {
        let mut workspace = self.workspace();
        let link = workspace.new_response_url(user, channel, None);
        let name = workspace.channel(channel).map(|place| place.name.clone()).unwrap_or_default();
        let channel_name = workspace.wire_name(channel, &name);
        let user_name = workspace.people.get(user).map(|person| person.spec.name.clone()).unwrap_or_default();
        let trigger = workspace.issue_trigger(user);
        let options = workspace.options;
        let form = [
            ("token", "sandboxVerificationToken"),
            ("team_id", options.team_id.as_str()),
            ("team_domain", options.team_domain.as_str()),
            ("channel_id", channel),
            ("channel_name", channel_name.as_str()),
            ("user_id", user),
            ("user_name", user_name.as_str()),
            ("command", command),
            ("text", text),
            ("api_app_id", options.app_id.as_str()),
            ("is_enterprise_install", "false"),
            ("response_url", link.as_str()),
            ("trigger_id", trigger.as_str()),
        ];
        let purpose =
            Purpose::Command { user: user.to_owned(), channel: channel.to_owned(), command: command.to_owned() };
        workspace.queue_once(options.commands_path.clone(), &form, purpose)
    }
}

impl Workspace<'_> {
    /// Shows the user what the app answered to a command.
    pub fn answer_command(&mut self, id: u64, user: &str, channel: &str, command: &str, receipt: Receipt) {
        let shown = match receipt {
            Receipt::Answered { status: 200..=299, body, .. } => match said(&body) {
                Some(said) => said,
                None => return,
            },
            Receipt::Answered { .. } => failed(command, "dispatch_failed"),
            Receipt::Failed => failed(command, "operation_timeout"),
        };
        self.answers.insert(id, Value::Object(shown.clone()));
        let text = shown.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut fields = self.nameless_fields(&text);
        if let Some(blocks) = shown.get("blocks") {
            let blocks = self.world.dress_blocks(blocks.clone());
            fields.insert("blocks".into(), blocks);
        }
        if shown.get("response_type").and_then(Value::as_str) == Some("in_channel") {
            let author = self.options.bot_user_id.clone();
            let draft = Draft { channel: channel.to_owned(), root: None, author, broadcast: false, fields };
            // A channel that went away since shows nothing.
            let _ = self.post(draft);
        } else {
            self.whisper(user, channel, None, fields);
        }
    }

    /// Shows a message to one person only; gives its key.
    pub fn whisper(&mut self, user: &str, channel: &str, thread_ts: Option<String>, fields: Fields) -> Key {
        let key = self.next_key();
        let ephemeral = Ephemeral { key, user: user.to_owned(), channel: channel.to_owned(), thread_ts, fields };
        self.ephemerals.push(ephemeral);
        key
    }

    /// Makes a response URL: five uses in thirty minutes.
    fn new_response_url(&mut self, user: &str, channel: &str, original: Option<(Key, bool)>) -> String {
        let id = self.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 24);
        let expires = self.now.saturating_add(RESPONSE_URL_LIVES_MS);
        let now = self.now;
        self.response_urls.retain(|_, known| known.expires > now);
        let (channel, user) = (channel.to_owned(), user.to_owned());
        let link = ResponseUrl { channel, user, original, uses_left: RESPONSE_URL_USES, expires };
        self.response_urls.insert(id.clone(), link);
        format!("{}/slack/response/{id}", self.options.base_url.trim_end_matches('/'))
    }

    pub fn who_and_team(&self, user: &str) -> Result<(Value, Value), &'static str> {
        let person = self.world.people.get(user).ok_or("user_not_found")?;
        let team_id = self.team_of(user);
        let domain = match &person.spec.stranger_team {
            Some(team) => team.to_lowercase(),
            None => self.options.team_domain.clone(),
        };
        let name = &person.spec.name;
        let who = json!({"id": user, "username": name, "name": name, "team_id": team_id});
        Ok((who, json!({"id": team_id, "domain": domain})))
    }

    /// A channel's name in payloads: private ones and direct messages have stand-ins.
    pub fn wire_name(&self, channel: &str, name: &str) -> String {
        match self.channel(channel).map(|place| place.kind) {
            Ok(Kind::Im) => "directmessage".to_owned(),
            Ok(Kind::Private) => "privategroup".to_owned(),
            _ => name.to_owned(),
        }
    }

    fn queue_interaction(&mut self, payload: &Fields) {
        self.queue_interaction_for(&Value::Object(payload.clone()), Purpose::Interaction);
    }

    /// Queues an interaction whose answer matters; gives the parcel's id.
    pub fn queue_interaction_for(&mut self, payload: &Value, purpose: Purpose) -> u64 {
        let path = self.options.interactions_path.clone();
        self.queue_once(path, &[("payload", &payload.to_string())], purpose)
    }
}

impl Ephemeral {
    /// The message as a client shows it.
    pub fn shown(&self) -> Fields {
        let mut shown = self.fields.clone();
        shown.insert("ts".into(), show::ts(self.key).into());
        shown.insert("channel".into(), self.channel.clone().into());
        shown.insert("is_ephemeral".into(), true.into());
        if let Some(thread_ts) = &self.thread_ts {
            shown.insert("thread_ts".into(), thread_ts.clone().into());
        }
        shown
    }
}

/// What the body of an answer to a command says, if anything.
fn said(body: &[u8]) -> Option<Map<String, Value>> {
    let text = String::from_utf8_lossy(body);
    if text.trim().is_empty() {
        return None;
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(fields)) if fields.contains_key("text") || fields.contains_key("blocks") => Some(fields),
        Ok(Value::Object(_)) => None,
        _ => Some(object(json!({"response_type": "ephemeral", "text": text}))),
    }
}

fn failed(command: &str, with: &str) -> Fields {
    let text = format!("{command} failed with the error \"{with}\"");
    object(json!({"response_type": "ephemeral", "text": text, "error": with}))
}
