//! What the workspace remembers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::budget::Budgets;
use super::build::{ChannelSpec, PersonSpec};
use super::deliver::{Counters, Queue};
use super::files::Shelf;
use super::made::Altered;
use super::views::Views;
use super::{Options, Quirks, show};
use crate::changes::Changes;
use crate::faults::Faults;
use crate::limits::Keeping;

/// Speaks for Slack in channels.
pub const SLACKBOT: &str = "USLACKBOT";

const CALLS_KEPT: usize = 50_000;

/// The fields of a JSON object.
pub type Fields = Map<String, Value>;

/// A message's `ts` as a number of microseconds; names the message within its channel.
pub type Key = i64;

#[derive(Serialize, Deserialize)]
pub struct World {
    #[serde(with = "crate::kept::random")]
    pub random: fastrand::Rng,
    pub last_key: Key,
    pub people: BTreeMap<String, Person>,
    pub channels: BTreeMap<String, Channel>,
    pub ephemerals: Vec<Ephemeral>,
    pub response_urls: BTreeMap<String, ResponseUrl>,
    pub files: BTreeMap<String, Value>,
    #[serde(default)]
    pub shelf: Shelf,
    #[serde(default)]
    pub views: Views,
    #[serde(default)]
    pub usergroups: Vec<Usergroup>,
    pub answers: BTreeMap<u64, Value>,
    pub queue: Queue,
    #[serde(skip)]
    pub budgets: Budgets,
    #[serde(skip)]
    pub calls: VecDeque<(String, i64)>,
    #[serde(skip)]
    pub counters: Counters,
    #[serde(skip)]
    pub altered: Altered,
    /// The event names the app subscribed to; without it, all.
    pub subscriptions: Option<BTreeSet<String>>,
    pub quirks: Quirks,
    #[serde(skip)]
    pub limits: Keeping,
}

#[derive(Serialize, Deserialize)]
pub struct Person {
    pub id: String,
    pub spec: PersonSpec,
    pub token: String,
    pub updated: i64,
}

#[derive(Serialize, Deserialize)]
pub struct Usergroup {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub users: Vec<String>,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Public,
    Private,
    Im,
    Mpim,
}

#[derive(Serialize, Deserialize)]
pub struct Channel {
    pub id: String,
    pub kind: Kind,
    pub name: String,
    pub previous_names: Vec<String>,
    pub archived: bool,
    /// Whether only some people may post in it; the app is none of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    pub shared_with: Option<String>,
    pub members: Vec<String>,
    pub topic: String,
    pub creator: String,
    pub created: i64,
    pub messages: BTreeMap<Key, Message>,
    /// What people answered in threads and deleted since; nobody in Slack sees it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deleted: BTreeMap<Key, Message>,
}

#[derive(Serialize, Deserialize)]
pub struct Message {
    pub key: Key,
    /// When it was posted, in milliseconds: `ts` is no finer than a second.
    pub at: i64,
    /// The root, if this is a reply.
    pub root: Option<Key>,
    /// Who may change it.
    pub author: String,
    pub broadcast: bool,
    /// What the wire shows, less what follows from the message's place.
    pub fields: Fields,
    /// What a person's message said before each edit, in order; nobody in Slack sees it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before_edits: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub struct Ephemeral {
    pub key: Key,
    pub user: String,
    pub channel: String,
    pub thread_ts: Option<String>,
    pub fields: Fields,
}

#[derive(Serialize, Deserialize)]
pub struct ResponseUrl {
    pub channel: String,
    pub user: String,
    /// The message whose button was pressed, and whether it is an ephemeral one.
    pub original: Option<(Key, bool)>,
    pub uses_left: u32,
    pub expires: i64,
}

/// The workspace at one instant, for as long as one act takes.
pub struct Workspace<'a> {
    pub options: &'a Options,
    pub faults: &'a Faults,
    pub now: i64,
    pub world: MutexGuard<'a, World>,
    pub changes: &'a Changes,
    /// Whether the act may have changed something.
    pub touched: bool,
}

