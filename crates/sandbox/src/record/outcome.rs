//! What the bridge has put before people, in words by which two runs can be compared.
//!
//! That is whatever it wrote in Slack and in side conversations, its comments on tickets, and how the tickets stand
//! that anybody wrote to. Markers, colours and times are not of it: a run has its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Item;
use super::names::{Born, Names, Origin};
use crate::Sandbox;

/// What stands where, as it was when it was last looked at.
#[derive(Default)]
pub(super) struct Outcome {
    says: BTreeMap<String, String>,
    /// The messages of the bridge, by `ts`.
    messages: BTreeMap<String, Message>,
    /// How many alterations in Slack it has seen, and how many names were given late.
    altered: u64,
    late: u64,
    looked_at_ms: i64,
}

struct Message {
    name: String,
    /// The channel it was last seen in, or the one person who sees it.
    place: String,
    is_whisper: bool,
}

impl Outcome {
    /// Nothing yet; what was written before this time does not count.
    pub(super) fn from(at_ms: i64) -> Outcome {
        Outcome { looked_at_ms: at_ms, ..Outcome::default() }
    }

    /// What stands there.
    pub(super) fn says(&self) -> &BTreeMap<String, String> {
        &self.says
    }

    /// What is other than it was, `born` being what was named since.
    pub(super) fn look(&mut self, sandbox: &Sandbox, names: &Names, born: Vec<Born>, now_ms: i64) -> Vec<Item> {
        let (mut changed, mut new) = (Vec::new(), Vec::new());
        let bot = &sandbox.slack.options().bot_user_id;
        let app = sandbox.zendesk.app_user_id();
        for Born { name, of } in born {
            match of {
                Origin::Slack(written) => {
                    let is_whisper = written.only_for.is_some();
                    if is_whisper || written.author == *bot {
                        let place = written.only_for.unwrap_or(written.channel);
                        new.push((place.clone(), written.ts.clone()));
                        self.messages.insert(written.ts, Message { name, place, is_whisper });
                    }
                }
                Origin::SideConversation(event) if event["actor"]["user_id"] == app => {
                    self.say(&mut changed, name, Some(of_event(&event, names)));
                }
                Origin::SideConversation(_) => {}
            }
        }
        let (altered, count) = sandbox.slack.altered_after(std::mem::take(&mut self.altered));
        self.altered = count;
        let is_late = std::mem::replace(&mut self.late, names.late()) != names.late();
        match altered.filter(|_| !is_late) {
            Some(altered) => new.extend(altered),
            // A name that was given late may be of something that any of them speaks of.
            None => new = self.messages.iter().map(|(ts, message)| (message.place.clone(), ts.clone())).collect(),
        }
        for (place, ts) in new {
            let Some(message) = self.messages.get_mut(&ts) else { continue };
            message.place = place;
            let shown = match message.is_whisper {
                true => sandbox.slack.ephemeral(&message.place, &ts),
                false => sandbox.slack.message(&message.place, &ts),
            };
            let shown = shown.filter(|shown| shown["subtype"] != "tombstone");
            let name = message.name.clone();
            self.say(&mut changed, name, shown.map(|shown| of_message(&shown, names)));
        }
        for ticket in sandbox.zendesk.tickets_written_since(self.looked_at_ms) {
            self.look_at_ticket(sandbox, names, ticket, app, &mut changed);
        }
        self.looked_at_ms = now_ms;
        changed
    }

    fn look_at_ticket(&mut self, sandbox: &Sandbox, names: &Names, id: i64, app: i64, changed: &mut Vec<Item>) {
        let Some(ticket) = sandbox.zendesk.ticket(id) else { return };
        let named = names.named(&id.to_string());
        let comments = sandbox.zendesk.comments(id);
        for (at, comment) in comments.iter().filter(|comment| comment["author_id"] == app).enumerate() {
            let kind = if comment["public"] == true { "comment" } else { "internal note" };
            let body = comment["plain_body"].as_str().or(comment["body"].as_str()).unwrap_or_default();
            let name = format!("ticket {named}, {kind} {} of the bridge", at + 1);
            self.say(changed, name, Some(without_times(&names.named(body))));
        }
        let tags: BTreeSet<&str> = ticket["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let tags: Vec<&str> = tags.into_iter().collect();
        let (status, priority) = (ticket["status"].as_str(), ticket["priority"].as_str());
        let says = format!(
            "{}, priority {}, tags {}",
            status.unwrap_or("no status"),
            priority.unwrap_or("none"),
            if tags.is_empty() { "none".to_owned() } else { tags.join(" ") }
        );
        self.say(changed, format!("ticket {named}"), Some(says));
    }

    fn say(&mut self, changed: &mut Vec<Item>, name: String, says: Option<String>) {
        if self.says.get(&name) == says.as_ref() {
            return;
        }
        match &says {
            Some(says) => self.says.insert(name.clone(), says.clone()),
            None => self.says.remove(&name),
        };
        changed.push(Item { name, says });
    }
}

fn of_event(event: &Value, names: &Names) -> String {
    let mut says = vec![event["type"].as_str().unwrap_or_default().to_owned()];
    if let Some(updates) = event["updates"].as_object() {
        says.extend(updates.iter().map(|(field, value)| format!("{field}: {}", value.as_str().unwrap_or_default())));
    }
    says.extend(event["message"]["body"].as_str().map(|body| without_times(&names.named(body))));
    says.join("\n")
}

/// What a message shows: its text, and the texts in its blocks that say something else.
fn of_message(message: &Value, names: &Names) -> String {
    fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(text) if key == "text" => found.push(text),
                        _ => texts(value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
            _ => {}
        }
    }
    let mut found: Vec<&str> = message["username"].as_str().into_iter().collect();
    found.extend(message["text"].as_str());
    let said = found.len();
    texts(&message["blocks"], &mut found);
    let (said, of_blocks) = found.split_at(said);
    let more = of_blocks.iter().filter(|text| !said.contains(text));
    let lines: Vec<String> = said.iter().chain(more).map(|text| without_times(&names.named(text))).collect();
    lines.join("\n")
}

