//! Furnishing the workspace, and what its administrators do later, with the events that follow.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FakeSlack;
use super::show;
use super::timeline::object;
use super::world::{Kind, SLACKBOT, Usergroup, Workspace};

/// Somebody in the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonSpec {
    /// The user id; without it, one is made.
    pub id: Option<String>,
    /// The handle.
    pub name: String,
    /// The full name.
    pub real_name: String,
    /// The name they chose to be shown; may be empty.
    pub display_name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether they are a guest.
    pub guest: bool,
    /// The workspace of another firm they belong to.
    pub stranger_team: Option<String>,
    /// Whether they are a bot.
    pub is_bot: bool,
    /// Whether their account is closed.
    pub deleted: bool,
    /// Their time zone.
    pub tz: String,
}

impl Default for PersonSpec {
    fn default() -> Self {
        PersonSpec {
            id: None,
            name: String::new(),
            real_name: String::new(),
            display_name: String::new(),
            email: None,
            guest: false,
            stranger_team: None,
            is_bot: false,
            deleted: false,
            tz: "Etc/UTC".to_owned(),
        }
    }
}

/// A channel of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSpec {
    /// The channel id; without it, one is made.
    pub id: Option<String>,
    /// The name, without `#`.
    pub name: String,
    /// Whether only members see it.
    pub private: bool,
    /// Whether it is archived.
    pub archived: bool,
    /// The workspace of another firm it is shared with.
    pub shared_with: Option<String>,
    /// Who is in it.
    pub members: Vec<String>,
    /// Whether the app is in it.
    pub app_is_member: bool,
    /// What it is about.
    pub topic: String,
}

impl FakeSlack {
    /// Adds somebody, with a token of their own; gives the user id.
    pub fn add_person(&self, spec: PersonSpec) -> String {
        self.workspace().admit(spec, None)
    }

    /// The token with which somebody's own client calls.
    pub fn token_of(&self, user: &str) -> Option<String> {
        let workspace = self.workspace();
        workspace.people.get(user).map(|person| person.token.clone()).filter(|token| !token.is_empty())
    }

    /// Adds a channel; gives its id.
    pub fn add_channel(&self, spec: ChannelSpec) -> String {
        let kind = if spec.private { Kind::Private } else { Kind::Public };
        self.workspace().found(spec, kind)
    }

    /// Adds a group of people that can be mentioned; gives its id.
    pub fn add_usergroup(&self, handle: &str, name: &str, users: &[&str]) -> String {
        let mut workspace = self.workspace();
        let (id, created) = (workspace.new_id("S"), workspace.now.div_euclid(1000));
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        let group = Usergroup { id: id.clone(), handle: handle.to_owned(), name: name.to_owned(), users, created };
        workspace.usergroups.push(group);
        id
    }

    /// Narrows the events the app is sent to these names (`message.channels`, `app_mention`, …).
    pub fn subscribe(&self, names: &[&str]) {
        self.workspace().subscriptions = Some(names.iter().map(|name| (*name).to_owned()).collect());
    }

    /// Changes what is known of somebody.
    ///
    /// # Errors
    /// `user_not_found`.
    pub fn update_person(&self, user: &str, change: impl FnOnce(&mut PersonSpec)) -> Result<(), String> {
        let mut workspace = self.workspace();
        let now = workspace.now.div_euclid(1000);
        let person = workspace.people.get_mut(user).ok_or("user_not_found")?;
        change(&mut person.spec);
        person.updated = now;
        let event_ts = show::ts(workspace.next_key());
        let emails = workspace.app_may("users:read.email");
        let Some(shown) = workspace.people.get(user).map(|person| workspace.show_person(person, emails)) else {
            return Ok(());
        };
        for kind in ["user_change", "user_profile_changed"] {
            let event = json!({"type": kind, "user": shown, "cache_ts": now, "event_ts": event_ts});
            workspace.tell(kind, &["users:read"], None, object(event));
        }
        Ok(())
    }

