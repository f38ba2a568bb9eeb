//! Who somebody in Slack is, looked up once and remembered for a while. What only names need stands in [`super::names`].

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;

use super::client::SlackClient;
use super::decode::text;
use super::errors::SlackError;
use super::names::Lookups;
use crate::bridge::event::{Person, Standing};
use crate::bridge::ids::{ChannelId, SlackUserId, TeamId};
use crate::engine::outside::CallError;

/// How long what was looked up holds, in milliseconds.
const FRESH_MS: i64 = 10 * 60 * 1000;
/// How long it holds for somebody who presses a button: what they may do must not rest on what they were.
const FRESH_FOR_RIGHTS_MS: i64 = 60 * 1000;
/// How long holds what Slack did not say, or said of somebody whom the app may not know yet, in milliseconds.
const UNSAID_FRESH_MS: i64 = 10 * 1000;
/// How long it serves where Slack does not answer, or where a name is all that is wanted, in milliseconds.
const STALE_MS: i64 = 24 * 60 * 60 * 1000;
/// How many are remembered.
const REMEMBERED: usize = 10_000;

/// Characters that show nothing and that Unicode does not count as spaces; people use them to have no name.
const BLANK: &[char] = &[
    '\u{ad}', '\u{34f}', '\u{115f}', '\u{1160}', '\u{180e}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}',
    '\u{200f}', '\u{2060}', '\u{2061}', '\u{2062}', '\u{2063}', '\u{2064}', '\u{2800}', '\u{3164}', '\u{feff}',
    '\u{ffa0}',
];

/// Somebody in Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who they are.
    pub person: Person,
    /// Their address, for full members of our own workspace only.
    pub email: Option<String>,
}

/// What was looked up, and when (milliseconds since 1970).
#[derive(Default)]
pub struct People {
    pub(super) profiles: Mutex<HashMap<SlackUserId, (i64, Profile)>>,
    pub(super) channels: Mutex<HashMap<ChannelId, (i64, Option<String>)>>,
    /// Names from the list of members; they say nothing of rights.
    pub(super) listed: Mutex<HashMap<SlackUserId, (i64, String)>>,
    firms: Mutex<HashMap<TeamId, (i64, Option<String>)>>,
    pub(super) lookups: Mutex<Lookups>,
    /// The handles of all user groups.
    groups: Mutex<Option<(i64, HashMap<String, String>)>>,
}

impl SlackClient {
    /// Who somebody is.
    ///
    /// # Errors
    /// Slack did not say, and nothing is remembered of them: ask again later.
    pub async fn profile(&self, user: &SlackUserId) -> Result<Profile, CallError> {
        self.profile_not_older(user, FRESH_MS).await
    }

    /// Who somebody is who wants something done, as Slack said within the last minute.
    ///
    /// # Errors
    /// Slack did not say: ask again later.
    pub async fn profile_for_rights(&self, user: &SlackUserId) -> Result<Profile, CallError> {
        self.profile_not_older(user, FRESH_FOR_RIGHTS_MS).await
    }

    async fn profile_not_older(&self, user: &SlackUserId, fresh_ms: i64) -> Result<Profile, CallError> {
        let now = self.clock.now_ms();
        let remembered = remembered(&self.people.profiles, user);
        if let Some((at, profile)) = &remembered
            && is_fresh(*at, now, fresh_ms)
        {
            return Ok(profile.clone());
        }
        let team_id = self.house()?.identity.team_id.clone();
        let asked: Result<Value, SlackError> = self.get("users.info", &[("user", user.as_str())]).await;
        let mut looked_at = now;
        let profile = match asked {
            Ok(answer) if answer["user"].is_object() => {
                let mut profile = read_profile(&answer["user"], user, &team_id);
                if profile.person.standing == Standing::Stranger
                    && let Some(team) = text(&answer["user"], "team_id")
                {
                    profile.person.firm = self.firm(&TeamId::new(team)).await;
                }
                profile
            }
            Ok(_) => {
                // Somebody of whom nothing is known must not pass for a member.
                return Err(CallError::Later { after: None, problem: "the answer does not read".to_owned() });
            }
            Err(SlackError::Code(code)) if matches!(code.as_str(), "user_not_found" | "user_not_visible") => {
                looked_at = unsaid_at(now);
                Profile { person: stranger(user), email: None }
            }
            Err(error) => match remembered {
                // Rights are not given on the strength of what is old.
                Some((at, profile)) if fresh_ms == FRESH_MS && is_fresh(at, now, STALE_MS) => return Ok(profile),
                _ => return Err(error.of_a_read()),
            },
        };
        remember(&self.people.profiles, user.clone(), (looked_at, profile.clone()));
        Ok(profile)
    }

