//! Everything the account holds, in one place behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::hooks::Hooks;
use super::limits::Limits;
use super::options::Options;
use super::people::User;
use super::text;
use super::trials::Trials;
use crate::FIRST_TICKET;
use crate::faults::Faults;
use crate::kept::Word;
use crate::tracked::Tracked;

#[derive(Serialize, Deserialize)]
pub(super) struct World {
    #[serde(skip)]
    pub(super) options: Options,
    #[serde(with = "crate::kept::random")]
    pub(super) random: fastrand::Rng,
    pub(super) users: BTreeMap<i64, User>,
    /// Lower-case address to user.
    pub(super) addresses: HashMap<String, i64>,
    pub(super) groups: BTreeMap<i64, Value>,
    pub(super) organizations: BTreeMap<i64, Value>,
    pub(super) tokens: HashMap<String, Token>,
    /// Written down one by one: they are most of an account.
    #[serde(default, skip_serializing)]
    pub(super) tickets: Tracked<i64, Ticket>,
    pub(super) conversations: HashMap<String, SideConversation>,
    pub(super) events: Vec<Event>,
    /// The feed's order: time of the event, then place in `events`.
    pub(super) by_time: BTreeSet<(i64, usize)>,
    /// When the feed begins to show those events, by place, that it shows late.
    pub(super) late_rows: HashMap<usize, i64>,
    pub(super) files: HashMap<String, File>,
    #[serde(default)]
    pub(super) triggers: BTreeMap<i64, Value>,
    #[serde(default)]
    pub(super) macros: BTreeMap<i64, Value>,
    #[serde(default)]
    pub(super) jobs: BTreeMap<String, Value>,
    pub(super) mail: Vec<Value>,
    #[serde(skip)]
    pub(super) idempotent: HashMap<String, Idempotent>,
    #[serde(skip)]
    pub(super) calls: VecDeque<(String, i64)>,
    #[serde(skip)]
    pub(super) limits: Limits,
    pub(super) hooks: Hooks,
    #[serde(skip)]
    pub(super) trials: Trials,
    #[serde(skip)]
    pub(super) faults: Faults,
    /// When time was let pass, and by how much: everything older than that is older by it.
    pub(super) leaps: Vec<(i64, i64)>,
    pub(super) side_conversations_on: bool,
    pub(super) app_user: i64,
    next_id: i64,
    next_ticket: i64,
    ticks: u64,
    node: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) user: i64,
    pub(super) ends_at: Option<i64>,
    /// Space-separated; none asked for is all of them.
    pub(super) scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: String,
    #[serde(with = "crate::kept::base64")]
    pub(super) bytes: Bytes,
    pub(super) size: Option<(u32, u32)>,
}

pub(super) struct Idempotent {
    pub(super) asked: Value,
    pub(super) answer: Answer,
    pub(super) at: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Ticket {
    /// As `GET tickets/{id}` shows it, but for the address and what stands beside it.
    pub(super) fields: Map<String, Value>,
    pub(super) comments: Vec<Comment>,
    pub(super) audits: Vec<(i64, Value)>,
    pub(super) conversations: Vec<String>,
    pub(super) archived: bool,
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) deleted_by: Option<i64>,
    pub(super) written_at: i64,
    /// Earlier fields, each with the time at which they were written; for reads that lag.
    #[serde(skip)]
    pub(super) earlier: VecDeque<(i64, Map<String, Value>)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Comment {
    pub(super) value: Value,
    pub(super) at: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SideConversation {
    #[serde(with = "crate::kept::shared")]
    pub(super) id: Arc<str>,
    pub(super) ticket: i64,
    pub(super) kind: Kind,
    pub(super) subject: Option<String>,
    pub(super) preview_text: String,
    pub(super) open: bool,
    #[serde(with = "crate::kept::all_shared")]
    pub(super) participants: Vec<Arc<Value>>,
    pub(super) external_ids: Map<String, Value>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) message_added_at: i64,
    pub(super) state_updated_at: i64,
    /// Places in `World::events`, in order of time.
    pub(super) events: Vec<usize>,
    /// The copy that an automatic follow-up holds, where it has ids of its own.
    pub(super) copy: Option<String>,
}

/// The kinds of participants; one side conversation has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Kind {
    Email,
    Slack,
    ChildTicket,
    Teams,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(with = "crate::kept::shared")]
    pub(super) conversation: Arc<str>,
    pub(super) ticket: i64,
    #[serde(with = "crate::kept::word")]
    pub(super) what: Word,
    #[serde(with = "crate::kept::word")]
    pub(super) via: Word,
    #[serde(with = "crate::kept::shared")]
    pub(super) actor: Arc<Value>,
    pub(super) at: i64,
    pub(super) written_at: i64,
    pub(super) message: Option<Message>,
    pub(super) updates: Map<String, Value>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) subject: Option<String>,
    pub(super) preview_text: String,
    pub(super) body: String,
    pub(super) html_body: String,
    #[serde(with = "crate::kept::shared")]
    pub(super) from: Arc<Value>,
    #[serde(with = "crate::kept::all_shared")]
    pub(super) to: Vec<Arc<Value>>,
    pub(super) external_ids: Map<String, Value>,
    /// Ids of uploaded files.
    pub(super) attachments: Vec<String>,
}

