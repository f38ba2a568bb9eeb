//! An agent at the desk: what [`acts`](super::acts) does, with Zendesk's reason where it refuses.

use serde_json::{Map, Value, json};

use super::FakeZendesk;
use super::acts::answer_all;
use super::answer::{Answer, Content};
use super::conversations::Draft;

impl FakeZendesk {
    /// An agent starts a side conversation from plain text; its id.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_start(
        &self,
        agent: i64,
        ticket: i64,
        to: &[&str],
        subject: &str,
        body: &str,
    ) -> Result<String, String> {
        let now = self.now();
        let mut world = self.world();
        let act = world.act(agent, "support", now);
        let draft = Draft {
            to: to.iter().map(|email| json!({ "email": email })).collect(),
            subject: Some(subject.to_owned()),
            body: Some(body.to_owned()),
            ..Draft::default()
        };
        world.start(ticket, &act, draft, Map::new()).map_err(|refusal| reason(&refusal))
    }

    /// An agent replies to everybody else in plain text; the event's id.
    ///
    /// # Errors
    /// Zendesk's reason, as a sentence.
    pub fn desk_reply(&self, agent: i64, side_conversation: &str, body: &str) -> Result<String, String> {
        let now = self.now();
        let draft = Draft { body: Some(body.to_owned()), ..Draft::default() };
        answer_all(&mut self.world(), agent, "support", side_conversation, draft, now)
            .map_err(|refusal| reason(&refusal))
    }

    /// The groups.
    pub fn groups(&self) -> Vec<Value> {
        self.world().groups.values().cloned().collect()
    }

    /// The organisations.
    pub fn organizations(&self) -> Vec<Value> {
        self.world().organizations.values().cloned().collect()
    }
}

/// The most telling text of a refusal: what is wrong with a field, else the description, else the error.
fn reason(refusal: &Answer) -> String {
    let Content::Json(body) = &refusal.body else { return format!("HTTP status {}", refusal.status) };
    let of_fields = body.get("details").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let details: Vec<&str> = of_fields
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|detail| detail.get("description").and_then(Value::as_str))
        .collect();
    if !details.is_empty() {
        return details.join(" ");
    }
    let said = [body.get("description"), body["error"].get("message"), body.get("error")];
    let said = said.into_iter().flatten().find_map(Value::as_str);
    said.map_or_else(|| format!("HTTP status {}", refusal.status), str::to_owned)
}
