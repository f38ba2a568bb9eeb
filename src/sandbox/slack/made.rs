//! What was written in the workspace, in the order in which it was.

use super::FakeSlack;
use super::show;
use super::world::SLACKBOT;

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
            });
        }
        written.sort_by_key(|one| one.key);
        written
    }
}