    /// Somebody is another than they were, or may do more or less: what is known of them is out of date.
    pub fn forget_person(&self, user: &SlackUserId) {
        self.people.profiles.lock().expect("the people's lock is never poisoned").remove(user);
    }

    /// What another firm is called, if Slack tells.
    async fn firm(&self, team: &TeamId) -> Option<String> {
        let now = self.clock.now_ms();
        if let Some((at, name)) = remembered(&self.people.firms, team)
            && is_fresh(at, now, if name.is_some() { STALE_MS } else { FRESH_MS })
        {
            return name;
        }
        let asked: Result<Value, SlackError> = self.get("team.info", &[("team", team.as_str())]).await;
        let answer = asked.ok().filter(|answer| text(&answer["team"], "id") == Some(team.as_str()));
        let name = answer.and_then(|answer| text(&answer["team"], "name").map(str::to_owned));
        remember(&self.people.firms, team.clone(), (now, name.clone()));
        name
    }

    /// A user group's handle without `@`, if Slack tells: it does so for all of them at once.
    pub async fn group_handle(&self, group: &str) -> Option<String> {
        let now = self.clock.now_ms();
        let remembered = self.people.groups.lock().expect("the people's lock is never poisoned").clone();
        if let Some((at, handles)) = &remembered
            && is_fresh(*at, now, FRESH_MS)
        {
            return handles.get(group).cloned();
        }
        let asked: Result<Value, SlackError> = self.get("usergroups.list", &[("include_disabled", "true")]).await;
        let mut looked_at = now;
        let handles = match asked {
            Ok(answer) => {
                let groups = answer["usergroups"].as_array().map(Vec::as_slice).unwrap_or_default();
                let named = |group| Some((text(group, "id")?.to_owned(), text(group, "handle")?.to_owned()));
                groups.iter().filter_map(named).collect()
            }
            // Without the scope there are none; what is remembered is better than nothing.
            Err(_) => {
                looked_at = unsaid_at(now);
                remembered.map(|(_, handles)| handles).unwrap_or_default()
            }
        };
        let handle = handles.get(group).cloned();
        *self.people.groups.lock().expect("the people's lock is never poisoned") = Some((looked_at, handles));
        handle
    }
}

/// Somebody of whom Slack says nothing: certainly no member.
fn stranger(user: &SlackUserId) -> Person {
    Person { name: nameless(user), standing: Standing::Stranger, agent: false, firm: None }
}

/// As when something counts as looked up that Slack did not say now: it is asked again soon.
pub(super) fn unsaid_at(now: i64) -> i64 {
    now - FRESH_MS + UNSAID_FRESH_MS
}

/// Whether what was looked up at a time is younger than this. What a clock that was set back has made one of the future is
/// of unknown age.
pub(super) fn is_fresh(at: i64, now: i64, lives_ms: i64) -> bool {
    (0..lives_ms).contains(&(now - at))
}

pub(super) fn remembered<K: std::hash::Hash + Eq, V: Clone>(map: &Mutex<HashMap<K, V>>, key: &K) -> Option<V> {
    map.lock().expect("the people's lock is never poisoned").get(key).cloned()
}

pub(super) fn remember<K: std::hash::Hash + Eq, V>(map: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut map = map.lock().expect("the people's lock is never poisoned");
    if map.len() >= REMEMBERED {
        map.clear();
    }
    map.insert(key, value);
}

/// How somebody is called of whom Slack tells no name.
pub fn nameless(user: &SlackUserId) -> String {
    format!("Somebody ({user})")
}

