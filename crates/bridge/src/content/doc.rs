//! The document: blocks of inlines.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Names, html_in, html_out, mrkdwn_out, normal, plain, slack_in};
use crate::ids::{ChannelId, SlackUserId};

/// How many lists and quotes may lie within each other; keeps the JSON of a document far from serde_json's limit of 128.
pub const MAX_DEPTH: usize = 16;

/// A message's content, free of either vendor's format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doc {
    #[serde(default, rename = "b", skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
}

/// A part of a document that stands on lines of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    #[serde(rename = "p")]
    Paragraph(Vec<Inline>),
    #[serde(rename = "h")]
    Heading {
        #[serde(rename = "l")]
        level: u8,
        #[serde(rename = "c")]
        content: Vec<Inline>,
    },
    #[serde(rename = "l")]
    List {
        #[serde(default, rename = "o", skip_serializing_if = "is_false")]
        ordered: bool,
        #[serde(default = "one", rename = "s", skip_serializing_if = "is_one")]
        start: u32,
        #[serde(rename = "i")]
        items: Vec<Vec<Block>>,
    },
    #[serde(rename = "c")]
    Code {
        #[serde(default, rename = "l", skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        #[serde(rename = "t")]
        text: String,
    },
    #[serde(rename = "q")]
    Quote(Vec<Block>),
    /// Rows of cells.
    #[serde(rename = "t")]
    Table(Vec<Vec<Vec<Inline>>>),
    #[serde(rename = "r")]
    Rule,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inline {
    #[serde(rename = "t")]
    Text {
        #[serde(rename = "t")]
        text: String,
        #[serde(default, rename = "s", skip_serializing_if = "Style::is_plain")]
        style: Style,
    },
    #[serde(rename = "a")]
    Link {
        #[serde(rename = "u")]
        url: String,
        #[serde(rename = "t")]
        text: String,
        #[serde(default, rename = "s", skip_serializing_if = "Style::is_plain")]
        style: Style,
    },
    /// `name` is what the message itself calls a person, without `@`; it serves where nothing better is known.
    #[serde(rename = "u", with = "mention")]
    User { id: SlackUserId, name: Option<String> },
    #[serde(rename = "ch")]
    Channel {
        #[serde(rename = "i")]
        id: ChannelId,
        #[serde(default, rename = "n", skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    #[serde(rename = "g")]
    UserGroup {
        #[serde(rename = "i")]
        id: String,
        #[serde(default, rename = "n", skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// `here`, `channel` or `everyone`.
    #[serde(rename = "bc")]
    Broadcast(String),
    /// `unicode` holds the characters themselves.
    #[serde(rename = "e")]
    Emoji {
        #[serde(rename = "n")]
        name: String,
        #[serde(default, rename = "u", skip_serializing_if = "Option::is_none")]
        unicode: Option<String>,
    },
    #[serde(rename = "im")]
    Image {
        #[serde(default, rename = "a", skip_serializing_if = "String::is_empty")]
        alt: String,
        #[serde(default, rename = "u", skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    #[serde(rename = "br")]
    Break,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Style {
    #[serde(default, rename = "b", skip_serializing_if = "is_false")]
    pub bold: bool,
    #[serde(default, rename = "i", skip_serializing_if = "is_false")]
    pub italic: bool,
    #[serde(default, rename = "s", skip_serializing_if = "is_false")]
    pub strike: bool,
    #[serde(default, rename = "c", skip_serializing_if = "is_false")]
    pub code: bool,
}

impl Style {
    /// Whether the text looks like any other.
    pub fn is_plain(&self) -> bool {
        *self == Style::default()
    }
}

impl Inline {
    /// A text with no style.
    pub fn text(text: impl Into<String>) -> Self {
        Inline::Text { text: text.into(), style: Style::default() }
    }
}

impl Doc {
    /// Reads a side conversation's message; the HTML wins when it has content. Relative addresses lead nowhere.
    pub fn from_zendesk(html: Option<&str>, plain: Option<&str>) -> Doc {
        Doc::from_zendesk_account(html, plain, None)
    }

    /// Reads a side conversation's message; relative addresses are resolved against that of the Zendesk account, such as
    /// `https://acme.zendesk.com`.
    pub fn from_zendesk_account(html: Option<&str>, plain: Option<&str>, account: Option<&str>) -> Doc {
        let doc = html.map(|html| html_in::read(html, account)).unwrap_or_default();
        if !doc.is_empty() {
            return doc;
        }
        // Zendesk's plain bodies hold this one entity.
        plain.map(|text| Doc::plain(&text.replace("&nbsp;", " "))).unwrap_or_default()
    }

    /// Reads the words of a person's Slack message: its `text`, its `blocks` and its `attachments`.
    pub fn from_slack(text: &str, blocks: Option<&Value>, attachments: Option<&Value>) -> Doc {
        slack_in::read(text, blocks, attachments, false)
    }

    /// Reads a Slack message as it comes in an event or from `conversations.replies`.
    ///
    /// An app's message (`bot_id`) says in its `text` what its blocks say, in other words; so there the text counts only
    /// where the blocks give nothing.
    pub fn from_slack_message(message: &Value) -> Doc {
        let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
        let by_app = message.get("bot_id").is_some_and(Value::is_string);
        slack_in::read(text, message.get("blocks"), message.get("attachments"), by_app)
    }

    /// Takes a text as it is: an empty line ends a paragraph.
    pub fn plain(text: &str) -> Doc {
        Doc { blocks: vec![Block::Paragraph(vec![Inline::text(text)])] }.normalised()
    }

    /// Brings a document into the one form that the readers make, in which equal content is equal.
    ///
    /// Texts hold no line breaks and no control characters, neighbours of one style are one text, a paragraph is neither
    /// empty nor holds an empty line, a table has at least two rows and two columns, URLs are safe, nesting is limited.
    pub fn normalised(self) -> Doc {
        Doc { blocks: normal::blocks(self.blocks, 0) }
    }

    /// The same in a quote, where it stands apart from what is around it.
    pub fn quoted(self) -> Doc {
        match self.is_empty() {
            true => self,
            false => Doc { blocks: vec![Block::Quote(self.blocks)] },
        }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| *block == Block::Rule)
    }

    /// The people whom it mentions.
    pub fn people(&self) -> BTreeSet<SlackUserId> {
        self.mentioned(|inline| match inline {
            Inline::User { id, .. } => Some(id.clone()),
            _ => None,
        })
    }

    /// The people whom it calls by a name of its own.
    pub fn people_with_names(&self) -> BTreeSet<SlackUserId> {
        self.mentioned(|inline| match inline {
            Inline::User { id, name: Some(_) } => Some(id.clone()),
            _ => None,
        })
    }

    /// The user groups that it mentions without their names.
    pub fn nameless_groups(&self) -> BTreeSet<String> {
        self.mentioned(|inline| match inline {
            Inline::UserGroup { id, name: None } => Some(id.clone()),
            _ => None,
        })
    }

    /// The channels that it mentions without their names.
    pub fn nameless_channels(&self) -> BTreeSet<ChannelId> {
        self.mentioned(|inline| match inline {
            Inline::Channel { id, name: None } => Some(id.clone()),
            _ => None,
        })
    }

    fn mentioned<T: Ord>(&self, pick: impl Fn(&Inline) -> Option<T> + Copy) -> BTreeSet<T> {
        let mut found = BTreeSet::new();
        collect(&self.blocks, pick, &mut found);
        found
    }

    /// Writes mrkdwn in parts of at most `limit` characters; a limit under 80 counts as 80.
    ///
    /// A part ends at the end of a block if it can, else of a line, of a word, and in the worst case within a word. Code,
    /// quotes, lists and styles that go on are closed and opened again. No part is empty.
    pub fn to_mrkdwn(&self, limit: usize) -> Vec<String> {
        mrkdwn_out::write(self, limit)
    }

    /// Writes HTML for Zendesk.
    pub fn to_html(&self, names: &dyn Names) -> String {
        html_out::write(self, names)
    }

    /// Writes plain text.
    pub fn to_plain(&self, names: &dyn Names) -> String {
        plain::write(self, names)
    }
}

fn collect<T: Ord>(blocks: &[Block], pick: impl Fn(&Inline) -> Option<T> + Copy, found: &mut BTreeSet<T>) {
    for block in blocks {
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => found.extend(content.iter().filter_map(pick)),
            Block::Table(rows) => found.extend(rows.iter().flatten().flatten().filter_map(pick)),
            Block::List { items, .. } => items.iter().for_each(|item| collect(item, pick, found)),
            Block::Quote(inner) => collect(inner, pick, found),
            _ => {}
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn one() -> u32 {
    1
}

fn is_one(value: &u32) -> bool {
    *value == 1
}

/// A mention is stored as the bare id, as it always was, or with its name.
mod mention {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::ids::SlackUserId;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Bare(SlackUserId),
        Named {
            #[serde(rename = "i")]
            id: SlackUserId,
            #[serde(rename = "n")]
            name: String,
        },
    }

    #[derive(Serialize)]
    struct Named<'a> {
        #[serde(rename = "i")]
        id: &'a SlackUserId,
        #[serde(rename = "n")]
        name: &'a str,
    }

    pub(super) fn serialize<S: Serializer>(
        id: &SlackUserId,
        name: &Option<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match name {
            None => id.serialize(serializer),
            Some(name) => Named { id, name }.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<(SlackUserId, Option<String>), D::Error> {
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Bare(id) => (id, None),
            Stored::Named { id, name } => (id, Some(name)),
        })
    }
}