/// A text without what Slack's `<!date^1700000000^…>` show.
fn without_times(text: &str) -> String {
    const DATE: &str = "<!date^";
    let mut parts = text.split(DATE);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(DATE);
        whole.push_str(part.find('>').map_or(part, |end| &part[end..]));
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::{Request, header};
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;

    const SUPPORT: &str = "C0SUPPORT01";

    async fn call(sandbox: &Sandbox, method: &str, arguments: Value) -> Value {
        let request = Request::post(format!("/slack/api/{method}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", sandbox.credentials().slack_bot_token))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Body::from(arguments.to_string()))
            .expect("a request");
        let Ok(answer) = sandbox.router().oneshot(request).await;
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        let said: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(said["ok"], true, "{said}");
        said
    }

    struct Looking {
        sandbox: Sandbox,
        names: Names,
        outcome: Outcome,
    }

    impl Looking {
        fn new() -> Looking {
            let sandbox = Sandbox::new("http://127.0.0.1:1", Arc::new(|| 1_750_000_000_000), 7);
            let names = Names::of(&sandbox);
            Looking { sandbox, names, outcome: Outcome::from(1_750_000_000_000) }
        }

        fn look(&mut self) -> Vec<Option<String>> {
            let born = self.names.look(&self.sandbox);
            let made = self.outcome.look(&self.sandbox, &self.names, born, 1_750_000_000_000);
            made.into_iter().filter(|item| !item.name.starts_with("ticket")).map(|item| item.says).collect()
        }
    }

    #[tokio::test]
    async fn what_becomes_of_a_message_is_seen_once() {
        let mut looking = Looking::new();
        looking.look();
        let sandbox = looking.sandbox.clone();
        let posted = call(&sandbox, "chat.postMessage", json!({"channel": SUPPORT, "text": "One, F0ABCDEFGH"})).await;
        let ts = posted["ts"].as_str().expect("a ts");
        assert_eq!(looking.look(), [Some("One, F0ABCDEFGH".to_owned())]);
        call(&sandbox, "chat.postEphemeral", json!({"channel": SUPPORT, "user": "U0WANJIRU01", "text": "Psst"})).await;
        assert_eq!(looking.look(), [Some("Psst".to_owned())]);
        assert_eq!(looking.look(), []);
        looking.names.heard(1, br#"{"file": {"id": "F0ABCDEFGH"}}"#);
        assert_eq!(looking.look(), [Some("One, ⟦answer 1/file/id⟧".to_owned())], "it got its name late");
        call(&sandbox, "chat.update", json!({"channel": SUPPORT, "ts": ts, "text": "Two"})).await;
        assert_eq!(looking.look(), [Some("Two".to_owned())]);
        sandbox.slack.change_channel_id(SUPPORT, "C0ELSEWHERE").expect("it is there");
        call(&sandbox, "chat.update", json!({"channel": "C0ELSEWHERE", "ts": ts, "text": "Three"})).await;
        assert_eq!(looking.look(), [Some("Three".to_owned())]);
        sandbox.slack.say("U0WANJIRU01", "C0ELSEWHERE", Some(ts), "Oh").expect("said");
        call(&sandbox, "chat.delete", json!({"channel": "C0ELSEWHERE", "ts": ts})).await;
        assert_eq!(looking.look(), [None], "only a tombstone stands there");
        assert_eq!(looking.look(), []);
    }

    #[tokio::test]
    async fn what_names_its_side_conversation_is_named_after_it_in_whatever_order_it_comes() {
        let mut came = Vec::new();
        for order in [[0, 1], [1, 0]] {
            let mut looking = Looking::new();
            looking.look();
            let sandbox = looking.sandbox.clone();
            let start = |subject: &str| {
                let (agent, ticket) = (sandbox.world.agents[0].0, sandbox.world.tickets[0]);
                sandbox.zendesk.desk_start(agent, ticket, &["support-engineering@slack.acme.example"], subject, "?")
            };
            let sides = ["A", "B"].map(|subject| start(subject).expect("it is begun"));
            for at in order {
                let metadata =
                    json!({"event_type": "x", "event_payload": {"k": format!("{}/card", sides[at]), "n": "7"}});
                let text = format!("Card {at}");
                call(&sandbox, "chat.postMessage", json!({"channel": SUPPORT, "text": text, "metadata": metadata}))
                    .await;
            }
            looking.look();
            came.push(looking.outcome.says().clone());
        }
        let names: Vec<&String> =
            came[0].iter().filter(|(_, says)| says.starts_with("Card")).map(|(name, _)| name).collect();
        assert!(names.len() == 2 && names[0].starts_with("C0SUPPORT01/U0SANDBOT1 for side/"), "{names:?}");
        assert_eq!(came[0], came[1]);
    }
}
