//! The incremental ticket export, by cursor: every ticket that has changed since a time, in the order of its last change.
//!
//! It leaves out the last minute. A ticket that changes again while it is walked through comes again.

use serde_json::{Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::text;
use super::world::{Ticket, World};

/// The name of the call.
pub(super) const CALL: &str = "GET incremental/tickets/cursor";

const PAGE: usize = 1000;
const YOUNG_MS: i64 = 60_000;

pub(super) fn tickets(world: &mut World, ask: &Ask) -> Outcome {
    if !world.is_admin(ask.user) {
        return Err(Answer::forbidden());
    }
    let after = match (ask.query("cursor"), ask.query("start_time").and_then(|start| start.parse::<i64>().ok())) {
        (Some(cursor), _) => {
            let place = cursor.split_once('-').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
            place.ok_or_else(|| Answer::bad_request("InvalidCursor", "The cursor is not valid"))?
        }
        (None, Some(start)) if start > (ask.now - YOUNG_MS).div_euclid(1000) => {
            return Err(Answer::bad_request(
                "StartTimeTooRecent",
                "Too recent start_time. Use a start_time older than 60 seconds",
            ));
        }
        (None, Some(start)) if start >= 0 => (start.saturating_mul(1000), i64::MIN),
        _ => return Err(Answer::bad_request("InvalidValue", "Invalid start_time")),
    };
    let size = ask.query("per_page").and_then(|size| size.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let changed = |ticket: &Ticket| text::parse_time(ticket.text("updated_at")).unwrap_or_default();
    let mut rows: Vec<(i64, i64)> = world
        .tickets
        .iter()
        .map(|(id, ticket)| (changed(ticket), *id))
        .filter(|row| *row > after && row.0 <= ask.now - YOUNG_MS)
        .collect();
    rows.sort_unstable();
    let more = rows.len() > size;
    rows.truncate(size);
    let (at, id) = rows.last().copied().unwrap_or(after);
    let cursor = format!("{at}-{id}");
    let shown = |(_, id): &(i64, i64)| {
        let ticket = world.tickets.get(id)?;
        let mut fields = ticket.fields.clone();
        if ticket.deleted {
            fields.insert("status".into(), "deleted".into());
        }
        Some(Value::Object(fields))
    };
    Ok(Answer::ok(json!({
        "tickets": rows.iter().filter_map(shown).collect::<Vec<Value>>(),
        "after_url": world.url(&format!("incremental/tickets/cursor.json?cursor={cursor}")),
        "after_cursor": cursor,
        "before_cursor": null,
        "before_url": null,
        "end_of_stream": !more,
    })))
}
