//! What people do with the elements of a view, or with the menus of a message: choose, type, and look for what the
//! app suggests.
//!
//! An element acts at once, except in an `input` block: there it waits for the submission, unless the block says
//! `dispatch_action`. <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>

use serde_json::{Value, json};

use super::FakeSlack;
use super::blocks;
use super::deliver::Purpose;
use super::show;
use super::timeline::object;
use super::world::{Fields, Workspace};
use crate::post::Receipt;

/// How much must be typed before the app is asked, where the menu does not say.
const QUERY_LEAST: u64 = 3;

/// An element with an `action_id`, and the block that it stands in.
pub struct Element<'a> {
    pub block_id: &'a str,
    pub fields: &'a Value,
    acts: bool,
}

impl FakeSlack {
    /// Somebody uses an element of the modal on top, or of the home tab where no modal is open.
    ///
    /// A button takes `null`; a menu takes the value of an option, or a list of them; whatever else takes what is
    /// typed or picked. What a menu that asks the app may take is what the app suggested last. Says whether the app is
    /// told now; else it learns of it with the submission.
    ///
    /// # Errors
    /// `view_not_found`, `user_not_found`, `no_such_action`, `no_such_option`, or `too_many_options`.
    pub fn use_in_view(&self, user: &str, action_id: &str, chosen: &Value) -> Result<bool, String> {
        let mut workspace = self.workspace();
        let id = workspace.view_before(user).ok_or("view_not_found")?;
        let view = workspace.views.open.get(&id).map(|view| view.fields.clone()).ok_or("view_not_found")?;
        let element = find(&view["blocks"], action_id).ok_or("no_such_action")?;
        let chosen = workspace.chosen(user, &id, &element, chosen)?;
        let mut state = view["state"].clone();
        if field_of(element.fields).is_some_and(|(_, stays)| stays) {
            state["values"][element.block_id][action_id] = value_of(element.fields, &chosen);
        }
        let (block_id, acts) = (element.block_id.to_owned(), element.acts);
        let mut action = action_of(element.fields, &chosen);
        let mut shown = view.clone();
        shown.insert("state".into(), state.clone());
        if let Some(view) = workspace.views.open.get_mut(&id) {
            view.fields.insert("state".into(), state);
        }
        if !acts {
            return Ok(false);
        }
        let (who, team) = workspace.who_and_team(user)?;
        let trigger = workspace.issue_trigger(user);
        action.insert("block_id".into(), block_id.into());
        action.insert("action_ts".into(), show::ts(workspace.next_key()).into());
        shown.insert("state".into(), json!({ "values": values_of(&shown) }));
        let payload = json!({
            "type": "block_actions", "user": who, "api_app_id": workspace.options.app_id,
            "token": "sandboxVerificationToken", "container": {"type": "view", "view_id": id}, "trigger_id": trigger,
            "team": team, "enterprise": null, "is_enterprise_install": false, "view": shown, "actions": [action],
        });
        workspace.queue_interaction_for(&payload, Purpose::Interaction);
        Ok(true)
    }

    /// Somebody types into a menu of the view before them that asks the app for its options; gives the parcel's id,
    /// under which the answer is found later.
    ///
    /// # Errors
    /// `view_not_found`, `user_not_found`, `no_such_action`, or `query_too_short`: the app is not asked.
    pub fn suggest_in_view(&self, user: &str, action_id: &str, typed: &str) -> Result<u64, String> {
        let mut workspace = self.workspace();
        let id = workspace.view_before(user).ok_or("view_not_found")?;
        let view = workspace.views.open.get(&id).map(|view| view.fields.clone()).ok_or("view_not_found")?;
        let blocks = view["blocks"].clone();
        let place = json!({"container": {"type": "view", "view_id": id}, "view": view});
        Ok(workspace.suggest(user, &id, &blocks, action_id, typed, object(place))?)
    }