impl World {
    /// Recorded ids are of fourteen digits: more than 32 bits hold.
    const FIRST_ID: i64 = 26_155_588_908_179;
    pub(super) fn new(options: Options, faults: Faults, now: i64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let webhook_id = text::ulid(now, &mut random);
        let node = random.u64(..);
        let mut world = World {
            hooks: Hooks::new(faults.clone(), random.fork()),
            trials: Trials::default(),
            faults,
            options,
            random,
            users: BTreeMap::new(),
            addresses: HashMap::new(),
            groups: BTreeMap::new(),
            organizations: BTreeMap::new(),
            tokens: HashMap::new(),
            tickets: Tracked::default(),
            conversations: HashMap::new(),
            events: Vec::new(),
            by_time: BTreeSet::new(),
            late_rows: HashMap::new(),
            files: HashMap::new(),
            triggers: BTreeMap::new(),
            macros: BTreeMap::new(),
            jobs: BTreeMap::new(),
            mail: Vec::new(),
            idempotent: HashMap::new(),
            calls: VecDeque::new(),
            limits: Limits::default(),
            leaps: Vec::new(),
            side_conversations_on: true,
            app_user: 0,
            next_id: Self::FIRST_ID,
            next_ticket: FIRST_TICKET,
            ticks: 0,
            node,
        };
        world.app_user = world.found_account(now);
        let (options, app_user) = (world.options.clone(), world.app_user);
        world.hooks.first(&webhook_id, &options, app_user, now);
        world.first_triggers(&webhook_id, now);
        world
    }

    /// An id that nothing has had.
    pub(super) fn id(&mut self) -> i64 {
        self.next_id = self.next_id.saturating_add(32);
        self.next_id
    }

    pub(super) fn ticket_id(&mut self, wanted: Option<i64>) -> i64 {
        let id = match wanted {
            Some(id) if id > 0 && !self.tickets.contains_key(&id) => id,
            _ => self.next_ticket,
        };
        self.next_ticket = self.next_ticket.max(id.saturating_add(1));
        id
    }

    /// A UUID later than all before it, also within one millisecond.
    pub(super) fn uuid(&mut self, now: i64) -> String {
        self.ticks = text::uuid_ticks(now).max(self.ticks.wrapping_add(1));
        text::uuid_v1(self.ticks, (self.node >> 48) as u16, self.node)
    }

    pub(super) fn secret(&mut self, length: usize) -> String {
        let chance: String = (0..length).map(|_| self.random.alphanumeric()).collect();
        crate::drawn(&self.options.oauth_client_secret, &chance)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/api/v2/{path}", self.options.base_url.trim_end_matches('/'))
    }

    pub(super) fn base_url(&self) -> &str {
        self.options.base_url.trim_end_matches('/')
    }

    /// A user as a participant.
    pub(super) fn participant(&self, user: i64) -> Arc<Value> {
        match self.users.get(&user) {
            Some(user) => user.participant.clone(),
            None => Arc::new(json!({"user_id": null, "name": null, "email": null})),
        }
    }
}
