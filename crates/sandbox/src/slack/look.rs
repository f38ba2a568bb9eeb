//! Looking at the workspace from outside: what a test or a page shows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::FakeSlack;
use super::deliver::Counters;
use super::show;
use super::world::Key;

/// A thread as somebody looks at it.
pub struct SeenThread {
    /// Its root.
    pub root: Value,
    /// How many replies are left out before those that are here.
    pub earlier: usize,
    /// Its latest replies.
    pub replies: Vec<Value>,
}

/// A part of a channel as somebody looks at it, in order of time.
#[derive(Default)]
pub struct SeenChannel {
    /// Its threads.
    pub threads: Vec<SeenThread>,
    /// How many threads are before those that are here.
    pub earlier: usize,
    /// The root of the last of those.
    pub before: Option<String>,
    /// How many threads are after those that are here.
    pub later: usize,
    /// The root of the last of the next part.
    pub after: Option<String>,
}

impl FakeSlack {
    /// Every message of a channel, replies and metadata included, in order.
    pub fn messages(&self, channel: &str) -> Vec<Value> {
        let workspace = self.workspace();
        let Ok(place) = workspace.channel(channel) else { return Vec::new() };
        place.messages.values().map(|message| Value::Object(show::message(place, message))).collect()
    }

    /// A thread: its root, then its replies.
    pub fn thread(&self, channel: &str, ts: &str) -> Vec<Value> {
        let workspace = self.workspace();
        let (Ok(place), Some(root)) = (workspace.channel(channel), show::parse_ts(ts)) else { return Vec::new() };
        let root_message = place.messages.get(&root).filter(|message| message.root.is_none());
        let messages = root_message.into_iter().chain(place.replies(root));
        messages.map(|message| Value::Object(show::message(place, message))).collect()
    }

    /// The threads of a channel up to the one whose root has this `ts`, or up to the latest: so many of them, each a
    /// root and its latest replies.
    pub fn threads_until(&self, channel: &str, until: Option<&str>, threads: usize, replies: usize) -> SeenChannel {
        let workspace = self.workspace();
        let Ok(place) = workspace.channel(channel) else { return SeenChannel::default() };
        let until = until.and_then(show::parse_ts).unwrap_or(Key::MAX);
        let keys: Vec<Key> = place.messages.values().filter(|one| one.root.is_none()).map(|one| one.key).collect();
        let end = keys.partition_point(|key| *key <= until);
        let begin = end.saturating_sub(threads);
        let mut roots: BTreeMap<Key, Vec<Key>> = keys[begin..end].iter().map(|key| (*key, Vec::new())).collect();
        if let Some(first) = keys.get(begin) {
            for (key, message) in place.messages.range(first..) {
                if let Some(found) = message.root.and_then(|root| roots.get_mut(&root)) {
                    found.push(*key);
                }
            }
        }
        let shown = |key: &Key| place.messages.get(key).map(|message| Value::Object(show::message(place, message)));
        let seen = roots.iter().filter_map(|(root, found)| {
            let earlier = found.len().saturating_sub(replies);
            let replies = found[earlier..].iter().filter_map(shown).collect();
            Some(SeenThread { root: shown(root)?, earlier, replies })
        });
        SeenChannel {
            threads: seen.collect(),
            earlier: begin,
            before: begin.checked_sub(1).map(|at| show::ts(keys[at])),
            later: keys.len() - end,
            after: (end < keys.len()).then(|| show::ts(keys[(end + threads).min(keys.len()) - 1])),
        }
    }

    /// The root of the thread that a message of a channel is in: itself, if it is one.
    pub fn root_of(&self, channel: &str, ts: &str) -> Option<String> {
        let workspace = self.workspace();
        let key = show::parse_ts(ts)?;
        let message = workspace.channel(channel).ok()?.messages.get(&key)?;
        Some(show::ts(message.root.unwrap_or(key)))
    }

    /// One message, if it is still there.
    pub fn message(&self, channel: &str, ts: &str) -> Option<Value> {
        let workspace = self.workspace();
        workspace.shown(channel, show::parse_ts(ts)?).map(Value::Object)
    }

    /// What only one person saw, in order.
    pub fn ephemerals(&self, user: &str) -> Vec<Value> {
        let workspace = self.workspace();
        let seen = workspace.ephemerals.iter().filter(|ephemeral| ephemeral.user == user);
        seen.map(|ephemeral| Value::Object(ephemeral.shown())).collect()
    }

    /// One message that only one person sees, if it is still there.
    pub fn ephemeral(&self, user: &str, ts: &str) -> Option<Value> {
        let workspace = self.workspace();
        let key = show::parse_ts(ts)?;
        let found = workspace.ephemerals.iter().rev().find(|ephemeral| ephemeral.key == key && ephemeral.user == user);
        found.map(|ephemeral| Value::Object(ephemeral.shown()))
    }

    /// A person's direct conversation with others, made if there is none; its id.
    ///
    /// # Errors
    /// `user_not_found`.
    pub fn open_direct(&self, people: &[&str]) -> Result<String, String> {
        let mut workspace = self.workspace();
        if people.iter().any(|person| !workspace.people.contains_key(*person)) {
            return Err("user_not_found".to_owned());
        }
        let people: Vec<String> = people.iter().map(|person| (*person).to_owned()).collect();
        Ok(workspace.direct(&people).0)
    }

    /// The ids of every channel and direct conversation, in the order of [`FakeSlack::channels`].
    pub fn channel_ids(&self) -> Vec<String> {
        self.workspace().channels.keys().cloned().collect()
    }

    /// Every channel and direct conversation, as the app would see it.
    pub fn channels(&self) -> Vec<Value> {
        let workspace = self.workspace();
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
        let workspace = self.workspace();
        workspace.people.values().map(|person| workspace.show_person(person, true)).collect()
    }

    /// The latest calls of the Web API: method and time in milliseconds.
    pub fn calls(&self) -> Vec<(String, i64)> {
        self.workspace().calls.iter().cloned().collect()
    }

    /// Forgets the calls.
    pub fn clear_calls(&self) {
        self.workspace().calls.clear();
    }

    /// How often what happened.
    pub fn counters(&self) -> Counters {
        self.workspace().counters
    }

    /// How many parcels wait or are on their way.
    pub fn pending(&self) -> usize {
        self.workspace().queue.len()
    }

    /// What the user was shown in answer to a slash command; nothing, if nothing was shown.
    pub fn command_answer(&self, id: u64) -> Option<Value> {
        self.workspace().answers.get(&id).cloned()
    }
}
