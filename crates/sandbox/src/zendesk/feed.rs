//! The account-wide feed of side-conversation events, by time.
//!
//! It counts in whole seconds and gives at most a hundred events a page, so the second in which a page ends is
//! sent again with the next; more than a hundred events of one second cannot be passed.

use serde::Serialize;

use super::answer::{Answer, Ask, Outcome};
use super::show::{ShownConversation, ShownEvent};
use super::world::{Event, World};

/// The name of the call.
pub(super) const CALL: &str = "GET side_conversations/events";

const PAGE: usize = 100;
const YOUNG: i64 = 60;

#[derive(Serialize)]
struct Page<'a> {
    count: usize,
    end_time: i64,
    next_page: Option<String>,
    events: Vec<ShownEvent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    side_conversations: Option<Vec<ShownConversation<'a>>>,
}

pub(super) fn read(world: &mut World, ask: &Ask) -> Outcome {
    if !world.is_admin(ask.user) || !world.side_conversations_on {
        return Err(Answer::forbidden());
    }
    let start = ask.query("start_time").and_then(|start| start.parse::<i64>().ok()).filter(|start| *start >= 0);
    let start = start.ok_or_else(|| Answer::bad_request("InvalidValue", "Invalid start_time"))?;
    let present = ask.now.div_euclid(1000);
    let unconfirmed = &world.options.unconfirmed;
    if unconfirmed.young_start_time_refused && start > present - YOUNG {
        return Err(Answer::bad_request(
            "StartTimeTooRecent",
            "Too recent start_time. Use a start_time older than 60 seconds",
        ));
    }
    let mut rows: Vec<&Event> = world
        .by_time
        .range((start.saturating_mul(1000), 0)..)
        .filter(|(_, place)| world.late_rows.get(place).is_none_or(|shows_at| *shows_at <= ask.now))
        .filter_map(|(_, place)| world.events.get(*place))
        .filter(|event| event.written_at <= ask.visible_until)
        .take(PAGE + 1)
        .collect();
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let last = rows.last().map_or(start, |event| event.at.div_euclid(1000));
    let end = if more || unconfirmed.inclusive_end_time { last } else { present.max(last) };
    let next = (more || unconfirmed.feed_always_has_next_page)
        .then(|| world.url(&format!("tickets/side_conversations/events.json?start_time={end}{}", include(ask))));
    let side_conversations = ask.includes("side_conversations").then(|| {
        let mut seen: Vec<&str> = Vec::new();
        let mut shown = Vec::new();
        for event in &rows {
            if !seen.contains(&&*event.conversation)
                && let Some(conversation) = world.conversations.get(&*event.conversation)
            {
                seen.push(&event.conversation);
                shown.push(world.shown_conversation(conversation));
            }
        }
        shown
    });
    Ok(Answer::written(&Page {
        count: rows.len(),
        end_time: end,
        next_page: next,
        events: rows.iter().map(|event| world.shown_event(event)).collect(),
        side_conversations,
    }))
}

fn include(ask: &Ask) -> String {
    match ask.query("include") {
        Some(include) => {
            let include: String = url::form_urlencoded::byte_serialize(include.as_bytes()).collect();
            format!("&include={include}")
        }
        None => String::new(),
    }
}
