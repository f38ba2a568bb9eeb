//! What stands in the side conversations, for the comparison with the other side.

use std::collections::BTreeSet;

use serde_json::Value;

use super::FakeZendesk;
use super::world::{Event, SideConversation, World};

/// What somebody other than the app wrote in a side conversation.
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) side_conversation: String,
    pub(crate) ticket: i64,
    /// Whether the side conversation began with it.
    pub(crate) is_first: bool,
    pub(crate) who: String,
    pub(crate) text: String,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
}

/// What the account holds of both sides' words.
pub(crate) struct AllSaid {
    /// What was said in side conversations that have to do with a channel, in order.
    pub(crate) said: Vec<Said>,
    /// The texts of what the app wrote in any.
    pub(crate) of_app: Vec<String>,
    /// The app's internal notes: the ticket, when, and the text.
    pub(crate) notes: Vec<(i64, i64, String)>,
}

impl FakeZendesk {
    /// What was said in the side conversations that `known` names, that a channel's address at `domain` takes part in,
    /// or that the app began.
    pub(crate) fn said(&self, domain: &str, known: &BTreeSet<String>) -> AllSaid {
        let world = self.world();
        let suffix = format!("@{domain}");
        let mut all = AllSaid { said: Vec::new(), of_app: Vec::new(), notes: Vec::new() };
        let copies: BTreeSet<&str> = world.conversations.values().filter_map(|one| one.copy.as_deref()).collect();
        for side in world.conversations.values() {
            let events: Vec<&Event> = side.events.iter().filter_map(|place| world.events.get(*place)).collect();
            let Some(first) = events.first() else { continue };
            let concerns = known.contains(&*side.id)
                || names_channel(side, &suffix)
                || world.is_of_app(first)
                || copies.contains(&*side.id);
            if !concerns {
                continue;
            }
            let copied_at = copies.contains(&*side.id).then_some(first.written_at);
            for event in events.iter().filter(|event| copied_at != Some(event.written_at)) {
                let Some(message) = &event.message else { continue };
                match world.is_of_app(event) {
                    true => all.of_app.push(message.body.clone()),
                    false => all.said.push(Said {
                        id: event.id.clone(),
                        side_conversation: side.id.to_string(),
                        ticket: side.ticket,
                        is_first: std::ptr::eq(*event, *first),
                        who: ["name", "email"]
                            .into_iter()
                            .find_map(|field| event.actor.get(field)?.as_str().filter(|name| !name.is_empty()))
                            .unwrap_or("Somebody")
                            .to_owned(),
                        text: message.body.clone(),
                        at: event.at,
                    }),
                }
            }
            let comments = world.tickets.get(&side.ticket).map(|ticket| ticket.comments.as_slice()).unwrap_or_default();
            let app = world.app_user;
            let own = |value: &Value| value["public"] == false && value["author_id"] == app;
            let text = |value: &Value| value["body"].as_str().unwrap_or_default().to_owned();
            let notes = comments.iter().filter(|comment| own(&comment.value));
            all.notes.extend(notes.map(|note| (side.ticket, note.at, text(&note.value))));
        }
        all.said.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        all
    }
}

impl World {
    /// Whether the app wrote it: as its user, by the API, with a mark of its own. A copy bears no mark.
    fn is_of_app(&self, event: &Event) -> bool {
        let marked = event.message.as_ref().is_some_and(|message| !message.external_ids.is_empty());
        marked && event.via == "api" && event.actor.get("user_id").and_then(Value::as_i64) == Some(self.app_user)
    }
}

fn names_channel(side: &SideConversation, suffix: &str) -> bool {
    let mut addresses = side.participants.iter().filter_map(|one| one.get("email").and_then(Value::as_str));
    addresses.any(|address| address.to_lowercase().ends_with(suffix))
}
