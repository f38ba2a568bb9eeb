//! Response URLs: how the app answers an interaction or a command later.
//!
//! Slack's pages do not agree on what `replace_original` is when it is left out: see the quirks.

use serde_json::Value;

use super::blocks;
use super::rich_text::normalise;
use super::show;
use super::timeline::Draft;
use super::world::{Fields, Key, Workspace};

impl Workspace<'_> {
    /// Takes a post to a response URL; an error is Slack's code and the HTTP status.
    pub fn respond(&mut self, id: &str, body: &[u8]) -> Result<(), (u16, &'static str)> {
        self.counters.responses += 1;
        let now = self.now;
        let by_default = self.quirks.responses_replace;
        let link = self.response_urls.get_mut(id).ok_or((404, "expired_url"))?;
        if link.expires <= now {
            return Err((404, "expired_url"));
        }
        if link.uses_left == 0 {
            return Err((404, "used_url"));
        }
        let Ok(Value::Object(said)) = serde_json::from_slice::<Value>(body) else {
            return Err((400, "invalid_payload"));
        };
        let flag = |name: &str| said.get(name).and_then(Value::as_bool).unwrap_or(false);
        let word = |name: &str| said.get(name).and_then(Value::as_str);
        let blocks = said.get("blocks").filter(|blocks| !blocks.is_null());
        if let Some(blocks) = blocks {
            blocks::check(blocks).map_err(|_| (400, "invalid_blocks"))?;
        }
        let text = word("text").unwrap_or_default();
        if text.is_empty() && blocks.is_none() && !flag("delete_original") {
            return Err((400, "no_text"));
        }
        link.uses_left -= 1;
        let (channel, user, original) = (link.channel.clone(), link.user.clone(), link.original);
        let thread_ts = word("thread_ts").map(String::from);
        let text = normalise(text);
        let dressed = blocks.map(|blocks| self.world.dress_blocks(blocks.clone()));
        if flag("delete_original") {
            let (key, ephemeral) = original.ok_or((404, "message_not_found"))?;
            return self.delete_original(&channel, &user, key, ephemeral);
        }
        let replaces = said.get("replace_original").and_then(Value::as_bool).unwrap_or(by_default);
        if replaces && let Some((key, ephemeral)) = original {
            return self.replace_original(&channel, &user, key, ephemeral, text, dressed);
        }
        let mut fields = self.nameless_fields(&text);
        if let Some(blocks) = dressed {
            fields.insert("blocks".into(), blocks);
        }
        if word("response_type") == Some("in_channel") {
            let root = match thread_ts {
                Some(ts) => Some(self.root_of(&channel, &ts).map_err(|code| (400, code))?),
                None => None,
            };
            let author = self.options.bot_user_id.clone();
            let draft = Draft { channel, root, author, broadcast: false, fields };
            self.post(draft).map_err(|code| (404, code))?;
        } else {
            self.whisper(&user, &channel, thread_ts, fields);
        }
        Ok(())
    }

    fn delete_original(
        &mut self,
        channel: &str,
        user: &str,
        key: Key,
        ephemeral: bool,
    ) -> Result<(), (u16, &'static str)> {
        if ephemeral {
            self.ephemerals.retain(|shown| shown.key != key || shown.user != user);
            self.altered.note(user, key);
            return Ok(());
        }
        self.remove(channel, key).map_err(|code| (404, code))
    }

    fn replace_original(
        &mut self,
        channel: &str,
        user: &str,
        key: Key,
        ephemeral: bool,
        text: String,
        blocks: Option<Value>,
    ) -> Result<(), (u16, &'static str)> {
        let edited = show::ts(self.next_key());
        let bot = self.options.bot_id.clone();
        let rewrite = |fields: &mut Fields| {
            fields.insert("text".into(), text.into());
            match blocks {
                Some(blocks) => fields.insert("blocks".into(), blocks),
                None => {
                    fields.insert("edited".into(), serde_json::json!({"user": bot, "ts": edited}));
                    fields.remove("blocks")
                }
            };
        };
        if ephemeral {
            let shown = self.ephemerals.iter_mut().find(|shown| shown.key == key && shown.user == user);
            rewrite(&mut shown.ok_or((404, "message_not_found"))?.fields);
            self.altered.note(user, key);
            return Ok(());
        }
        self.change(channel, key, rewrite).map_err(|code| (404, code))
    }
}
