//! `[ticket]`, `[done]`, `[notify]` and `[permissions]`: what happens around a question besides the words, and who may ask.

use super::error::{Fault, Origin};
use super::source::{Located, Source, Value, nearest};
use crate::bridge::permit::{Among, Permissions};
use crate::bridge::rules::{Notify, QuietHours, Rules, STATUSES, TicketChange};

const KEYS: &[&str] = &["status", "tags_add", "tags_remove"];
const MOST_TAGS: usize = 20;
const WRITTEN: &str = r#"write it as in { status = "hold", tags_add = ["waiting"] }"#;

pub(super) fn read(source: &mut Source) -> Option<Rules> {
    let on_ask = change(source, "ticket.on_ask");
    let on_answer = change(source, "ticket.on_answer");
    let note = source.text_or("done.note", "none", |text| one_of(text, &["none", "summary"]));
    let assignee = source.text_or("notify.assignee", "none", |text| one_of(text, &["none", "dm"]));
    let quiet = source.optional("notify.quiet_hours", quiet_hours);
    let notify = (assignee? == "dm").then_some(Notify { quiet: quiet? });
    Some(Rules { on_ask: on_ask?, on_answer: on_answer?, summary: note? == "summary", notify })
}

/// `[permissions]`: who may do what from Slack.
pub(super) fn permissions(source: &mut Source) -> Option<Permissions> {
    let start = source.text_or("permissions.start", "agents", |text| one_of(text, &["agents", "anyone"]))?;
    let start = if start == "anyone" { Among::Anyone } else { Among::Agents };
    Some(Permissions { start, ..Permissions::default() })
}

fn change(source: &mut Source, key: &str) -> Option<Option<TicketChange>> {
    let Some(Located { origin, value }) = source.take(key) else { return Some(None) };
    let fields = match value {
        Value::Table(fields) => fields,
        Value::Text(_) if matches!(origin, Origin::Env { .. }) => {
            let remedy = "write it in the settings file".to_owned();
            source.fault(origin, key, "cannot be set in the environment", Some(remedy));
            return None;
        }
        other => {
            source.fault(origin, key, format!("must be a table, not {}", other.kind()), Some(WRITTEN.to_owned()));
            return None;
        }
    };
    if fields.is_empty() {
        source.fault(origin, key, "changes nothing", Some(WRITTEN.to_owned()));
        return None;
    }
    let mut change = TicketChange::default();
    let mut good = true;
    for (field, place, value) in fields {
        let full = format!("{key}.{field}");
        let read = match field.as_str() {
            "status" => source.read_text(value, &full, status).map(|status| change.status = Some(status)),
            "tags_add" => source.list(value, &full, MOST_TAGS, tag).map(|tags| change.tags_add = tags),
            "tags_remove" => source.list(value, &full, MOST_TAGS, tag).map(|tags| change.tags_remove = tags),
            _ => {
                let remedy = nearest(&field, KEYS.iter().copied()).map(|near| format!("did you mean {near}?"));
                source.fault(place, &full, "unknown key", remedy);
                None
            }
        };
        good &= read.is_some();
    }
    if let Some(both) = change.tags_add.iter().find(|tag| change.tags_remove.contains(tag)) {
        source.fault(origin, key, format!("adds and removes the tag {both}"), None);
        return None;
    }
    good.then_some(Some(change))
}

fn status(text: &str) -> Result<String, Fault> {
    if text == "closed" {
        return Err(Fault::new("Zendesk closes tickets for good, so no rule may", "use solved"));
    }
    one_of(text, STATUSES)
}

fn one_of(text: &str, names: &[&str]) -> Result<String, Fault> {
    if names.contains(&text) {
        return Ok(text.to_owned());
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let remedy = match nearest(text, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => "choose one of them".to_owned(),
    };
    Err(Fault::new(format!("must be one of {}", quoted.join(", ")), remedy))
}

fn tag(text: &str) -> Result<String, Fault> {
    let refused = |c: char| c.is_whitespace() || c.is_control() || c == ',' || c == '"';
    if text.is_empty() || text.chars().count() > 255 || text.contains(refused) {
        return Err(Fault::new("is not a tag", "write one word, as in waiting_side_conversation"));
    }
    Ok(text.to_lowercase())
}

fn quiet_hours(text: &str) -> Result<QuietHours, Fault> {
    let minutes = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let hours: u16 = hours.parse().ok().filter(|hours| *hours < 24)?;
        let minutes: u16 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
        Some(hours * 60 + minutes)
    };
    let read = text.split_once(['-', '–']).and_then(|(from, to)| minutes(from).zip(minutes(to)));
    match read {
        Some((from, to)) if from != to => Ok(QuietHours { from, to }),
        _ => Err(Fault::new("is not a range of times", "write it as in 22:00-07:00")),
    }
}