    /// Somebody types into a menu of a message that asks the app for its options; gives the parcel's id.
    ///
    /// # Errors
    /// `channel_not_found`, `message_not_found`, `user_not_found`, `no_such_action`, or `query_too_short`.
    pub fn suggest_in_message(
        &self,
        user: &str,
        channel: &str,
        message_ts: &str,
        action_id: &str,
        typed: &str,
    ) -> Result<u64, String> {
        let mut workspace = self.workspace();
        let key = show::parse_ts(message_ts).ok_or("message_not_found")?;
        let name = workspace.channel(channel)?.name.clone();
        let message = workspace.shown(channel, key).ok_or("message_not_found")?;
        let blocks = message.get("blocks").cloned().unwrap_or_default();
        let place = json!({
            "container": {
                "type": "message", "message_ts": message_ts, "channel_id": channel, "is_ephemeral": false,
            },
            "channel": {"id": channel, "name": workspace.wire_name(channel, &name)}, "message": message,
        });
        Ok(workspace.suggest(user, message_ts, &blocks, action_id, typed, object(place))?)
    }
}

impl Workspace<'_> {
    /// The view that somebody has before them: the modal on top, or the home tab.
    fn view_before(&self, user: &str) -> Option<String> {
        let home = || {
            let home = self.views.open.iter().find(|(_, view)| view.user == user && view.fields["type"] == "home");
            home.map(|(id, _)| id.clone())
        };
        self.stack(user).pop().or_else(home)
    }

    fn suggest(
        &mut self,
        user: &str,
        place: &str,
        blocks: &Value,
        action_id: &str,
        typed: &str,
        shown: Fields,
    ) -> Result<u64, &'static str> {
        let element = find(blocks, action_id).ok_or("no_such_action")?;
        if !matches!(element.fields["type"].as_str(), Some("external_select" | "multi_external_select")) {
            return Err("no_such_action");
        }
        let least = element.fields["min_query_length"].as_u64().unwrap_or(QUERY_LEAST);
        if (typed.chars().count() as u64) < least {
            return Err("query_too_short");
        }
        let (who, team) = self.who_and_team(user)?;
        let mut payload = object(json!({
            "type": "block_suggestion", "user": who, "api_app_id": self.options.app_id,
            "token": "sandboxVerificationToken", "action_id": action_id, "block_id": element.block_id,
            "value": typed, "team": team, "enterprise": null, "is_enterprise_install": false,
        }));
        payload.extend(shown);
        let path = self.options.options_path.clone();
        let purpose = Purpose::Suggestion { menu: menu(user, place, action_id) };
        Ok(self.queue_once(path, &[("payload", &Value::Object(payload).to_string())], purpose))
    }

    /// Offers what the app suggested; what Slack does not take offers nothing.
    pub fn answer_suggestion(&mut self, parcel: u64, menu: &str, receipt: Receipt) {
        let said = match receipt {
            Receipt::Answered { status: 200..=299, body, .. } => serde_json::from_slice(&body).unwrap_or_default(),
            _ => Value::Null,
        };
        let shown = match blocks::check_suggestions(&said) {
            Ok(()) => {
                let mut options = options_of(&said);
                options.iter_mut().for_each(blocks::dress);
                self.views.offered.insert(menu.to_owned(), options);
                said
            }
            Err(complaints) => {
                self.views.offered.remove(menu);
                json!({"error": "invalid_response", "messages": complaints})
            }
        };
        self.answers.insert(parcel, shown);
    }

    /// What was chosen, as payloads show it.
    pub fn chosen(
        &self,
        user: &str,
        place: &str,
        element: &Element<'_>,
        chosen: &Value,
    ) -> Result<Value, &'static str> {
        let fields = element.fields;
        let external = fields["type"].as_str().is_some_and(|kind| kind.ends_with("external_select"));
        let options = match external {
            true => {
                let menu = menu(user, place, fields["action_id"].as_str().unwrap_or_default());
                self.views.offered.get(&menu).cloned().unwrap_or_default()
            }
            false => options_of(fields),
        };
        let named = |value: &Value| options.iter().find(|one| one["value"] == *value).cloned().ok_or("no_such_option");
        match field_of(fields) {
            None if chosen.is_null() => Ok(Value::Null),
            None => Err("no_such_option"),
            Some(("selected_option", _)) => named(chosen),
            Some(("selected_options", _)) => {
                let list = chosen.as_array().ok_or("no_such_option")?;
                if fields["max_selected_items"].as_u64().is_some_and(|most| list.len() as u64 > most) {
                    return Err("too_many_options");
                }
                list.iter().map(named).collect()
            }
            Some(_) => Ok(chosen.clone()),
        }
    }
}

