//! An agent at the desk writes with files.

use serde_json::{Map, json};

use super::FakeZendesk;
use super::acts::answer_all;
use super::conversations::Draft;
use super::desk::reason;

impl FakeZendesk {
    /// As [`FakeZendesk::desk_start`], with files that [`FakeZendesk::add_file`] stored.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_start_with(
        &self,
        agent: i64,
        ticket: i64,
        to: &[&str],
        (subject, body): (&str, &str),
        files: Vec<String>,
    ) -> Result<String, String> {
        let now = self.now();
        let mut world = self.world();
        let act = world.act(agent, "support", now);
        let draft = Draft {
            to: to.iter().map(|email| json!({ "email": email })).collect(),
            subject: Some(subject.to_owned()),
            body: Some(body.to_owned()),
            attachments: files,
            ..Draft::default()
        };
        world.start(ticket, &act, draft, Map::new()).map_err(|refusal| reason(&refusal))
    }

    /// As [`FakeZendesk::desk_reply`], with files that [`FakeZendesk::add_file`] stored.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_reply_with(
        &self,
        agent: i64,
        side_conversation: &str,
        body: &str,
        files: Vec<String>,
    ) -> Result<String, String> {
        let now = self.now();
        let draft = Draft { body: Some(body.to_owned()), attachments: files, ..Draft::default() };
        answer_all(&mut self.world(), agent, "support", side_conversation, draft, now)
            .map_err(|refusal| reason(&refusal))
    }
}