impl Deref for Workspace<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Workspace<'_> {
    fn deref_mut(&mut self) -> &mut World {
        self.touched = true;
        &mut self.world
    }
}

impl Drop for Workspace<'_> {
    fn drop(&mut self) {
        if self.touched {
            self.changes.tell();
        }
    }
}

impl World {
    pub fn with_seed(seed: u64) -> Self {
        World {
            random: fastrand::Rng::with_seed(seed),
            last_key: 0,
            people: BTreeMap::new(),
            channels: BTreeMap::new(),
            ephemerals: Vec::new(),
            response_urls: BTreeMap::new(),
            files: BTreeMap::new(),
            shelf: Shelf::default(),
            views: Views::default(),
            usergroups: Vec::new(),
            answers: BTreeMap::new(),
            queue: Queue::default(),
            budgets: Budgets::default(),
            calls: VecDeque::new(),
            counters: Counters::default(),
            altered: Altered::default(),
            subscriptions: None,
            quirks: Quirks::default(),
            limits: Keeping::default(),
        }
    }

    /// An id as Slack makes them: a letter or two, then capitals and digits.
    pub fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}0{}", self.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 9))
    }

    /// Letters drawn from an alphabet.
    pub fn letters(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| self.random.choice(alphabet).map_or('0', |letter| char::from(*letter))).collect()
    }

    /// Digits, then digits, then hexadecimal, as in Slack's `trigger_id`.
    pub fn new_trigger(&mut self) -> String {
        let digits = b"0123456789";
        format!("{}.{}.{}", self.letters(digits, 13), self.letters(digits, 13), self.letters(b"0123456789abcdef", 32))
    }

    /// A `client_msg_id`.
    pub fn new_uuid(&mut self) -> String {
        let mut bytes = [0u8; 16];
        self.random.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    pub fn log_call(&mut self, method: &str, now: i64) {
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back((method.to_owned(), now));
        self.counters.calls += 1;
    }
}

impl Channel {
    pub fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| member == user)
    }

    pub fn replies(&self, root: Key) -> impl Iterator<Item = &Message> {
        self.messages.range(root..).map(|(_, message)| message).filter(move |message| message.root == Some(root))
    }

    pub fn is_direct(&self) -> bool {
        matches!(self.kind, Kind::Im | Kind::Mpim)
    }
}

impl Message {
    /// Keeps what a person's message said before it was edited, if it says something else.
    pub fn note_edit(&mut self, previous: &Fields) {
        let before = previous.get("text").and_then(Value::as_str).unwrap_or_default();
        let after = self.fields.get("text").and_then(Value::as_str).unwrap_or_default();
        if before != after && !self.fields.contains_key("bot_id") {
            self.before_edits.push(before.to_owned());
        }
    }

    pub fn is_tombstone(&self) -> bool {
        self.fields.get("subtype").and_then(Value::as_str) == Some("tombstone")
    }
}

