//! Modals and home tabs: what the app opens, and what people do in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FakeSlack;
use super::blocks;
use super::deliver::Purpose;
use super::inputs;
use super::timeline::object;
use super::world::{Fields, Workspace};
use crate::post::Receipt;

/// <https://docs.slack.dev/interactivity/handling-user-interaction>
const TRIGGER_LIVES_MS: i64 = 3_000;
const STACK_MOST: usize = 3;
const LARGEST: usize = 250 << 10;

/// What is open, and what may be opened.
#[derive(Default, Serialize, Deserialize)]
pub struct Views {
    /// By id; a modal that was closed is gone.
    pub open: BTreeMap<String, View>,
    triggers: BTreeMap<String, Trigger>,
    /// What the app suggested last, by who looks for it in which menu.
    #[serde(default)]
    pub offered: BTreeMap<String, Vec<Value>>,
}

#[derive(Serialize, Deserialize)]
pub struct View {
    pub user: String,
    /// As the API shows it.
    pub fields: Fields,
}

#[derive(Serialize, Deserialize)]
struct Trigger {
    user: String,
    expires: i64,
    used: bool,
}

/// Why a view is refused: the code and what is wrong.
pub type Refused = (&'static str, Vec<String>);

impl FakeSlack {
    /// The modals that somebody has before them, the lowest first.
    pub fn modals(&self, user: &str) -> Vec<Value> {
        let looked = self.workspace();
        looked
            .stack(user)
            .into_iter()
            .filter_map(|id| Some(looked.views.open.get(&id)?.fields.clone().into()))
            .collect()
    }

    /// What the app shows somebody on its home tab.
    pub fn home_of(&self, user: &str) -> Option<Value> {
        let looked = self.workspace();
        let home = looked.views.open.values().find(|view| view.user == user && view.fields["type"] == "home");
        home.map(|view| view.fields.clone().into())
    }

    /// Somebody opens the app's home tab.
    pub fn open_home(&self, user: &str) {
        let mut workspace = self.workspace();
        let (bot, now) = (workspace.options.bot_user_id.clone(), workspace.now);
        let (channel, _) = workspace.direct(&[bot, user.to_owned()]);
        let home = workspace.views.open.values().find(|view| view.user == user && view.fields["type"] == "home");
        let mut event = object(json!({
            "type": "app_home_opened", "user": user, "channel": channel, "tab": "home",
            "event_ts": super::show::ts(now.saturating_mul(1000)),
        }));
        if let Some(view) = home.map(|view| view.fields.clone()) {
            event.insert("view".into(), view.into());
        }
        workspace.tell("app_home_opened", &[], Some(&channel), event);
    }

    /// Somebody submits the modal on top, with `block_id` -> `action_id` -> value beside what was chosen before; gives
    /// the parcel's id, under which the app's answer is found later.
    ///
    /// # Errors
    /// `view_not_found`, or `user_not_found`.
    pub fn submit_view(&self, user: &str, values: &Value) -> Result<u64, String> {
        let mut workspace = self.workspace();
        let id = workspace.stack(user).pop().ok_or("view_not_found")?;
        let view = workspace.views.open.get_mut(&id).ok_or("view_not_found")?;
        for (block_id, given) in values.as_object().into_iter().flatten() {
            for (action_id, value) in given.as_object().into_iter().flatten() {
                view.fields["state"]["values"][block_id][action_id] = value.clone();
            }
        }
        let values = inputs::values_of(&view.fields);
        view.fields.insert("state".into(), json!({ "values": values }));
        let shown = view.fields.clone();
        let (who, team) = workspace.who_and_team(user)?;
        let trigger = workspace.issue_trigger(user);
        let payload = json!({
            "type": "view_submission", "team": team, "user": who, "api_app_id": workspace.options.app_id,
            "token": "sandboxVerificationToken", "trigger_id": trigger, "view": shown, "response_urls": [],
            "is_enterprise_install": false, "enterprise": null,
        });
        Ok(workspace.queue_interaction_for(&payload, Purpose::View { view: id }))
    }

    /// Somebody closes the modal on top, or with `all` every one.
    ///
    /// # Errors
    /// `view_not_found`, or `user_not_found`.
    pub fn close_view(&self, user: &str, all: bool) -> Result<(), String> {
        let mut workspace = self.workspace();
        let mut stack = workspace.stack(user);
        let top = stack.pop().ok_or("view_not_found")?;
        let view = workspace.views.open.remove(&top).ok_or("view_not_found")?;
        if all {
            stack.iter().for_each(|id| drop(workspace.views.open.remove(id)));
        }
        if view.fields["notify_on_close"] == true {
            let (who, team) = workspace.who_and_team(user)?;
            let payload = json!({
                "type": "view_closed", "team": team, "user": who, "api_app_id": workspace.options.app_id,
                "token": "sandboxVerificationToken", "view": view.fields, "is_cleared": all,
                "is_enterprise_install": false, "enterprise": null,
            });
            workspace.queue_interaction_for(&payload, Purpose::Interaction);
        }
        Ok(())
    }
}

impl Workspace<'_> {
    /// A `trigger_id` with which something may be opened once, soon.
    pub fn issue_trigger(&mut self, user: &str) -> String {
        let id = self.new_trigger();
        let now = self.now;
        // They are remembered a while longer, so that a late one is told from a wrong one.
        self.views.triggers.retain(|_, known| now - known.expires < 60_000);
        let trigger = Trigger { user: user.to_owned(), expires: now + TRIGGER_LIVES_MS, used: false };
        self.views.triggers.insert(id.clone(), trigger);
        id
    }

    /// Uses a trigger up; whose it is.
    pub fn use_trigger(&mut self, id: &str) -> Result<String, &'static str> {
        let now = self.now;
        let trigger = self.views.triggers.get_mut(id).ok_or("invalid_trigger_id")?;
        if trigger.used {
            return Err("exchanged_trigger_id");
        }
        if trigger.expires <= now {
            return Err("expired_trigger_id");
        }
        trigger.used = true;
        Ok(trigger.user.clone())
    }

    /// The ids of somebody's open modals, the lowest first.
    pub fn stack(&self, user: &str) -> Vec<String> {
        let of_user = self.views.open.iter().filter(|(_, view)| view.user == user && view.fields["type"] == "modal");
        let mut stack: Vec<(u64, String)> =
            of_user.map(|(id, view)| (view.fields["depth_in_stack"].as_u64().unwrap_or(0), id.clone())).collect();
        stack.sort();
        stack.into_iter().map(|(_, id)| id).collect()
    }

    /// Puts a modal on top of somebody's stack; as the API shows it.
    pub fn push_view(&mut self, user: &str, given: &Value) -> Result<Fields, Refused> {
        let stack = self.stack(user);
        if stack.len() >= STACK_MOST {
            return Err(("push_limit_reached", Vec::new()));
        }
        check(given, "modal")?;
        let id = self.new_id("V");
        self.check_external_id(given, &id)?;
        let mut fields = self.view_fields(&id, given);
        fields.insert("root_view_id".into(), stack.first().unwrap_or(&id).clone().into());
        fields.insert("previous_view_id".into(), json!(stack.last()));
        fields.insert("depth_in_stack".into(), stack.len().into());
        self.views.open.insert(id, View { user: user.to_owned(), fields: fields.clone() });
        Ok(without_depth(fields))
    }

    /// Replaces what an open view shows; inputs that keep their ids keep their values.
    pub fn replace_view(&mut self, id: &str, given: &Value, hash: Option<&str>) -> Result<Fields, Refused> {
        let view = self.views.open.get(id).ok_or(("not_found", Vec::new()))?;
        if hash.is_some_and(|hash| view.fields["hash"] != hash) {
            return Err(("hash_conflict", Vec::new()));
        }
        let kind = view.fields["type"].as_str().unwrap_or("modal").to_owned();
        let kept: Vec<(&str, Value)> = ["root_view_id", "previous_view_id", "depth_in_stack", "state"]
            .into_iter()
            .map(|name| (name, view.fields.get(name).cloned().unwrap_or_default()))
            .collect();
        check(given, &kind)?;
        self.check_external_id(given, id)?;
        let mut fields = self.view_fields(id, given);
        fields.extend(kept.into_iter().map(|(name, value)| (name.to_owned(), value)));
        if let Some(view) = self.views.open.get_mut(id) {
            view.fields = fields.clone();
        }
        Ok(without_depth(fields))
    }

    /// Shows somebody this on the app's home tab.
    pub fn publish_view(&mut self, user: &str, given: &Value, hash: Option<&str>) -> Result<Fields, Refused> {
        let of_user = |(_, view): &(&String, &View)| view.user == user && view.fields["type"] == "home";
        if let Some(id) = self.views.open.iter().find(of_user).map(|(id, _)| id.clone()) {
            return self.replace_view(&id, given, hash);
        }
        check(given, "home")?;
        let id = self.new_id("V");
        self.check_external_id(given, &id)?;
        let mut fields = self.view_fields(&id, given);
        fields.insert("root_view_id".into(), id.clone().into());
        self.views.open.insert(id, View { user: user.to_owned(), fields: fields.clone() });
        Ok(fields)
    }

    /// Does what the app answered to a submission.
    pub fn answer_view(&mut self, parcel: u64, id: &str, receipt: Receipt) {
        let Receipt::Answered { status: 200..=299, body, .. } = receipt else {
            self.answers.insert(parcel, json!({"error": "We had some trouble connecting. Try again?"}));
            return;
        };
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(user) = self.views.open.get(id).map(|view| view.user.clone()) else { return };
        let refused = match said["response_action"].as_str() {
            None if body.trim_ascii().is_empty() || said == json!({}) => {
                self.views.open.remove(id);
                None
            }
            Some("clear") => {
                self.stack(&user).iter().for_each(|id| drop(self.views.open.remove(id)));
                None
            }
            Some("update") => self.replace_view(id, &said["view"], None).err(),
            Some("push") => self.push_view(&user, &said["view"]).err(),
            Some("errors") => None,
            _ => Some(("invalid_response", Vec::new())),
        };
        let shown = match refused {
            Some((code, messages)) => json!({"error": code, "messages": messages}),
            None => said,
        };
        self.answers.insert(parcel, shown);
    }

    fn check_external_id(&self, given: &Value, own: &str) -> Result<(), Refused> {
        let wanted = given["external_id"].as_str().filter(|id| !id.is_empty());
        let taken = |(id, view): (&String, &View)| {
            id != own && wanted.is_some() && view.fields["external_id"].as_str() == wanted
        };
        if self.views.open.iter().any(taken) { Err(("duplicate_external_id", Vec::new())) } else { Ok(()) }
    }

    fn view_fields(&mut self, id: &str, given: &Value) -> Fields {
        let blocks = self.world.dress_blocks(given["blocks"].clone());
        let hash =
            format!("{}.{}", self.now.div_euclid(1000), self.letters(b"abcdefghijklmnopqrstuvwxyz0123456789", 8));
        let options = self.options;
        let text = |name: &str| given[name].as_str().unwrap_or_default();
        let flag = |name: &str| given[name].as_bool().unwrap_or(false);
        object(json!({
            "id": id, "team_id": options.team_id, "type": given["type"], "blocks": blocks,
            "private_metadata": text("private_metadata"), "callback_id": text("callback_id"),
            "external_id": text("external_id"), "state": {"values": {}}, "hash": hash, "title": given["title"],
            "submit": given["submit"], "close": given["close"], "clear_on_close": flag("clear_on_close"),
            "notify_on_close": flag("notify_on_close"), "previous_view_id": null, "root_view_id": null,
            "app_id": options.app_id, "bot_id": options.bot_id, "app_installed_team_id": options.team_id,
        }))
    }
}

fn without_depth(mut fields: Fields) -> Fields {
    fields.remove("depth_in_stack");
    fields
}

fn check(view: &Value, kind: &str) -> Result<(), Refused> {
    if view.to_string().len() > LARGEST {
        return Err(("view_too_large", Vec::new()));
    }
    blocks::check_view(view, kind).map_err(|complaints| ("invalid_arguments", complaints))
}
