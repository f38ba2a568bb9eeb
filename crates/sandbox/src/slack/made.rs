//! What was written in the workspace, in the order in which it was, and what of it is other than it was.

use std::collections::VecDeque;

use serde_json::Value;

use super::FakeSlack;
use super::show;
use super::world::{Key, SLACKBOT};

/// How many alterations are remembered.
const REMEMBERED: usize = 10_000;

/// Something that somebody wrote: its names, and where it stands.
pub struct Written {
    /// Grows with each.
    pub key: i64,
    /// Its `ts`.
    pub ts: String,
    /// The channel, or the members of a direct conversation, in their order and joined by `+`.
    pub place: String,
    /// The `ts` of the message it answers.
    pub thread_ts: Option<String>,
    /// Who wrote it.
    pub author: String,
    /// The channel's id.
    pub channel: String,
    /// The one person who sees it, if only one does.
    pub only_for: Option<String>,
    /// What the app has written into it that nobody sees.
    pub marks: Vec<String>,
}

/// Messages that were changed or taken away, in order.
#[derive(Default)]
pub struct Altered {
    count: u64,
    latest: VecDeque<(String, Key)>,
}

impl Altered {
    /// A message was altered in this channel, or before this one person.
    pub fn note(&mut self, place: &str, key: Key) {
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back((place.to_owned(), key));
        self.count += 1;
    }
}

impl FakeSlack {
    /// The ids of all who and what is there: people and their groups, bots, channels, files.
    pub fn ids(&self) -> Vec<String> {
        let workspace = self.workspace();
        let groups = workspace.usergroups.iter().map(|group| &group.id);
        let of_app = [&workspace.options.bot_id, &workspace.options.app_id, &workspace.options.team_id];
        let all = workspace.people.keys().chain(workspace.channels.keys()).chain(workspace.files.keys());
        all.chain(groups).chain(of_app).cloned().collect()
    }

    /// The channel, or the one person, and the `ts` of each message that was altered after so many alterations, and how
    /// many there are; nothing in place of a list that is forgotten.
    pub fn altered_after(&self, count: u64) -> (Option<Vec<(String, String)>>, u64) {
        let workspace = self.workspace();
        let Altered { count: all, latest } = &workspace.altered;
        let wanted = usize::try_from(all.saturating_sub(count)).unwrap_or(usize::MAX);
        let known = latest.len().checked_sub(wanted);
        let listed =
            known.map(|from| latest.range(from..).map(|(place, key)| (place.clone(), show::ts(*key))).collect());
        (listed, *all)
    }

    /// What was written after the one with this key and is still there.
    pub fn written_after(&self, after: i64) -> Vec<Written> {
        let workspace = self.workspace();
        if workspace.last_key <= after {
            return Vec::new();
        }
        let place = |id: &str| match workspace.channels.get(id) {
            Some(channel) if channel.is_direct() => {
                let mut members = channel.members.clone();
                members.sort();
                members.join("+")
            }
            _ => id.to_owned(),
        };
        let mut written = Vec::new();
        for (id, channel) in &workspace.channels {
            for (key, message) in channel.messages.range(after.saturating_add(1)..) {
                written.push(Written {
                    key: *key,
                    ts: show::ts(*key),
                    place: place(id),
                    thread_ts: message.root.map(show::ts),
                    author: if message.is_tombstone() { SLACKBOT.to_owned() } else { message.author.clone() },
                    channel: id.clone(),
                    only_for: None,
                    marks: marks(message.fields.get("metadata")),
                });
            }
        }
        for whispered in workspace.ephemerals.iter().rev().take_while(|whispered| whispered.key > after) {
            written.push(Written {
                key: whispered.key,
                ts: show::ts(whispered.key),
                place: place(&whispered.channel),
                thread_ts: whispered.thread_ts.clone(),
                author: workspace.options.bot_user_id.clone(),
                channel: whispered.channel.clone(),
                only_for: Some(whispered.user.clone()),
                marks: Vec::new(),
            });
        }
        written.sort_by_key(|one| one.key);
        written
    }
}

fn marks(metadata: Option<&Value>) -> Vec<String> {
    let payload = metadata.and_then(|metadata| metadata.get("event_payload")).and_then(Value::as_object);
    payload.into_iter().flat_map(|fields| fields.values()).filter_map(Value::as_str).map(str::to_owned).collect()
}
