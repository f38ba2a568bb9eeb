//! Where Slack's pages are silent or disagree: each fact both ways.

use serde::{Deserialize, Serialize};

use super::FakeSlack;

/// The other answers to what is not confirmed of Slack; all off is what is likelier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// A tombstone's event has `previous_message: []`, as one recorded payload of java-slack-sdk does.
    pub tombstones_lose_the_previous: bool,
    /// `block_actions` come without `container.thread_ts`, which no page documents.
    pub containers_lack_threads: bool,
    /// A text above 40,000 characters is refused with `msg_too_long` instead of cut.
    pub long_texts_are_refused: bool,
    /// `conversations.replies` of a reply shows that reply alone.
    pub replies_stand_alone: bool,
    /// A post to a response URL replaces the original unless it says otherwise.
    pub responses_replace: bool,
    /// Archiving is told by the message subtype only, without `channel_archive` and `group_archive` events.
    pub archiving_is_only_a_message: bool,
    /// A custom name without its scope is refused with `missing_scope` instead of ignored.
    pub names_need_their_scope: bool,
    /// `conversations.history` and `conversations.replies` give 15 messages a page, as they do to apps that are
    /// distributed outside the Marketplace.
    pub pages_are_short: bool,
    /// Every event comes without `authorizations` and `context_team_id`, as older ones do.
    pub envelopes_are_old: bool,
    /// The workspace keeps everything for an audit: `chat.delete` is refused with `compliance_exports_prevent_deletion`.
    pub nothing_is_deleted: bool,
    /// Replies come without `parent_user_id`, which the reference shows in samples and promises nowhere.
    pub parents_are_unnamed: bool,
    /// The app was installed from a manifest that did not ask for direct messages.
    pub no_direct_messages: bool,
}

impl FakeSlack {
    /// Chooses the other answer where these say so.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.workspace().world.quirks = quirks;
    }

    /// Which other answers are chosen.
    pub fn quirks(&self) -> Quirks {
        self.workspace().quirks
    }
}
