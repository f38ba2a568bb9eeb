//! What a message says: the arguments that every posting method shares, and what Slack checks in them.

use serde_json::{Value, json};

use super::super::Quirks;
use super::super::blocks;
use super::super::rich_text::{normalise, rich_text};
use super::super::world::{Fields, Workspace};
use super::args::Args;
use super::chat::CUSTOMIZE;
use super::{Caller, Fail};

/// <https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages>
const TEXT_MOST: usize = 40_000;
const MARKDOWN_MOST: usize = 12_000;
const ATTACHMENTS_MOST: usize = 100;

/// What Slack puts as the text of a message that has only blocks.
const NO_FALLBACK: &str = "This content can't be displayed.";

pub struct Content {
    pub text: Option<String>,
    pub blocks: Option<Value>,
    pub attachments: Option<Value>,
    pub metadata: Option<Value>,
    pub truncated: bool,
}

impl Content {
    pub fn read(args: &Args, quirks: Quirks) -> Result<Self, Fail> {
        let blocks = args.json("blocks").map_err(|()| "invalid_blocks_format")?;
        let attachments = args.json("attachments").map_err(|()| "invalid_attachments")?;
        let metadata = args.json("metadata").map_err(|()| "invalid_metadata_format")?;
        if let Some(blocks) = &blocks {
            if !blocks.is_array() {
                return Err("invalid_blocks_format".into());
            }
            blocks::check(blocks).map_err(|complaints| Fail::with_messages("invalid_blocks", &complaints))?;
        }
        check_attachments(attachments.as_ref())?;
        check_metadata(metadata.as_ref())?;
        let mut text = args.text("text");
        if let Some(markdown) = args.text("markdown_text").filter(|markdown| !markdown.is_empty()) {
            if text.is_some() || blocks.is_some() {
                return Err("markdown_text_conflict".into());
            }
            if markdown.chars().count() > MARKDOWN_MOST {
                return Err("msg_too_long".into());
            }
            text = Some(markdown);
        }
        let truncated = text.as_ref().is_some_and(|text| text.chars().count() > TEXT_MOST);
        if truncated && quirks.long_texts_are_refused {
            return Err("msg_too_long".into());
        }
        if truncated {
            text = text.map(|text| text.chars().take(TEXT_MOST).collect());
        }
        Ok(Content { text: text.map(|text| normalise(&text)), blocks, attachments, metadata, truncated })
    }

    pub fn says_nothing(&self) -> bool {
        let text = self.text.as_deref().is_none_or(|text| text.trim().is_empty());
        let empty = |list: &Option<Value>| list.as_ref().and_then(Value::as_array).is_none_or(Vec::is_empty);
        text && empty(&self.blocks) && empty(&self.attachments)
    }

    /// The text to keep, made up where there are only blocks.
    pub fn shown_text(&self) -> String {
        match &self.text {
            Some(text) if !text.is_empty() => text.clone(),
            _ if self.has_blocks() => NO_FALLBACK.to_owned(),
            _ => String::new(),
        }
    }

    pub fn has_blocks(&self) -> bool {
        self.blocks.as_ref().and_then(Value::as_array).is_some_and(|blocks| !blocks.is_empty())
    }
}

fn check_attachments(attachments: Option<&Value>) -> Result<(), Fail> {
    match attachments {
        None => Ok(()),
        Some(Value::Array(list)) if list.len() > ATTACHMENTS_MOST => Err("too_many_attachments".into()),
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => Ok(()),
        Some(_) => Err("invalid_attachments".into()),
    }
}

fn check_metadata(metadata: Option<&Value>) -> Result<(), Fail> {
    let Some(metadata) = metadata else { return Ok(()) };
    let Some(fields) = metadata.as_object() else { return Err("invalid_metadata_format".into()) };
    let empty = fields.is_empty();
    let typed = fields.get("event_type").and_then(Value::as_str).is_some_and(|kind| !kind.is_empty());
    let payload = fields.get("event_payload").is_some_and(Value::is_object);
    if empty || (typed && payload) || fields.contains_key("entities") {
        Ok(())
    } else {
        Err("invalid_metadata_format".into())
    }
}

impl Workspace<'_> {
    /// The fields of a message with this content by this caller.
    pub fn fields_of(&mut self, caller: &Caller, args: &Args, content: &Content) -> Fields {
        let text = content.shown_text();
        let username = args.text("username").filter(|name| !name.is_empty());
        // Without chat:write.customize Slack posts under the app's own name and says nothing.
        let customised = caller.is_app && caller.may(CUSTOMIZE) && username.is_some();
        let mut fields = match caller.is_app {
            true if customised => self.nameless_fields(&text),
            true => self.apps_fields(&text),
            false => self.persons_fields(&caller.user, &text),
        };
        if customised {
            fields.insert("username".into(), username.unwrap_or_default().into());
            let icon_emoji = args.text("icon_emoji").map(|emoji| json!({"emoji": emoji}));
            let icon = icon_emoji.or_else(|| args.text("icon_url").map(|url| json!({"image_48": url})));
            fields.extend(icon.map(|icon| ("icons".to_owned(), icon)));
        }
        self.put_blocks(&mut fields, content, caller);
        self.put_attachments(&mut fields, content);
        let metadata = content.metadata.clone().filter(|metadata| metadata.as_object().is_some_and(|m| !m.is_empty()));
        fields.extend(metadata.map(|metadata| ("metadata".to_owned(), metadata)));
        fields
    }

    /// The given blocks, or the one that Slack makes of the text.
    pub fn put_blocks(&mut self, fields: &mut Fields, content: &Content, caller: &Caller) {
        let text = content.text.clone().unwrap_or_default();
        let blocks = if content.has_blocks() {
            content.blocks.clone().map(|blocks| self.world.dress_blocks(blocks))
        } else if text.is_empty() {
            None
        } else {
            let block_id = self.world.new_block_id();
            Some(json!([rich_text(&text, !caller.is_app, &block_id)]))
        };
        match blocks {
            Some(blocks) => fields.insert("blocks".into(), blocks),
            None => fields.remove("blocks"),
        };
    }

    pub fn put_attachments(&mut self, fields: &mut Fields, content: &Content) {
        let Some(Value::Array(list)) = content.attachments.clone() else { return };
        if list.is_empty() {
            fields.remove("attachments");
            return;
        }
        let numbered = list.into_iter().enumerate().map(|(at, mut attachment)| {
            if let Value::Object(fields) = &mut attachment {
                fields.insert("id".into(), (at + 1).into());
                fields.entry("fallback").or_insert_with(|| json!("[no preview available]"));
            }
            attachment
        });
        fields.insert("attachments".into(), Value::Array(numbered.collect()));
    }
}
