//! What the people and channels are called that a message mentions.
//!
//! How many it mentions is its writer's choice, so it must not decide how many calls are made, nor keep others waiting: a
//! message has [`MOST`] look-ups, all messages of a minute share half of what Slack allows, and whoever is not looked up is
//! shown by their id. Where a message mentions more, the workspace's list of members is read, once in a while. A name never
//! holds the words back: whatever goes wrong, they go without it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::client::SlackClient;
use super::decode::text;
use super::errors::SlackError;
use super::people::{is_fresh, nameless, read_profile, remember, remembered, unsaid_at};
use crate::bridge::content::{Doc, Names};
use crate::bridge::ids::{ChannelId, SlackUserId};
use crate::engine::outside::CallError;

/// How many look-ups are made for what travels in one call.
pub const MOST: usize = 50;
/// How many look-ups of names are made in a minute: half of what Slack allows for each method, so that as many are left for
/// authors and for whoever presses a button. <https://docs.slack.dev/apis/web-api/rate-limits>
const PEOPLE_A_MINUTE: usize = 50;
const CHANNELS_A_MINUTE: usize = 25;
const MINUTE_MS: i64 = 60 * 1000;
/// How long a name holds that is only shown, in milliseconds.
const NAME_LIVES_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a channel's name holds, and for how long nobody asks again for one that Slack does not tell.
const CHANNEL_LIVES_MS: i64 = 10 * 60 * 1000;
/// How often the list of members is read at most, in milliseconds, and how many pages of it.
const LIST_EVERY_MS: i64 = 10 * 60 * 1000;
const LIST_PAGES: usize = 10;
/// How long all of it may take; what is not known by then is shown by its id.
const PATIENCE: Duration = Duration::from_secs(10);

/// When names were looked up, in milliseconds since 1970.
#[derive(Default)]
pub struct Lookups {
    people: VecDeque<i64>,
    channels: VecDeque<i64>,
    listed_at: Option<i64>,
}

