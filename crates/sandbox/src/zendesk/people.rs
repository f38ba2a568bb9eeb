//! Users, groups and organisations, and the calls that read them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Outcome};
use super::pages;
use super::text;
use super::world::{Token, World};

/// One person of the account.
#[derive(Serialize, Deserialize)]
pub(super) struct User {
    pub(super) fields: Map<String, Value>,
    #[serde(with = "crate::kept::shared")]
    pub(super) participant: Arc<Value>,
    pub(super) deleted: bool,
    pub(super) token: Option<String>,
}

/// A user to add.
#[derive(Clone, Debug, Default)]
pub struct UserSpec {
    /// The id; without it, the account gives one.
    pub id: Option<i64>,
    /// The name that people see.
    pub name: String,
    /// The address; without it, mail cannot reach the user.
    pub email: Option<String>,
    /// `admin`, `agent`, `light-agent` or `end-user`; anything else is an end user.
    pub role: String,
    /// Whether the user is suspended.
    pub suspended: bool,
    /// The organisation the user belongs to.
    pub organization_id: Option<i64>,
    /// The language; without it, `en-US`.
    pub locale: Option<String>,
    /// Tags on the user.
    pub tags: Vec<String>,
}

impl User {
    pub(super) fn is_agent(&self) -> bool {
        self.active() && matches!(self.fields.get("role").and_then(Value::as_str), Some("agent" | "admin"))
    }

    pub(super) fn is_admin(&self) -> bool {
        self.active() && self.fields.get("role").and_then(Value::as_str) == Some("admin")
    }

    pub(super) fn is_light(&self) -> bool {
        self.fields.get("role_type").and_then(Value::as_i64) == Some(1)
    }

    pub(super) fn suspended(&self) -> bool {
        self.fields.get("suspended").and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn active(&self) -> bool {
        !self.deleted && !self.suspended()
    }

    pub(super) fn email(&self) -> Option<&str> {
        self.fields.get("email").and_then(Value::as_str)
    }

    pub(super) fn show(&self) -> Value {
        Value::Object(self.fields.clone())
    }
}

impl World {
    /// The one group and the app's user, which every account begins with.
    pub(super) fn found_account(&mut self, now: i64) -> i64 {
        self.add_group("Support", now);
        let (email, token) = (self.options.app_user_email.clone(), self.options.access_token.clone());
        let spec = UserSpec { name: "Bridge".into(), email: Some(email), role: "admin".into(), ..UserSpec::default() };
        let id = self.add_user(spec, now);
        self.tokens.insert(token, Token { user: id, ends_at: None, scope: None });
        id
    }

    pub(super) fn add_user(&mut self, spec: UserSpec, now: i64) -> i64 {
        let id = match spec.id {
            Some(id) if id > 0 && !self.users.contains_key(&id) => id,
            _ => self.id(),
        };
        let (role, role_type) = match spec.role.as_str() {
            "admin" => ("admin", json!(4)),
            "agent" => ("agent", json!(0)),
            "light-agent" => ("agent", json!(1)),
            _ => ("end-user", Value::Null),
        };
        let light = role_type == json!(1);
        let group = (role != "end-user").then(|| self.groups.keys().next().copied()).flatten();
        let fields = json!({
            "id": id, "url": self.url(&format!("users/{id}.json")), "name": spec.name, "email": spec.email,
            "created_at": text::seconds(now), "updated_at": text::seconds(now), "time_zone": "UTC",
            "iana_time_zone": "Etc/UTC", "phone": null, "shared_phone_number": null, "photo": null,
            "locale_id": 1, "locale": spec.locale.as_deref().unwrap_or("en-US"),
            "organization_id": spec.organization_id, "role": role, "role_type": role_type, "custom_role_id": null,
            "verified": true, "external_id": null, "tags": spec.tags, "alias": "", "active": true, "shared": false,
            "shared_agent": false, "last_login_at": null, "two_factor_auth_enabled": null, "signature": null,
            "details": "", "notes": "", "moderator": false, "ticket_restriction": null,
            "only_private_comments": light, "restricted_agent": false, "suspended": spec.suspended,
            "default_group_id": group, "report_csv": false, "user_fields": {},
        });
        let Value::Object(fields) = fields else { return id };
        let participant = Arc::new(json!({"user_id": id, "name": spec.name, "email": spec.email}));
        let token = (role != "end-user").then(|| self.secret(40));
        if let Some(token) = &token {
            self.tokens.insert(token.clone(), Token { user: id, ends_at: None, scope: None });
        }
        if let Some(email) = &spec.email {
            self.addresses.entry(email.to_lowercase()).or_insert(id);
        }
        self.users.insert(id, User { fields, participant, deleted: false, token });
        id
    }