/// The name to show is `profile.display_name`, else `profile.real_name`, else `name`.
pub(super) fn read_profile(user: &Value, id: &SlackUserId, ours: &TeamId) -> Profile {
    let profile = &user["profile"];
    let name = name(profile, "display_name")
        .or_else(|| name(profile, "real_name"))
        .or_else(|| name(user, "real_name"))
        .or_else(|| name(user, "name"))
        .map_or_else(|| nameless(id), str::to_owned);
    let is = |key: &str| user.get(key).and_then(Value::as_bool) == Some(true);
    let teams = user["enterprise_user"]["teams"].as_array();
    let of_our_org = teams.is_some_and(|teams| teams.iter().any(|team| team.as_str() == Some(ours.as_str())));
    let elsewhere = text(user, "team_id").is_some_and(|team| team != ours.as_str()) && !of_our_org;
    let standing = if is("is_bot") || id.as_str() == "USLACKBOT" {
        Standing::Bot
    } else if is("deleted") {
        Standing::Gone
    } else if is("is_stranger") || elsewhere {
        Standing::Stranger
    } else if is("is_restricted") || is("is_ultra_restricted") {
        Standing::Guest
    } else {
        Standing::Member
    };
    let email = text(profile, "email").filter(|_| standing == Standing::Member).map(str::to_lowercase);
    Profile { person: Person { name, standing, agent: false, firm: None }, email }
}

/// A name under a key, if it shows anything: one of blanks is no name.
fn name<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    text(value, key).map(str::trim).filter(|name| name.chars().any(|c| !c.is_whitespace() && !BLANK.contains(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(user: Value) -> Profile {
        read_profile(&user, &SlackUserId::new("U1"), &TeamId::new("T1"))
    }

    #[test]
    fn only_a_full_member_has_an_address() {
        let of = |more: Value| {
            let mut user =
                serde_json::json!({"team_id": "T1", "name": "ana", "profile": {"email": "Ana@acme.example"}});
            for (key, value) in more.as_object().unwrap() {
                user[key] = value.clone();
            }
            let profile = read(user);
            (profile.person.standing, profile.email)
        };
        assert_eq!(of(serde_json::json!({})), (Standing::Member, Some("ana@acme.example".into())));
        assert_eq!(of(serde_json::json!({"is_restricted": true})), (Standing::Guest, None));
        assert_eq!(of(serde_json::json!({"team_id": "T2"})), (Standing::Stranger, None));
        assert_eq!(of(serde_json::json!({"is_stranger": true})), (Standing::Stranger, None));
        assert_eq!(of(serde_json::json!({"is_bot": true})), (Standing::Bot, None));
        assert_eq!(of(serde_json::json!({"deleted": true})), (Standing::Gone, None));
        let grid = serde_json::json!({"team_id": "T2", "enterprise_user": {"teams": ["T2", "T1"]}});
        assert_eq!(of(grid).0, Standing::Member);
    }

    #[test]
    fn what_a_clock_set_back_makes_one_of_the_future_is_looked_up_again() {
        let fresh = |now: i64| is_fresh(1000, now, 500);
        assert_eq!((fresh(999), fresh(1000), fresh(1499), fresh(1500)), (false, true, true, false));
    }

    #[test]
    fn the_display_name_comes_first_and_something_is_always_shown() {
        let name = |profile: Value| read(serde_json::json!({"name": "ana", "profile": profile})).person.name;
        assert_eq!(name(serde_json::json!({"display_name": "Ana S.", "real_name": "Ana Souza"})), "Ana S.");
        assert_eq!(name(serde_json::json!({"display_name": "", "real_name": "Ana Souza"})), "Ana Souza");
        for blank in [" ", "\t\u{3000}", "\u{200b}", " \u{2800}\u{3164} "] {
            assert_eq!(
                name(serde_json::json!({"display_name": blank, "real_name": " Ana Souza "})),
                "Ana Souza",
                "{blank:?}"
            );
            assert_eq!(name(serde_json::json!({"display_name": blank, "real_name": blank})), "ana", "{blank:?}");
        }
        assert_eq!(name(serde_json::json!({})), "ana");
        assert_eq!(read(serde_json::json!({})).person.name, "Somebody (U1)");
    }
}