    /// Archives a channel.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn archive_channel(&self, channel: &str) -> Result<(), String> {
        self.workspace().set_archived(channel, true)
    }

    /// Takes a channel out of the archive.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn unarchive_channel(&self, channel: &str) -> Result<(), String> {
        self.workspace().set_archived(channel, false)
    }

    /// Lets only some people post in a channel, who are not the app, or everybody again. Nothing tells the app of it.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn set_read_only(&self, channel: &str, read_only: bool) -> Result<(), String> {
        self.workspace().channel_mut(channel)?.read_only = read_only;
        Ok(())
    }

    /// Adds a channel while the app is there, which hears of it if it is public; gives the channel id.
    pub fn create_channel(&self, spec: ChannelSpec) -> String {
        let (private, name) = (spec.private, spec.name.clone());
        let id = self.add_channel(spec);
        if !private {
            let mut workspace = self.workspace();
            let event_ts = show::ts(workspace.next_key());
            let created = workspace.now.div_euclid(1000);
            let about = json!({"id": id, "name": name, "name_normalized": name, "created": created});
            let event = json!({"type": "channel_created", "channel": about, "event_ts": event_ts});
            workspace.tell("channel_created", &["channels:read"], None, object(event));
        }
        id
    }

    /// Renames a channel.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn rename_channel(&self, channel: &str, name: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let place = workspace.channel_mut(channel)?;
        let old = std::mem::replace(&mut place.name, name.to_owned());
        place.previous_names.insert(0, old.clone());
        let created = place.created;
        let creator = place.creator.clone();
        let text = format!("has renamed the channel from \"{old}\" to \"{name}\"");
        workspace.system_line(channel, &creator, "channel_name", text, json!({"old_name": old, "name": name}));
        let about = json!({"id": channel, "name": name, "name_normalized": name, "created": created});
        workspace.tell_of_channel(channel, "rename", json!({"channel": about}));
        Ok(())
    }

    /// Makes these people the members; the app stays as it is unless it is named.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn set_members(&self, channel: &str, members: &[String]) -> Result<(), String> {
        let mut workspace = self.workspace();
        let bot = workspace.options.bot_user_id.clone();
        let before = workspace.channel(channel)?.members.clone();
        for gone in before.iter().filter(|member| **member != bot && !members.contains(member)) {
            workspace.leave(channel, gone)?;
        }
        for new in members.iter().filter(|member| !before.contains(member)) {
            workspace.join(channel, new)?;
        }
        Ok(())
    }

    /// Takes the app out of a channel.
    ///
    /// # Errors
    /// `channel_not_found`, or `not_in_channel`.
    pub fn remove_app_from(&self, channel: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let bot = workspace.options.bot_user_id.clone();
        workspace.leave(channel, &bot)
    }

    /// Shares a channel with another firm's workspace.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn share_channel(&self, channel: &str, team: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        workspace.channel_mut(channel)?.shared_with = Some(team.to_owned());
        let event = json!({"type": "channel_shared", "connected_team_id": team});
        workspace.tell_of_sharing(channel, event);
        Ok(())
    }

    /// Ends the sharing of a channel.
    ///
    /// # Errors
    /// `channel_not_found`, or `not_shared`.
    pub fn unshare_channel(&self, channel: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let team = workspace.channel_mut(channel)?.shared_with.take().ok_or("not_shared")?;
        let event = json!({"type": "channel_unshared", "previously_connected_team_id": team, "is_ext_shared": false});
        workspace.tell_of_sharing(channel, event);
        Ok(())
    }

    /// Gives a channel another id, as Slack does when sharing begins or ends.
    ///
    /// # Errors
    /// `channel_not_found`.
    pub fn change_channel_id(&self, old: &str, new: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let mut place = workspace.channels.remove(old).ok_or("channel_not_found")?;
        place.id = new.to_owned();
        workspace.channels.insert(new.to_owned(), place);
        for ephemeral in workspace.ephemerals.iter_mut().filter(|ephemeral| ephemeral.channel == old) {
            ephemeral.channel = new.to_owned();
        }
        for link in workspace.response_urls.values_mut().filter(|link| link.channel == old) {
            link.channel = new.to_owned();
        }
        let event_ts = show::ts(workspace.next_key());
        let event = json!({
            "type": "channel_id_changed", "old_channel_id": old, "new_channel_id": new, "event_ts": event_ts,
        });
        workspace.tell("channel_id_changed", &[], Some(new), object(event));
        Ok(())
    }

    /// Sends the app any event; gives the parcel's id.
    pub fn send_event(&self, channel: Option<&str>, event: Value) -> u64 {
        self.workspace().queue_event(channel, object(event))
    }

    /// Sends the app any signed body, such as `url_verification` or `app_rate_limited`; gives the parcel's id.
    pub fn send_raw(&self, body: &Value) -> u64 {
        self.workspace().queue_body(body.to_string().into_bytes())
    }

    /// Forgets what the app subscribed to: it is sent every event.
    pub fn subscribe_to_all(&self) {
        self.workspace().subscriptions = None;
    }
}

