//! Macros: an agent's prepared answers. Applying one changes nothing; it tells what would change.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::pages;
use super::text;
use super::world::World;

impl World {
    /// Adds a macro; its id.
    pub(super) fn add_macro(&mut self, title: &str, actions: Value, now: i64) -> i64 {
        let id = self.id();
        let one = json!({
            "url": self.url(&format!("macros/{id}.json")), "id": id, "title": title, "raw_title": title,
            "active": true, "position": self.macros.len() + 1, "description": null, "actions": actions,
            "restriction": null, "default": false, "created_at": text::seconds(now), "updated_at": text::seconds(now),
        });
        self.macros.insert(id, one);
        id
    }
}

pub(super) fn list(world: &mut World, ask: &Ask) -> Outcome {
    let active = ask.path.ends_with("/active");
    let rows: Vec<&Value> = world.macros.values().filter(|one| !active || one["active"] == true).collect();
    let (page, _) = pages::by_cursor(ask, world.base_url(), "macros", &rows, |one| (*one).clone())?;
    Ok(Answer::ok(page))
}

pub(super) fn show(world: &mut World, ask: &Ask) -> Outcome {
    let one = world.macros.get(&ask.number(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({ "macro": one })))
}

pub(super) fn create(world: &mut World, ask: &Ask) -> Outcome {
    let asked = ask.json()?;
    let given = asked.get("macro").unwrap_or(&Value::Null);
    let title = given["title"].as_str().unwrap_or("").trim().to_owned();
    if title.is_empty() {
        return Err(Answer::record_invalid("title", "Title: cannot be blank"));
    }
    if given["actions"].as_array().is_none_or(Vec::is_empty) {
        return Err(Answer::record_invalid("base", "Actions: You must select at least one action"));
    }
    let id = world.add_macro(&title, given["actions"].clone(), ask.now);
    Ok(Answer::json(201, json!({"macro": world.macros.get(&id)})))
}

pub(super) fn apply(world: &mut World, ask: &Ask) -> Outcome {
    let one = world.macros.get(&ask.number(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({"result": {"ticket": changes(one)}})))
}

/// The whole ticket as it would be.
pub(super) fn apply_to(world: &mut World, ask: &Ask) -> Outcome {
    let mut ticket = world.readable(ask.number(0))?.fields.clone();
    let one = world.macros.get(&ask.number(1)).ok_or_else(Answer::not_found)?;
    ticket.extend(changes(one));
    Ok(Answer::ok(json!({"result": {"ticket": ticket}})))
}

/// Whether side conversations are told here is not documented; they are not.
fn changes(one: &Value) -> Map<String, Value> {
    let mut changes = Map::new();
    let mut comment = Map::new();
    for action in one["actions"].as_array().into_iter().flatten() {
        let value = action["value"].clone();
        match action["field"].as_str().unwrap_or("") {
            "comment_value" => drop(comment.insert("body".into(), value)),
            "comment_value_html" => drop(comment.insert("html_body".into(), value)),
            "comment_mode_is_public" => drop(comment.insert("public".into(), json!(value == "true" || value == true))),
            field @ ("status" | "priority" | "type" | "subject" | "group_id" | "assignee_id") => {
                changes.insert(field.to_owned(), value);
            }
            "set_tags" | "current_tags" => {
                changes.insert("tags".to_owned(), json!(super::tickets::read_tags(&value)));
            }
            _ => {}
        }
    }
    if !comment.is_empty() {
        changes.insert("comment".to_owned(), Value::Object(comment));
    }
    changes
}
