//! `[[routes]]`: reads each entry, then judges them together, because the first route that matches wins.

use super::error::{Fault, Origin};
use super::source::{Located, Source, Value, nearest};
use super::values::{channel, recipient};
use crate::bridge::route::{OutsidePolicy, RecipientPattern, Route};

pub(super) const KEYS: &[&str] = &["name", "recipients", "channel", "outside", "shared"];
const MOST_RECIPIENTS: usize = 1000;

struct Written {
    origin: Origin,
    name: Option<String>,
    recipients: Vec<(Origin, RecipientPattern)>,
}

/// Reads the routes; those that are returned are good only if no error was noted.
pub(super) fn read(source: &mut Source) -> Vec<Route> {
    let Some(located) = source.routes.take() else { return Vec::new() };
    let Value::List(items) = located.value else {
        let remedy = "write each route under its own [[routes]]".to_owned();
        source.fault(located.origin, "routes", "must be a list of tables", Some(remedy));
        return Vec::new();
    };
    let mut routes = Vec::new();
    let mut all_written = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let key = format!("routes[{}]", index + 1);
        let (written, route) = read_one(source, &key, item);
        all_written.push((key, written));
        routes.extend(route);
    }
    judge(source, &all_written);
    routes
}

fn read_one(source: &mut Source, key: &str, item: Located) -> (Written, Option<Route>) {
    let mut written = Written { origin: item.origin.clone(), name: None, recipients: Vec::new() };
    let Value::Table(fields) = item.value else {
        let remedy = "write it under [[routes]]".to_owned();
        source.fault(item.origin, key, format!("must be a table, not {}", item.value.kind()), Some(remedy));
        return (written, None);
    };
    let mut slots: [Option<Located>; 5] = Default::default();
    let mut meant = Vec::new();
    for (field, origin, value) in fields {
        match KEYS.iter().position(|known| *known == field) {
            Some(slot) => slots[slot] = Some(value),
            None => {
                let near = nearest(&field, KEYS.iter().copied());
                meant.extend(near);
                let remedy = near.map(|near| format!("did you mean {near}?"));
                source.fault(origin, &format!("{key}.{field}"), "unknown key", remedy);
            }
        }
    }
    let absent = |source: &mut Source, field: &str, remedy: &str| {
        if !meant.contains(&field) {
            source.fault(item.origin.clone(), &format!("{key}.{field}"), "missing", Some(remedy.to_owned()));
        }
    };
    let [name, recipients, to, outside, shared] = slots;

    match name {
        Some(located) => written.name = source.read_text(located, &format!("{key}.name"), route_name),
        None => absent(source, "name", "give the route a short name; logs use it"),
    }
    match recipients {
        Some(located) => written.recipients = read_recipients(source, &format!("{key}.recipients"), located),
        None => absent(source, "recipients", r#"say who is written to, as in recipients = ["logistics@acme.example"]"#),
    }
    let to = match to {
        Some(located) => source.read_text(located, &format!("{key}.channel"), channel),
        None => {
            absent(source, "channel", r##"say where the thread is made, as in channel = "#logistics""##);
            None
        }
    };
    let outside = match outside {
        Some(located) => source.read_text(located, &format!("{key}.outside"), outside_policy),
        None => Some(OutsidePolicy::default()),
    };
    let shared = match shared.map(|located| (located.origin, located.value)) {
        None => Some(false),
        Some((_, Value::Boolean(shared))) => Some(shared),
        Some((origin, other)) => {
            let reason = format!("must be true or false, without quotes, not {}", other.kind());
            source.fault(origin, &format!("{key}.shared"), reason, None);
            None
        }
    };
    let recipients: Vec<_> = written.recipients.iter().map(|(_, pattern)| pattern.clone()).collect();
    let route = written.name.clone().zip(to).zip(outside.zip(shared));
    let route = route.map(|((name, channel), (outside, shared))| Route { name, recipients, channel, outside, shared });
    (written, route)
}

fn read_recipients(source: &mut Source, key: &str, located: Located) -> Vec<(Origin, RecipientPattern)> {
    let Value::List(items) = located.value else {
        let remedy = r#"write it as in ["logistics@acme.example"]"#.to_owned();
        source.fault(located.origin, key, format!("must be a list, not {}", located.value.kind()), Some(remedy));
        return Vec::new();
    };
    if items.is_empty() || items.len() > MOST_RECIPIENTS {
        let reason = match items.len() {
            0 => "is empty: the route would never match".to_owned(),
            _ => format!("holds more than {MOST_RECIPIENTS} recipients"),
        };
        source.fault(located.origin, key, reason, Some("write addresses, *@domain, or * for all".to_owned()));
        return Vec::new();
    }
    let read = |item: Located| {
        let origin = item.origin.clone();
        source.read_text(item, key, recipient).map(|pattern| (origin, pattern))
    };
    items.into_iter().filter_map(read).collect()
}

fn judge(source: &mut Source, written: &[(String, Written)]) {
    for (index, (key, route)) in written.iter().enumerate() {
        let earlier = &written[..index];
        if let Some(name) = &route.name
            && let Some((other, _)) = earlier.iter().find(|(_, other)| other.name.as_ref() == Some(name))
        {
            let remedy = Some("give each route its own name".to_owned());
            source.fault(route.origin.clone(), &format!("{key}.name"), format!("{other} has the same name"), remedy);
        }
        let takes_all = |route: &Written| route.recipients.iter().any(|(_, taken)| *taken == RecipientPattern::Any);
        if let Some((other, _)) = earlier.iter().find(|(_, other)| takes_all(other)) {
            let remedy = Some(format!("move {other} to the end"));
            source.fault(route.origin.clone(), key, format!("can never match: {other} takes everybody"), remedy);
            continue;
        }
        for (origin, pattern) in &route.recipients {
            let taken = |other: &Written| other.recipients.iter().any(|(_, taken)| covers(taken, pattern));
            if let Some((other, _)) = earlier.iter().find(|(_, other)| taken(other)) {
                let reason = format!("can never match: {other} comes first and takes it");
                let remedy = Some("leave it in one of the two, or put the narrower route first".to_owned());
                source.fault(origin.clone(), &format!("{key}.recipients"), reason, remedy);
            }
        }
    }
}

fn covers(earlier: &RecipientPattern, later: &RecipientPattern) -> bool {
    match (earlier, later) {
        (RecipientPattern::Any, _) => true,
        (RecipientPattern::Domain(domain), RecipientPattern::Exact(address)) => {
            address.rsplit_once('@').is_some_and(|(_, of)| of == domain)
        }
        (earlier, later) => earlier == later,
    }
}

fn route_name(text: &str) -> Result<String, Fault> {
    if text.trim().is_empty() || text.chars().count() > 64 || text.contains(char::is_control) {
        return Err(Fault::new("must have 1 to 64 characters in one line", "give the route a short name; logs use it"));
    }
    Ok(text.trim().to_owned())
}

fn outside_policy(text: &str) -> Result<OutsidePolicy, Fault> {
    match text {
        "never" => Ok(OutsidePolicy::Never),
        "send" => Ok(OutsidePolicy::Send),
        _ => Err(Fault::new(
            "must be \"never\" or \"send\"",
            "\"never\" keeps a reply in Slack when somebody outside the firm would read it",
        )),
    }
}
