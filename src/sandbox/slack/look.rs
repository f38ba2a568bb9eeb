//! Looking at the workspace from outside: what a test or a page shows.

use serde_json::Value;

use super::FakeSlack;
use super::deliver::Counters;
use super::show;

impl FakeSlack {
    /// Every message of a channel, replies and metadata included, in order.
    pub fn messages(&self, channel: &str) -> Vec<Value> {
        let workspace = self.look();
        let Ok(place) = workspace.channel(channel) else { return Vec::new() };
        place.messages.values().map(|message| Value::Object(show::message(place, message))).collect()
    }

    /// A thread: its root, then its replies.
    pub fn thread(&self, channel: &str, ts: &str) -> Vec<Value> {
        let workspace = self.look();
        let (Ok(place), Some(root)) = (workspace.channel(channel), show::parse_ts(ts)) else { return Vec::new() };
        let root_message = place.messages.get(&root).filter(|message| message.root.is_none());
        let messages = root_message.into_iter().chain(place.replies(root));
        messages.map(|message| Value::Object(show::message(place, message))).collect()
    }

    /// What only one person saw, in order.
    pub fn ephemerals(&self, user: &str) -> Vec<Value> {
        let workspace = self.look();
        let seen = workspace.ephemerals.iter().filter(|ephemeral| ephemeral.user == user);
        seen.map(|ephemeral| Value::Object(ephemeral.shown())).collect()
    }

    /// Every channel and direct conversation, as the app would see it.
    pub fn channels(&self) -> Vec<Value> {
        let workspace = self.look();
        let all = workspace.channels.values();
        all.map(|channel| {
            let mut shown = workspace.show_channel(channel, &workspace.options.bot_user_id);
            shown["members"] = channel.members.clone().into();
            shown
        })
        .collect()
    }

    /// Everybody, with their e-mail addresses.
    pub fn people(&self) -> Vec<Value> {
        let workspace = self.look();
        workspace.people.values().map(|person| workspace.show_person(person, true)).collect()
    }

    /// The latest calls of the Web API: method and time in milliseconds.
    pub fn calls(&self) -> Vec<(String, i64)> {
        self.look().calls.iter().cloned().collect()
    }

    /// Forgets the calls.
    pub fn clear_calls(&self) {
        self.workspace().calls.clear();
    }

    /// How often what happened.
    pub fn counters(&self) -> Counters {
        self.look().counters
    }

    /// How many parcels wait or are on their way.
    pub fn pending(&self) -> usize {
        self.look().queue.len()
    }

    /// What the user was shown in answer to a slash command; nothing, if nothing was shown.
    pub fn command_answer(&self, id: u64) -> Option<Value> {
        self.look().answers.get(&id).cloned()
    }
}