impl Workspace<'_> {
    /// A `ts` nobody has had: the second, and a counter that only grows.
    pub fn next_key(&mut self) -> Key {
        let second = self.now.div_euclid(1000).max(0).saturating_mul(1_000_000);
        let key = second.saturating_add(100).max(self.last_key.saturating_add(100));
        self.last_key = key;
        key
    }

    pub fn settle_in(&mut self) {
        let options = self.options;
        let bot = PersonSpec {
            id: Some(options.bot_user_id.clone()),
            name: options.bot_name.clone(),
            real_name: options.bot_name.clone(),
            is_bot: true,
            ..PersonSpec::default()
        };
        self.admit(bot, Some(options.bot_token.clone()));
        let slackbot = PersonSpec {
            id: Some(SLACKBOT.to_owned()),
            name: "slackbot".to_owned(),
            real_name: "Slackbot".to_owned(),
            display_name: "Slackbot".to_owned(),
            ..PersonSpec::default()
        };
        self.admit(slackbot, Some(String::new()));
    }

    pub fn admit(&mut self, spec: PersonSpec, token: Option<String>) -> String {
        let id = match &spec.id {
            Some(id) => id.clone(),
            None => self.new_id("U"),
        };
        let token = token.unwrap_or_else(|| {
            let chance = self.letters(b"0123456789abcdef", 24);
            format!("xoxp-{id}-{}", crate::drawn(&self.options.bot_token, &chance))
        });
        let person = Person { id: id.clone(), spec, token, updated: self.now.div_euclid(1000) };
        self.people.insert(id.clone(), person);
        id
    }

    pub fn found(&mut self, spec: ChannelSpec, kind: Kind) -> String {
        let id = match spec.id {
            Some(id) => id,
            None => self.new_id(if kind == Kind::Im { "D" } else { "C" }),
        };
        let mut members = Vec::new();
        let app = spec.app_is_member.then(|| self.options.bot_user_id.clone());
        for member in spec.members.into_iter().chain(app) {
            if !members.contains(&member) {
                members.push(member);
            }
        }
        let channel = Channel {
            id: id.clone(),
            kind,
            name: spec.name,
            previous_names: Vec::new(),
            archived: spec.archived,
            read_only: false,
            shared_with: spec.shared_with,
            creator: members.first().cloned().unwrap_or_else(|| SLACKBOT.to_owned()),
            members,
            topic: spec.topic,
            created: self.now.div_euclid(1000),
            messages: BTreeMap::new(),
            deleted: BTreeMap::new(),
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    pub fn channel(&self, id: &str) -> Result<&Channel, &'static str> {
        self.world.channels.get(id).ok_or("channel_not_found")
    }

    pub fn channel_mut(&mut self, id: &str) -> Result<&mut Channel, &'static str> {
        self.world.channels.get_mut(id).ok_or("channel_not_found")
    }

    /// The conversation of exactly these people, made if there is none.
    pub fn direct(&mut self, people: &[String]) -> (String, bool) {
        let mut wanted: Vec<String> = people.to_vec();
        wanted.sort();
        wanted.dedup();
        let known = self.channels.values().find(|channel| {
            let mut members = channel.members.clone();
            members.sort();
            channel.is_direct() && members == wanted
        });
        if let Some(channel) = known {
            return (channel.id.clone(), true);
        }
        let kind = if wanted.len() > 2 { Kind::Mpim } else { Kind::Im };
        let names: Vec<&str> =
            people.iter().filter_map(|id| self.world.people.get(id)).map(|person| person.spec.name.as_str()).collect();
        let name = if kind == Kind::Mpim { format!("mpdm-{}-1", names.join("--")) } else { String::new() };
        let spec = ChannelSpec { name, private: true, members: people.to_vec(), ..ChannelSpec::default() };
        (self.found(spec, kind), false)
    }

    pub fn is_foreign(&self, user: &str) -> bool {
        self.world.people.get(user).is_some_and(|person| person.spec.stranger_team.is_some())
    }

    pub fn team_of(&self, user: &str) -> String {
        let foreign = self.world.people.get(user).and_then(|person| person.spec.stranger_team.clone());
        foreign.unwrap_or_else(|| self.options.team_id.clone())
    }

    pub fn app_is_in(&self, channel: &str) -> bool {
        self.world.channels.get(channel).is_some_and(|channel| channel.has(&self.options.bot_user_id))
    }

    pub fn app_may(&self, scope: &str) -> bool {
        self.options.scopes.iter().any(|granted| granted == scope)
    }

    /// A message as history shows it.
    pub fn shown(&self, channel: &str, key: Key) -> Option<Fields> {
        let channel = self.world.channels.get(channel)?;
        channel.messages.get(&key).map(|message| show::message(channel, message))
    }
}