impl Lookups {
    /// Takes one look-up of so many in a minute, if one is left.
    fn take(calls: &mut VecDeque<i64>, most: usize, now: i64) -> bool {
        // A clock that was set back must not close the window for as long.
        calls.retain(|at| is_fresh(*at, now, MINUTE_MS));
        let free = calls.len() < most;
        if free {
            calls.push_back(now);
        }
        free
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Known {
    people: BTreeMap<SlackUserId, String>,
    channels: BTreeMap<ChannelId, String>,
    groups: BTreeMap<String, String>,
}

impl Names for Known {
    fn user(&self, id: &SlackUserId) -> Option<String> {
        self.people.get(id).cloned()
    }

    fn channel(&self, id: &ChannelId) -> Option<String> {
        self.channels.get(id).cloned()
    }

    fn group(&self, id: &str) -> Option<String> {
        self.groups.get(id).cloned()
    }
}

impl SlackClient {
    /// The names of those who are mentioned, as many as can be had soon.
    pub async fn names_of_mentioned(&self, docs: &[&Doc]) -> Known {
        let people = docs.iter().flat_map(|doc| doc.people()).collect();
        let channels: BTreeSet<ChannelId> = docs.iter().flat_map(|doc| doc.nameless_channels()).collect();
        let mut known = Known::default();
        tokio::select! {
            () = self.find_names(people, channels.clone(), &mut known) => {}
            () = self.clock.sleep(PATIENCE) => {}
        }
        // The name that the message itself gives is better than none.
        for user in docs.iter().flat_map(|doc| doc.people_with_names()) {
            known.people.retain(|id, name| *id != user || *name != nameless(&user));
        }
        // Of a channel that nobody was asked about nothing says that it is private: its id is better than an untruth.
        for id in channels {
            if remembered(&self.people.channels, &id).is_none() {
                known.channels.entry(id.clone()).or_insert_with(|| id.to_string());
            }
        }
        // Slack gives all of them in one call.
        for group in docs.iter().flat_map(|doc| doc.nameless_groups()) {
            if let Some(handle) = self.group_handle(&group).await {
                known.groups.insert(group, handle);
            }
        }
        known
    }

    async fn find_names(&self, people: BTreeSet<SlackUserId>, channels: BTreeSet<ChannelId>, known: &mut Known) {
        let mut unknown = self.known_people(people, known);
        if unknown.len() > MOST && self.list_members().await {
            unknown = self.known_people(unknown.into_iter().collect(), known);
        }
        let mut left = MOST;
        for id in unknown.into_iter().take(MOST) {
            if !self.may_look_up(|lookups, now| Lookups::take(&mut lookups.people, PEOPLE_A_MINUTE, now)) {
                break;
            }
            left -= 1;
            match self.profile(&id).await {
                Ok(profile) => {
                    known.people.insert(id, profile.person.name);
                }
                // Slack wants to be left alone, or does not answer: nobody else is asked for.
                Err(CallError::Later { .. } | CallError::Unknown { .. } | CallError::Paused { .. }) => break,
                Err(_) => {}
            }
        }
        for id in channels {
            let now = self.clock.now_ms();
            if let Some((at, name)) = remembered(&self.people.channels, &id)
                && is_fresh(at, now, CHANNEL_LIVES_MS)
            {
                known.channels.extend(name.map(|name| (id, name)));
                continue;
            }
            if left == 0
                || !self.may_look_up(|lookups, now| Lookups::take(&mut lookups.channels, CHANNELS_A_MINUTE, now))
            {
                continue;
            }
            left -= 1;
            let asked: Result<Value, SlackError> = self.get("conversations.info", &[("channel", id.as_str())]).await;
            let name = match asked {
                Ok(answer) => text(&answer["channel"], "name").map(str::to_owned),
                // A private channel in which the app is not.
                Err(error) if error.channel_problem().is_some() => None,
                Err(_) => continue,
            };
            let looked_at = if name.is_some() { now } else { unsaid_at(now) };
            remember(&self.people.channels, id.clone(), (looked_at, name.clone()));
            known.channels.extend(name.map(|name| (id, name)));
        }
    }

    /// Adds those whose names are remembered. Gives the others.
    fn known_people(&self, people: BTreeSet<SlackUserId>, known: &mut Known) -> Vec<SlackUserId> {
        let now = self.clock.now_ms();
        let mut unknown = Vec::new();
        for id in people {
            let of_profile = remembered(&self.people.profiles, &id).map(|(at, profile)| (at, profile.person.name));
            // Of whom Slack said nothing it is asked again soon.
            let lives = |name: &str| if name.contains(id.as_str()) { CHANNEL_LIVES_MS } else { NAME_LIVES_MS };
            let fresh = |(at, name): (i64, String)| is_fresh(at, now, lives(&name)).then_some(name);
            match of_profile.and_then(fresh).or_else(|| remembered(&self.people.listed, &id).and_then(fresh)) {
                Some(name) => drop(known.people.insert(id, name)),
                None => unknown.push(id),
            }
        }
        unknown
    }

    fn may_look_up(&self, take: impl FnOnce(&mut Lookups, i64) -> bool) -> bool {
        let now = self.clock.now_ms();
        take(&mut self.people.lookups.lock().expect("the look-ups' lock is never poisoned"), now)
    }

    /// Reads the list of members, unless that was done a while ago. Says whether it was read.
    async fn list_members(&self) -> bool {
        let due = self.may_look_up(|lookups, now| {
            let due = lookups.listed_at.is_none_or(|at| !is_fresh(at, now, LIST_EVERY_MS));
            if due {
                lookups.listed_at = Some(now);
            }
            due
        });
        let Ok(house) = self.house() else { return false };
        let team_id = house.identity.team_id.clone();
        let mut cursor = String::new();
        for _ in 0..if due { LIST_PAGES } else { 0 } {
            let mut parameters = vec![("limit", "1000")];
            if !cursor.is_empty() {
                parameters.push(("cursor", &cursor));
            }
            let page: Value = match self.get("users.list", &parameters).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::debug!(problem = %error.of_a_read(), "the members of the workspace could not be listed");
                    return true;
                }
            };
            let now = self.clock.now_ms();
            for member in page["members"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let Some(id) = text(member, "id").map(SlackUserId::new) else { continue };
                let profile = read_profile(member, &id, &team_id);
                remember(&self.people.listed, id, (now, profile.person.name));
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        due
    }
}