impl Workspace<'_> {
    pub fn join(&mut self, channel: &str, user: &str) -> Result<(), String> {
        if !self.people.contains_key(user) {
            return Err("user_not_found".to_owned());
        }
        self.channel_mut(channel)?.members.push(user.to_owned());
        self.system_line(channel, user, "channel_join", format!("<@{user}> has joined the channel"), json!({}));
        self.tell_of_member(channel, user, "member_joined_channel");
        Ok(())
    }

    pub fn leave(&mut self, channel: &str, user: &str) -> Result<(), String> {
        if !self.channel(channel)?.has(user) {
            return Err("not_in_channel".to_owned());
        }
        self.system_line(channel, user, "channel_leave", format!("<@{user}> has left the channel"), json!({}));
        self.tell_of_member(channel, user, "member_left_channel");
        if user == self.options.bot_user_id {
            let more = json!({"channel": channel, "actor_id": SLACKBOT});
            self.tell_of_channel(channel, "left", more);
        }
        self.channel_mut(channel)?.members.retain(|member| member != user);
        Ok(())
    }

    fn set_archived(&mut self, channel: &str, archived: bool) -> Result<(), String> {
        let place = self.channel_mut(channel)?;
        let user = place.creator.clone();
        place.archived = archived;
        let (what, text) =
            if archived { ("archive", "archived the channel") } else { ("unarchive", "un-archived the channel") };
        let only_message = self.quirks.archiving_is_only_a_message;
        let subtype = format!("channel_{what}");
        self.system_line(channel, &user, &subtype, format!("<@{user}> {text}"), json!({}));
        if !only_message {
            self.tell_of_channel(channel, what, json!({"channel": channel, "user": user}));
        }
        Ok(())
    }

    /// The app hears of every public channel, and of private ones that it is in.
    fn tell_of_channel(&mut self, channel: &str, what: &str, more: Value) {
        let Ok(place) = self.channel(channel) else { return };
        let (kind, scope) = match place.kind {
            Kind::Public => (format!("channel_{what}"), "channels:read"),
            _ if self.app_is_in(channel) => (format!("group_{what}"), "groups:read"),
            _ => return,
        };
        let mut event = object(more);
        event.insert("type".into(), kind.clone().into());
        event.insert("event_ts".into(), show::ts(self.next_key()).into());
        self.tell(&kind, &[scope], Some(channel), event);
    }

    fn tell_of_member(&mut self, channel: &str, user: &str, kind: &str) {
        let Ok(place) = self.channel(channel) else { return };
        let (letter, scope) = if place.kind == Kind::Public { ("C", "channels:read") } else { ("G", "groups:read") };
        if !self.app_is_in(channel) {
            return;
        }
        let event_ts = show::ts(self.next_key());
        let event = json!({
            "type": kind, "user": user, "channel": channel, "channel_type": letter, "team": self.team_of(user),
            "event_ts": event_ts,
        });
        self.tell(kind, &[scope], Some(channel), object(event));
    }

    fn tell_of_sharing(&mut self, channel: &str, event: Value) {
        let mut event = object(event);
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        event.insert("channel".into(), channel.into());
        event.insert("event_ts".into(), show::ts(self.next_key()).into());
        if self.app_is_in(channel) {
            self.tell(&kind, &["channels:read", "groups:read"], Some(channel), event);
        }
    }
}
