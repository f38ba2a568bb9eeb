//! `GET search`: tickets and users by words and conditions.
//!
//! The real index lags by minutes; this one does not. Side conversations are in neither.

use serde_json::{Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::pages;
use super::people::User;
use super::world::{Ticket, World};

const MOST: usize = 1_000;

/// One part of a query.
enum Term {
    Kind(String),
    /// A word or a phrase anywhere.
    Word(String),
    /// A field, how it is compared, and with what.
    Field(String, char, String),
}

pub(super) fn search(world: &mut World, ask: &Ask) -> Outcome {
    let query = ask.query("query").unwrap_or("").trim();
    let terms = parse(query).ok_or_else(|| {
        Answer::json(422, json!({"error": "invalid", "description": "Invalid search: query is not complete"}))
    })?;
    if terms.is_empty() {
        return Err(Answer::json(422, json!({"error": "invalid", "description": "Query parameter is required"})));
    }
    let kind = terms.iter().find_map(|term| if let Term::Kind(kind) = term { Some(kind.as_str()) } else { None });
    let mut rows: Vec<Value> = Vec::new();
    if kind.is_none_or(|kind| kind == "ticket") {
        let tickets = world.tickets.values().filter(|ticket| !ticket.deleted);
        let found = tickets.filter(|ticket| terms.iter().all(|term| of_ticket(world, ticket, term)));
        rows.extend(found.map(|ticket| with_kind(Value::Object(ticket.fields.clone()), "ticket")));
    }
    if kind.is_none_or(|kind| kind == "user") {
        let users = world.users.values().filter(|user| !user.deleted);
        let found = users.filter(|user| terms.iter().all(|term| of_user(user, term)));
        rows.extend(found.map(|user| with_kind(user.show(), "user")));
    }
    let by = ask.query("sort_by").filter(|by| ["updated_at", "created_at", "priority", "status"].contains(by));
    if let Some(by) = by {
        rows.sort_by_key(|row| row[by].as_str().unwrap_or("").to_owned());
        if ask.query("sort_order") != Some("asc") {
            rows.reverse();
        }
    }
    rows.truncate(MOST);
    let (mut page, _) = pages::by_offset(ask, world.base_url(), "results", &rows, Value::clone)?;
    page["facets"] = Value::Null;
    Ok(Answer::ok(page))
}

fn with_kind(mut row: Value, kind: &str) -> Value {
    row["result_type"] = kind.into();
    row
}

/// None if a quote is not closed.
fn parse(query: &str) -> Option<Vec<Term>> {
    let mut terms = Vec::new();
    let mut rest = query.trim();
    while !rest.is_empty() {
        let quoted = rest.starts_with('"');
        let end = match quoted {
            true => rest[1..].find('"')? + 2,
            false => {
                // A value may be quoted as well.
                let space = rest.find(char::is_whitespace).unwrap_or(rest.len());
                match rest.find('"').filter(|quote| *quote < space) {
                    Some(quote) => rest[quote + 1..].find('"')? + quote + 2,
                    None => space,
                }
            }
        };
        let (term, after) = rest.split_at(end);
        rest = after.trim_start();
        let plain = |text: &str| text.trim_matches('"').to_lowercase();
        let cut = if quoted { None } else { term.find([':', '<', '>']) };
        terms.push(match cut {
            Some(at) if at > 0 && at + 1 < term.len() => {
                let (field, value) = (term[..at].to_lowercase(), plain(&term[at + 1..]));
                let how = term[at..].chars().next().unwrap_or(':');
                if field == "type" { Term::Kind(value) } else { Term::Field(field, how, value) }
            }
            _ => Term::Word(plain(term)),
        });
    }
    Some(terms)
}

fn of_ticket(world: &World, ticket: &Ticket, term: &Term) -> bool {
    match term {
        Term::Kind(_) => true,
        Term::Word(word) => {
            let said = ticket.comments.iter().filter_map(|comment| comment.value["plain_body"].as_str());
            let own = [ticket.text("subject"), ticket.text("description")];
            own.into_iter().chain(said).any(|text| text.to_lowercase().contains(word))
                || ticket.number("id").is_some_and(|id| id.to_string() == *word)
        }
        Term::Field(field, how, value) => {
            let person = |id: Option<i64>| {
                let user = id.and_then(|id| world.users.get(&id));
                let name = user.and_then(|user| user.fields["name"].as_str()).unwrap_or("").to_lowercase();
                let email = user.and_then(User::email).unwrap_or("").to_lowercase();
                id.is_some_and(|id| id.to_string() == *value)
                    || (!value.is_empty() && (name.contains(value.as_str()) || email == *value))
                    || (id.is_none() && value == "none")
            };
            let rank = |list: &[&str], word: &str| list.iter().position(|one| *one == word);
            match field.as_str() {
                "status" => ordered(*how, rank(&World::STATUSES, ticket.text("status")), rank(&World::STATUSES, value)),
                "priority" => {
                    ordered(*how, rank(&World::PRIORITIES, ticket.text("priority")), rank(&World::PRIORITIES, value))
                }
                "tags" => ticket.tags().contains(value),
                "requester" => person(ticket.number("requester_id")),
                "assignee" => person(ticket.number("assignee_id")),
                "group" => is_or_named(ticket.number("group_id"), &world.groups, value),
                "organization" => is_or_named(ticket.number("organization_id"), &world.organizations, value),
                "subject" => ticket.text("subject").to_lowercase().contains(value.as_str()),
                "description" => ticket.text("description").to_lowercase().contains(value.as_str()),
                "external_id" => ticket.text("external_id").to_lowercase() == *value,
                "created" | "updated" => {
                    let at = ticket.text(&format!("{field}_at"));
                    // A day is compared with the day, a time with the time.
                    let at = at.get(..value.len().min(at.len())).unwrap_or(at).to_lowercase();
                    ordered(*how, Some(at.as_str()), Some(value.as_str()))
                }
                _ => false,
            }
        }
    }
}

fn of_user(user: &User, term: &Term) -> bool {
    let text = |field: &str| user.fields.get(field).and_then(Value::as_str).unwrap_or("").to_lowercase();
    match term {
        Term::Kind(_) => true,
        Term::Word(word) => text("name").contains(word) || text("email").contains(word),
        Term::Field(field, _, value) => match field.as_str() {
            "email" | "role" | "external_id" => text(field) == *value,
            "name" => text("name").contains(value.as_str()),
            _ => false,
        },
    }
}

fn ordered<T: PartialOrd>(how: char, present: Option<T>, wanted: Option<T>) -> bool {
    match (how, present, wanted) {
        (':', Some(present), Some(wanted)) => present == wanted,
        ('<', Some(present), Some(wanted)) => present < wanted,
        ('>', Some(present), Some(wanted)) => present > wanted,
        _ => false,
    }
}

fn is_or_named(id: Option<i64>, known: &std::collections::BTreeMap<i64, Value>, value: &str) -> bool {
    let Some(id) = id else { return value == "none" };
    let name = known.get(&id).and_then(|one| one["name"].as_str()).unwrap_or("").to_lowercase();
    id.to_string() == value || name == value
}
