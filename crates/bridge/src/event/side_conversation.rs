//! Side conversations and their entries.

use serde::{Deserialize, Serialize};

use super::super::content::Doc;
use super::super::ids::{SideConversationEventId, SideConversationId, TicketId, ZendeskUserId};

/// Whether a side conversation is open or marked as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Zendesk's `open`.
    #[default]
    Open,
    /// Zendesk's `closed`; people read "done".
    Closed,
}

/// Someone or something that takes part in a side conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The Zendesk user. Does not mean "agent": Zendesk makes every unknown address an end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<ZendeskUserId>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A Slack channel, a Teams channel or a child ticket of Zendesk's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
}

impl Participant {
    /// The name to show, or `None` if only an address or less is known.
    pub fn shown(&self) -> Option<&str> {
        self.name.as_deref().map(str::trim).filter(|name| !name.is_empty())
    }
}

/// An entry of a side conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideConversationEvent {
    /// Its id; the key under which it is known for ever.
    pub id: SideConversationEventId,
    /// The side conversation it belongs to.
    pub side_conversation_id: SideConversationId,
    /// The ticket, which a follow-up may change.
    pub ticket_id: TicketId,
    /// What sort of entry.
    pub kind: Kind,
    /// Who made it.
    pub actor: Participant,
    /// `support`, `email`, `api` or something unheard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// What it says, if it says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// What the read that brought it knew of the side conversation as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<SideConversation>,
}

/// The sort of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The first message.
    Create,
    /// A further message.
    Reply,
    /// A change of state or subject.
    Update {
        /// The new state, if it changed.
        #[serde(default)]
        state: Option<State>,
    },
    /// Something that this version does not know.
    Other,
}

/// What an entry says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The subject, on the first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The text as plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
    /// The address of the account, which the relative addresses of the HTML leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whom it was sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Participant>,
    /// The marker of ours that it carries, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The names of its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl Message {
    /// The text in the model that both vendors' formats meet in.
    pub fn doc(&self) -> Doc {
        Doc::from_zendesk_account(self.html.as_deref(), self.plain.as_deref(), self.account.as_deref())
    }
}

/// What is known of a side conversation as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideConversation {
    /// Its subject.
    #[serde(default)]
    pub subject: String,
    /// Its state.
    pub state: State,
    /// When its state last changed, in milliseconds since 1970.
    pub state_updated_at_ms: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Everyone who has taken part so far.
    #[serde(default)]
    pub participants: Vec<Participant>,
}