/// The element of this `action_id`.
pub fn find<'a>(blocks: &'a Value, action_id: &str) -> Option<Element<'a>> {
    elements(blocks).find(|element| element.fields["action_id"] == action_id)
}

/// An action of this element, without its block and its time.
pub fn action_of(element: &Value, chosen: &Value) -> Fields {
    let mut action = Fields::new();
    let of_buttons: &[&str] = if element["type"] == "button" { &["text", "value", "style", "url"] } else { &[] };
    for field in ["type", "action_id"].iter().chain(of_buttons) {
        if let Some(value) = element.get(field) {
            action.insert((*field).into(), value.clone());
        }
    }
    if let Some((field, _)) = field_of(element) {
        action.insert(field.into(), chosen.clone());
    }
    action
}

/// `block_id` -> `action_id` -> value, of every element of a view that has one: what was chosen, or what it began with.
pub fn values_of(view: &Fields) -> Value {
    let mut values = json!({});
    for element in elements(&view["blocks"]) {
        let Some((field, true)) = field_of(element.fields) else { continue };
        let id = element.fields["action_id"].as_str().unwrap_or_default();
        let begins = match field.strip_prefix("selected_") {
            Some(what) => format!("initial_{what}"),
            None => "initial_value".to_owned(),
        };
        let nothing = if field.ends_with('s') { json!([]) } else { Value::Null };
        let begins = element.fields.get(&begins).cloned().unwrap_or(nothing);
        let known = &view["state"]["values"][element.block_id][id];
        values[element.block_id][id] = if known.is_null() { value_of(element.fields, &begins) } else { known.clone() };
    }
    values
}

fn value_of(element: &Value, chosen: &Value) -> Value {
    let mut value = json!({"type": element["type"]});
    if let Some((field, _)) = field_of(element) {
        value[field] = chosen.clone();
    }
    value
}

/// Where the value of a kind of element stands, and whether it stays in the view's state.
fn field_of(element: &Value) -> Option<(&'static str, bool)> {
    Some(match element["type"].as_str()? {
        "overflow" => ("selected_option", false),
        "static_select" | "external_select" | "radio_buttons" => ("selected_option", true),
        "multi_static_select" | "multi_external_select" | "checkboxes" => ("selected_options", true),
        "users_select" => ("selected_user", true),
        "multi_users_select" => ("selected_users", true),
        "conversations_select" => ("selected_conversation", true),
        "multi_conversations_select" => ("selected_conversations", true),
        "channels_select" => ("selected_channel", true),
        "multi_channels_select" => ("selected_channels", true),
        "datepicker" => ("selected_date", true),
        "timepicker" => ("selected_time", true),
        "datetimepicker" => ("selected_date_time", true),
        "plain_text_input" | "email_text_input" | "url_text_input" | "number_input" => ("value", true),
        "rich_text_input" => ("rich_text_value", true),
        "file_input" => ("files", true),
        _ => return None,
    })
}

fn elements(blocks: &Value) -> impl Iterator<Item = Element<'_>> {
    blocks.as_array().into_iter().flatten().flat_map(|block| {
        let at_once = block["elements"].as_array().into_iter().flatten().chain(block.get("accessory"));
        let with_form = block.get("element").map(|element| (element, block["dispatch_action"] == true));
        at_once
            .map(|element| (element, true))
            .chain(with_form)
            .filter(|(element, _)| element["action_id"].is_string())
            .map(|(fields, acts)| Element { block_id: block["block_id"].as_str().unwrap_or_default(), fields, acts })
    })
}

/// The options of a menu or of an answer, those in groups among them.
fn options_of(menu: &Value) -> Vec<Value> {
    let groups = menu["option_groups"].as_array().into_iter().flatten();
    let grouped = groups.filter_map(|group| group["options"].as_array()).flatten();
    menu["options"].as_array().into_iter().flatten().chain(grouped).cloned().collect()
}

fn menu(user: &str, place: &str, action_id: &str) -> String {
    format!("{user} {place} {action_id}")
}
