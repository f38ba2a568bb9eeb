//! `chat.*`.

use serde_json::{Value, json};

use super::super::show;
use super::super::timeline::{Draft, object};
use super::super::world::{Key, Kind, Workspace};
use super::args::Args;
use super::content::Content;
use super::{Answer, Caller, Fail, warn};

/// Lets the app post under another name.
pub const CUSTOMIZE: &str = "chat:write.customize";

/// `chat.update` documents a shorter text than `chat.postMessage`.
const UPDATE_MOST: usize = 4_000;

pub fn post_message(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.place_to_post(caller, &args.needed("channel")?)?;
    if caller.is_app && workspace.channel(&channel)?.read_only {
        return Err("restricted_action_read_only_channel".into());
    }
    let content = Content::read(args, workspace.quirks)?;
    if content.says_nothing() {
        return Err("no_text".into());
    }
    let customises = ["username", "icon_url", "icon_emoji"].iter().any(|name| args.has(name));
    if customises && workspace.quirks.names_need_their_scope && !caller.may(CUSTOMIZE) {
        return Err(Fail::scope(CUSTOMIZE, caller));
    }
    let root = workspace.thread_arg(&channel, args)?;
    let broadcast = root.is_some() && args.flag("reply_broadcast");
    let mut fields = workspace.fields_of(caller, args, &content);
    if broadcast {
        fields.insert("subtype".into(), "thread_broadcast".into());
    }
    let draft = Draft { channel: channel.clone(), root, author: caller.user.clone(), broadcast, fields };
    let key = workspace.post(draft)?;
    let mut answer = object(json!({"channel": channel, "ts": show::ts(key)}));
    if let Some(shown) = workspace.shown(&channel, key) {
        answer.insert("message".into(), Value::Object(shown));
    }
    if content.truncated {
        warn(&mut answer, "message_truncated");
    }
    Ok(answer)
}

pub fn update(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.visible(caller, &args.needed("channel")?)?;
    if workspace.channel(&channel)?.archived {
        return Err("is_inactive".into());
    }
    let ts = args.needed("ts")?;
    let key = workspace.own_message(&caller.user, &channel, &ts, "cant_update_message")?;
    let content = Content::read(args, workspace.quirks)?;
    let told = args.has("text") || args.has("markdown_text") || content.blocks.is_some();
    if !told && content.attachments.is_none() && content.metadata.is_none() {
        return Err("no_text".into());
    }
    if content.text.as_deref().is_some_and(|text| text.chars().count() > UPDATE_MOST) {
        return Err("msg_too_long".into());
    }
    let mut fields = workspace.channel(&channel)?.messages.get(&key).map(|m| m.fields.clone()).unwrap_or_default();
    if told {
        if content.text.is_some() || content.has_blocks() {
            fields.insert("text".into(), content.shown_text().into());
        }
        workspace.put_blocks(&mut fields, &content, caller);
    }
    workspace.put_attachments(&mut fields, &content);
    if let Some(metadata) = &content.metadata {
        match metadata.as_object().is_some_and(|fields| fields.is_empty()) {
            true => fields.remove("metadata"),
            false => fields.insert("metadata".into(), metadata.clone()),
        };
    }
    // An update with blocks is not marked as edited; one by the app names its bot id.
    if !content.has_blocks() {
        let by = if caller.is_app { workspace.options.bot_id.clone() } else { caller.user.clone() };
        let at = show::ts(workspace.next_key());
        fields.insert("edited".into(), json!({"user": by, "ts": at}));
    }
    workspace.change(&channel, key, |kept| *kept = fields)?;
    let shown = workspace.shown(&channel, key).unwrap_or_default();
    let text = shown.get("text").cloned().unwrap_or_default();
    let mut answer = object(json!({"channel": channel, "ts": ts, "text": text, "message": shown}));
    if content.truncated {
        warn(&mut answer, "message_truncated");
    }
    Ok(answer)
}

pub fn delete(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.visible(caller, &args.needed("channel")?)?;
    let ts = args.needed("ts")?;
    let key = workspace.own_message(&caller.user, &channel, &ts, "cant_delete_message")?;
    // A bot token cannot delete what was posted under another name: the reference of chat.delete.
    let nameless = workspace.channel(&channel)?.messages.get(&key).is_some_and(|m| m.fields.contains_key("username"));
    if caller.is_app && nameless {
        return Err("cant_delete_message".into());
    }
    if workspace.quirks.nothing_is_deleted {
        return Err("compliance_exports_prevent_deletion".into());
    }
    workspace.remove(&channel, key)?;
    Ok(object(json!({"channel": channel, "ts": ts})))
}

pub fn post_ephemeral(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.place_to_post(caller, &args.needed("channel")?)?;
    let user = args.needed("user")?;
    if !workspace.channel(&channel)?.has(&user) {
        return Err("user_not_in_channel".into());
    }
    let content = Content::read(args, workspace.quirks)?;
    if content.says_nothing() {
        return Err("no_text".into());
    }
    let root = workspace.thread_arg(&channel, args)?;
    let fields = workspace.fields_of(caller, args, &content);
    let key = workspace.whisper(&user, &channel, root.map(show::ts), fields);
    Ok(object(json!({"message_ts": show::ts(key)})))
}

pub fn permalink(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.visible(caller, &args.needed("channel")?)?;
    let key = show::parse_ts(&args.needed("message_ts")?).ok_or("message_not_found")?;
    let link = workspace.address_of(&channel, key)?;
    Ok(object(json!({"channel": channel, "permalink": link})))
}

impl Workspace<'_> {
    /// Where a message is read in a browser.
    pub fn address_of(&self, channel: &str, key: Key) -> Result<String, Fail> {
        let message = self.channel(channel)?.messages.get(&key).ok_or("message_not_found")?;
        let (domain, ts) = (&self.options.team_domain, show::ts(key));
        let mut link = format!("https://{domain}.slack.com/archives/{channel}/p{}", ts.replace('.', ""));
        if let Some(root) = message.root {
            link.push_str(&format!("?thread_ts={}&cid={channel}", show::ts(root)));
        }
        Ok(link)
    }

    /// The channel that `named` names, if the caller may know of it.
    pub fn visible(&self, caller: &Caller, named: &str) -> Result<String, Fail> {
        let place = self.channel(named)?;
        if place.kind != Kind::Public && !place.has(&caller.user) {
            return Err("channel_not_found".into());
        }
        Ok(named.to_owned())
    }

    /// The channel to post to: an id, a name, or a person for a direct message.
    fn place_to_post(&mut self, caller: &Caller, named: &str) -> Result<String, Fail> {
        if self.people.contains_key(named) {
            return Ok(self.direct(&[caller.user.clone(), named.to_owned()]).0);
        }
        let name = named.trim_start_matches('#');
        let by_name = self.channels.values().find(|place| !place.is_direct() && place.name == name);
        let channel = match self.channels.contains_key(named) {
            true => named.to_owned(),
            false => by_name.map(|place| place.id.clone()).ok_or("channel_not_found")?,
        };
        match self.may_write(&caller.user, &channel) {
            // Scope chat:write.public lets an app post in public channels that it is not in.
            Err("not_in_channel") if caller.may("chat:write.public") && !self.channel(&channel)?.archived => {}
            other => other?,
        }
        Ok(channel)
    }

    fn thread_arg(&self, channel: &str, args: &Args) -> Result<Option<Key>, Fail> {
        match args.text("thread_ts") {
            None => Ok(None),
            Some(ts) => Ok(Some(self.root_of(channel, &ts)?)),
        }
    }
}