    pub(super) fn add_group(&mut self, name: &str, now: i64) -> i64 {
        let id = self.id();
        let group = json!({
            "id": id, "url": self.url(&format!("groups/{id}.json")), "name": name, "description": "",
            "default": self.groups.is_empty(), "deleted": false, "is_public": true,
            "created_at": text::seconds(now), "updated_at": text::seconds(now),
        });
        self.groups.insert(id, group);
        id
    }

    pub(super) fn add_organization(&mut self, name: &str, now: i64) -> i64 {
        let id = self.id();
        let organization = json!({
            "id": id, "url": self.url(&format!("organizations/{id}.json")), "name": name, "shared_tickets": false,
            "shared_comments": false, "external_id": null, "domain_names": [], "details": null, "notes": null,
            "group_id": null, "tags": [], "organization_fields": {},
            "created_at": text::seconds(now), "updated_at": text::seconds(now),
        });
        self.organizations.insert(id, organization);
        id
    }

    /// The user of an address; an end user is made of one that nobody has.
    pub(super) fn user_of_address(&mut self, email: &str, name: Option<&str>, now: i64) -> i64 {
        if let Some(id) = self.addresses.get(&email.to_lowercase()) {
            return *id;
        }
        let local = email.split('@').next().unwrap_or(email);
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or(local);
        self.add_user(
            UserSpec {
                name: name.to_owned(),
                email: Some(email.to_owned()),
                role: "end-user".into(),
                tags: vec!["created_for_side_conversation".into()],
                ..UserSpec::default()
            },
            now,
        )
    }

    pub(super) fn is_agent(&self, user: i64) -> bool {
        self.users.get(&user).is_some_and(User::is_agent)
    }

    pub(super) fn is_admin(&self, user: i64) -> bool {
        self.users.get(&user).is_some_and(User::is_admin)
    }

    fn numbers(ask: &Ask, name: &str) -> Result<Vec<i64>, Answer> {
        let list: Vec<&str> = ask.query(name).unwrap_or("").split(',').filter(|id| !id.trim().is_empty()).collect();
        if list.len() > 100 {
            return Err(Answer::too_many_values());
        }
        Ok(list.iter().filter_map(|id| id.trim().parse().ok()).collect())
    }

    pub(super) fn asked_ids(ask: &Ask) -> Result<Vec<i64>, Answer> {
        Self::numbers(ask, "ids")
    }
}

pub(super) fn me(world: &mut World, ask: &Ask) -> Outcome {
    // Recorded: without valid credentials this call answers 200 with a name and nothing else.
    let Some(user) = world.users.get(&ask.user) else {
        return Ok(Answer::ok(json!({"user": {"name": "Anonymous user"}})));
    };
    let mut shown = user.show();
    shown["authenticity_token"] = json!("sandbox");
    Ok(Answer::ok(json!({ "user": shown })))
}

pub(super) fn show(world: &mut World, ask: &Ask) -> Outcome {
    let user = world.users.get(&ask.number(0)).filter(|user| !user.deleted).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({"user": user.show()})))
}

pub(super) fn list(world: &mut World, ask: &Ask) -> Outcome {
    let role = ask.query("role");
    let of_role = |user: &&User| role.is_none() || user.fields.get("role").and_then(Value::as_str) == role;
    let rows: Vec<&User> = world.users.values().filter(|user| !user.deleted).filter(of_role).collect();
    let (page, _) = pages::by_cursor(ask, world.base_url(), "users", &rows, |user| user.show())?;
    Ok(Answer::ok(page))
}

pub(super) fn show_many(world: &mut World, ask: &Ask) -> Outcome {
    let ids = World::asked_ids(ask)?;
    let users: Vec<Value> = ids.iter().filter_map(|id| world.users.get(id)).map(User::show).collect();
    Ok(Answer::ok(json!({"count": users.len(), "users": users, "next_page": null, "previous_page": null})))
}

