//! One document model between the formats of the two vendors.
//!
//! Slack speaks `rich_text` and mrkdwn, Zendesk speaks HTML and plain text. Each format is read into a [`Doc`] and written
//! from one, so that four formats need no pairwise converters.
//!
//! What this module promises, for any input:
//!
//! - It never panics, and its time and memory grow with the input, not with its square. Zendesk's HTML comes from strangers'
//!   mail, so it is read as a flat run of tags, without a tree: html5ever, conforming as it is, takes seconds of a debug
//!   build for 50 kB of nested `div`s, and makes two million nodes of 25 kB of `<p><b a=1><p><b a=2>…`.
//! - A document nests at most [`MAX_DEPTH`] lists and quotes; what lies deeper is kept, flat. Everything that walks a
//!   document may therefore recurse.
//! - Text from outside cannot become a control sequence. In mrkdwn every `<`, `>` and `&` of a text is escaped; in HTML
//!   there are only tags and attributes written here, and URLs are http, https or mailto.
//! - A document read from Zendesk holds no mention, so nobody in Zendesk can ping a channel; a document read from Slack
//!   mentions people, but a broadcast or a user group is written as text, so that a copy never rings twice.
//! - Nothing is cut. Only white space, control characters, the markup that a format lacks, and in HTML what a browser hides
//!   are lost.

mod attachments_in;
mod blocks_in;
mod doc;
mod emoji;
mod html_in;
mod html_out;
mod html_token;
mod markdown_in;
mod mrkdwn_in;
mod mrkdwn_out;
mod normal;
mod pack;
mod plain;
mod rich_text;
mod slack_in;
mod surrogates;
mod text;

pub use attachments_in::file_name;
pub use doc::{Block, Doc, Inline, MAX_DEPTH, Style};
pub use surrogates::mend_surrogates;
pub use text::{escape_html, escape_mrkdwn, text_hash};

use crate::ids::{ChannelId, SlackUserId};

/// What ids are called, for formats that cannot mention.
pub trait Names {
    /// The name of a person, without `@`.
    fn user(&self, id: &SlackUserId) -> Option<String>;
    /// The name of a channel, without `#`.
    fn channel(&self, id: &ChannelId) -> Option<String>;
    /// The handle of a user group, without `@`.
    fn group(&self, _id: &str) -> Option<String> {
        None
    }
}

/// No names: where none is needed, or ids stand for them.
pub struct Nameless;

impl Names for Nameless {
    fn user(&self, _: &SlackUserId) -> Option<String> {
        None
    }

    fn channel(&self, _: &ChannelId) -> Option<String> {
        None
    }
}
