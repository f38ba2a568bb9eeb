//! What people do in their clients.

use serde_json::{Value, json};

use super::FakeSlack;
use super::blocks;
use super::rich_text::{normalise, rich_text};
use super::show;
use super::timeline::{Draft, object};
use super::world::{Key, Workspace};

/// A message as a person writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Say {
    /// The thread it answers.
    pub thread_ts: Option<String>,
    /// What was typed; mentions and links in Slack's angle brackets.
    pub text: String,
    /// Blocks in place of the one that is made from the text.
    pub blocks: Option<Value>,
    /// File objects; what they lack is filled in.
    pub files: Vec<Value>,
    /// Whether a reply is also sent to the channel.
    pub broadcast: bool,
    /// Whether it is a `/me` message.
    pub me: bool,
}

impl FakeSlack {
    /// Posts a message as a person; gives its `ts`.
    ///
    /// # Errors
    /// Slack's code for what is wrong.
    pub fn say(&self, user: &str, channel: &str, thread_ts: Option<&str>, text: &str) -> Result<String, String> {
        let say = Say { thread_ts: thread_ts.map(String::from), text: text.to_owned(), ..Say::default() };
        self.say_with(user, channel, say)
    }

    /// Posts a message as a person, with more than text; gives its `ts`.
    ///
    /// # Errors
    /// Slack's code for what is wrong.
    pub fn say_with(&self, user: &str, channel: &str, say: Say) -> Result<String, String> {
        let mut workspace = self.workspace();
        workspace.may_write(user, channel)?;
        let root = match &say.thread_ts {
            Some(ts) => Some(workspace.root_of(channel, ts)?),
            None => None,
        };
        if say.text.trim().is_empty() && say.files.is_empty() && say.blocks.is_none() {
            return Err("no_text".to_owned());
        }
        let text = normalise(&say.text);
        let mut fields = workspace.persons_fields(user, &text);
        let blocks = match say.blocks {
            Some(blocks) => Some(workspace.world.dress_blocks(blocks)),
            None if text.is_empty() || say.me => None,
            None => {
                let block_id = workspace.world.new_block_id();
                Some(json!([rich_text(&text, true, &block_id)]))
            }
        };
        if let Some(blocks) = blocks {
            fields.insert("blocks".into(), blocks);
        }
        if !say.files.is_empty() {
            let files: Vec<Value> =
                say.files.into_iter().map(|file| workspace.take_file(user, channel, file)).collect();
            fields.insert("files".into(), files.into());
            fields.insert("upload".into(), false.into());
            fields.insert("display_as_bot".into(), false.into());
            fields.insert("subtype".into(), "file_share".into());
        }
        if say.me {
            fields.insert("subtype".into(), "me_message".into());
        }
        let broadcast = say.broadcast && root.is_some();
        if broadcast {
            fields.insert("subtype".into(), "thread_broadcast".into());
        }
        let files: Vec<String> = fields
            .get("files")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|file| file["id"].as_str().filter(|id| workspace.shelf.contents.contains_key(*id)))
            .map(String::from)
            .collect();
        let draft = Draft { channel: channel.to_owned(), root, author: user.to_owned(), broadcast, fields };
        let key = workspace.post(draft)?;
        workspace.note_shares(&files, user, channel, key, root);
        Ok(show::ts(key))
    }

    /// Changes the text of one's own message.
    ///
    /// # Errors
    /// Slack's code for what is wrong.
    pub fn edit(&self, user: &str, channel: &str, ts: &str, text: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let key = workspace.own_message(user, channel, ts, "cant_update_message")?;
        let text = normalise(text);
        let block_id = workspace.world.new_block_id();
        let blocks = json!([rich_text(&text, true, &block_id)]);
        let edited = show::ts(workspace.next_key());
        let edited = json!({"user": user, "ts": edited});
        workspace.change(channel, key, |fields| {
            fields.insert("text".into(), text.into());
            fields.insert("blocks".into(), blocks);
            fields.insert("edited".into(), edited);
        })?;
        Ok(())
    }

    /// Deletes one's own message.
    ///
    /// # Errors
    /// Slack's code for what is wrong.
    pub fn delete(&self, user: &str, channel: &str, ts: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let key = workspace.own_message(user, channel, ts, "cant_delete_message")?;
        workspace.remove(channel, key)?;
        Ok(())
    }

    /// Adds a reaction.
    ///
    /// # Errors
    /// Slack's code for what is wrong.
    pub fn react(&self, user: &str, channel: &str, ts: &str, name: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        workspace.may_write(user, channel)?;
        let key = show::parse_ts(ts).ok_or("bad_timestamp")?;
        Ok(workspace.react(user, channel, key, name, true)?)
    }

    /// Takes a reaction back.
    ///
    /// # Errors
    /// Slack's code for what is wrong.
    pub fn unreact(&self, user: &str, channel: &str, ts: &str, name: &str) -> Result<(), String> {
        let mut workspace = self.workspace();
        let key = show::parse_ts(ts).ok_or("bad_timestamp")?;
        Ok(workspace.react(user, channel, key, name, false)?)
    }
}

impl Workspace<'_> {
    /// Whether somebody may post here.
    pub fn may_write(&self, user: &str, channel: &str) -> Result<(), &'static str> {
        let person = self.world.people.get(user).ok_or("user_not_found")?;
        if person.spec.deleted {
            return Err("account_inactive");
        }
        let place = self.channel(channel)?;
        if !place.has(user) {
            let hidden = place.kind != super::world::Kind::Public;
            return Err(if hidden { "channel_not_found" } else { "not_in_channel" });
        }
        if place.archived { Err("is_archived") } else { Ok(()) }
    }

    pub fn own_message(
        &self,
        user: &str,
        channel: &str,
        ts: &str,
        otherwise: &'static str,
    ) -> Result<Key, &'static str> {
        let key = show::parse_ts(ts).ok_or("message_not_found")?;
        let message = self.channel(channel)?.messages.get(&key).ok_or("message_not_found")?;
        if message.is_tombstone() {
            return Err("message_not_found");
        }
        if message.author == user { Ok(key) } else { Err(otherwise) }
    }

    fn take_file(&mut self, user: &str, channel: &str, file: Value) -> Value {
        let public = self.channel(channel).is_ok_and(|place| place.kind == super::world::Kind::Public);
        let whole = self.file_object(user, public, object(file));
        let id = whole.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let whole = Value::Object(whole);
        self.files.insert(id, whole.clone());
        whole
    }
}

impl super::world::World {
    pub fn new_block_id(&mut self) -> String {
        self.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 5)
    }

    /// Blocks as Slack gives them back: each with an id, text objects with their defaults.
    pub fn dress_blocks(&mut self, mut blocks: Value) -> Value {
        for block in blocks.as_array_mut().into_iter().flatten() {
            blocks::dress(block);
            if let Value::Object(fields) = block
                && fields.get("block_id").and_then(Value::as_str).is_none_or(str::is_empty)
            {
                fields.insert("block_id".into(), self.new_block_id().into());
            }
        }
        blocks
    }
}