/// The search is fuzzy: an address also finds others of the same name before the `@`.
pub(super) fn search(world: &mut World, ask: &Ask) -> Outcome {
    let query = ask.query("query").unwrap_or("").to_lowercase();
    let external = ask.query("external_id");
    let found = |user: &&User| {
        if user.deleted {
            return false;
        }
        if let Some(external) = external {
            return user.fields.get("external_id").and_then(Value::as_str) == Some(external);
        }
        let email = user.email().unwrap_or("").to_lowercase();
        let name = user.fields.get("name").and_then(Value::as_str).unwrap_or("").to_lowercase();
        query.split_whitespace().any(|word| {
            let word = word.trim_start_matches("type:user");
            match word.strip_prefix("email:") {
                Some(wanted) => {
                    let wanted = wanted.trim_matches('"');
                    let local = wanted.split('@').next().unwrap_or(wanted);
                    !local.is_empty() && !email.is_empty() && email.starts_with(local)
                }
                None => {
                    let wanted = word.trim_matches('"');
                    !wanted.is_empty() && (email.contains(wanted) || name.contains(wanted))
                }
            }
        })
    };
    let rows: Vec<&User> = world.users.values().filter(found).collect();
    let (page, _) = pages::by_offset(ask, world.base_url(), "users", &rows, |user| user.show())?;
    Ok(Answer::ok(page))
}

pub(super) fn groups(world: &mut World, ask: &Ask) -> Outcome {
    let rows: Vec<&Value> = world.groups.values().collect();
    let (page, _) = pages::by_cursor(ask, world.base_url(), "groups", &rows, |group| (*group).clone())?;
    Ok(Answer::ok(page))
}

pub(super) fn group(world: &mut World, ask: &Ask) -> Outcome {
    let group = world.groups.get(&ask.number(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({ "group": group })))
}

pub(super) fn organizations(world: &mut World, ask: &Ask) -> Outcome {
    let rows: Vec<&Value> = world.organizations.values().collect();
    let (page, _) = pages::by_cursor(ask, world.base_url(), "organizations", &rows, |one| (*one).clone())?;
    Ok(Answer::ok(page))
}

pub(super) fn organization(world: &mut World, ask: &Ask) -> Outcome {
    let organization = world.organizations.get(&ask.number(0)).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({ "organization": organization })))
}

pub(super) fn brands(world: &mut World, ask: &Ask) -> Outcome {
    let brand = json!({
        "id": World::BRAND, "url": world.url(&format!("brands/{}.json", World::BRAND)), "name": "Example",
        "brand_url": world.base_url(), "subdomain": "example", "host_mapping": null, "has_help_center": false,
        "help_center_state": "disabled", "active": true, "default": true, "is_deleted": false, "logo": null,
        "ticket_form_ids": [], "signature_template": "{{agent.signature}}",
        "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
    });
    let (page, _) = pages::by_cursor(ask, world.base_url(), "brands", &[brand], Value::clone)?;
    Ok(Answer::ok(page))
}

pub(super) fn account_settings(world: &mut World, _ask: &Ask) -> Outcome {
    let mut settings = json!({
        "active_features": {"customer_satisfaction": false, "on_hold_status": true, "user_tagging": true},
        "api": {"accepted_api_agreement": true, "api_password_access": "false", "api_token_access": "true"},
        "limits": {"attachment_size": 52_428_800},
        "localization": {"locale_ids": [1]},
        "tickets": {
            "private_attachments": false, "comment_email_ccs_allowed": true, "ticket_followers_allowed": true,
            "follower_and_email_cc_collaborations": true, "comments_public_by_default": true,
        },
        "users": {"tagging": true, "time_zone_selection": true, "language_selection": true},
    });
    // Recorded: an account without the feature has no such key at all.
    if world.side_conversations_on {
        settings["side_conversations"] = json!({
            "email_channel": true, "slack_channel": true, "msteams_channel": true, "tickets_channel": true,
            "show_in_context_panel": true,
        });
    }
    Ok(Answer::ok(json!({ "settings": settings })))
}
