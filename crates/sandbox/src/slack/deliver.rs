//! What goes to the app: events with Slack's retries, interactions and commands without.
//!
//! An event that is not answered with a 2xx is sent again nearly at once, a minute and five minutes after it
//! first failed, and is then lost (<https://docs.slack.dev/apis/events-api>).

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::FakeSlack;
use super::world::{Fields, Workspace};
use crate::faults::Fault;
use crate::kept::Word;
use crate::post::{Parcel, Receipt, Sender};

const RETRIES_AFTER: [i64; 3] = [0, 60_000, 300_000];
const SHUFFLED_OVER_MS: i64 = 5_000;

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls of the Web API.
    pub calls: u64,
    /// Calls that were answered with `ok: false`.
    pub refused: u64,
    /// Calls that were answered 429.
    pub limited: u64,
    /// Events queued.
    pub events: u64,
    /// Parcels the app took.
    pub delivered: u64,
    /// Retries of events.
    pub retried: u64,
    /// Parcels given up.
    pub lost: u64,
    /// Posts to response URLs.
    pub responses: u64,
}

/// The parcels that wait and those on their way.
#[derive(Default)]
pub struct Queue {
    next: u64,
    waiting: BTreeMap<(i64, u64), Waiting>,
    under_way: BTreeMap<u64, Waiting>,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    id: u64,
    path: String,
    #[serde(with = "crate::kept::word")]
    content_type: Word,
    body: Vec<u8>,
    order: u64,
    retries: usize,
    #[serde(with = "crate::kept::word")]
    reason: Word,
    failed_at: Option<i64>,
    purpose: Purpose,
}

/// What a parcel is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    Event,
    Interaction,
    Command { user: String, channel: String, command: String },
    View { view: String },
    Suggestion { menu: String },
}

impl Workspace<'_> {
    /// Queues an event, if the app subscribed to it and has one of the scopes it needs.
    pub fn tell(&mut self, subscription: &str, scopes: &[&str], channel: Option<&str>, event: Fields) {
        let wanted = self.subscriptions.as_ref().is_none_or(|names| names.contains(subscription));
        if wanted && (scopes.is_empty() || scopes.iter().any(|scope| self.app_may(scope))) {
            self.queue_event(channel, event);
        }
    }

    /// Queues an event whatever the app subscribed to; gives the parcel's id.
    pub fn queue_event(&mut self, channel: Option<&str>, event: Fields) -> u64 {
        let options = self.options;
        let (team, app) = (options.team_id.as_str(), options.app_id.as_str());
        let kind = event.get("type").cloned().unwrap_or_default();
        let context = json!({"et": kind, "tid": team, "aid": app, "cid": channel}).to_string();
        let shared = channel.and_then(|id| self.channel(id).ok()).is_some_and(|c| c.shared_with.is_some());
        let mut envelope = json!({
            "token": "sandboxVerificationToken", "team_id": team, "api_app_id": app,
            "type": "event_callback", "event_id": self.new_id("Ev"), "event_time": self.now.div_euclid(1000),
            "authorizations": [{
                "enterprise_id": null, "team_id": team, "user_id": options.bot_user_id, "is_bot": true,
                "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": shared,
            "event_context": format!("4-{}", STANDARD_NO_PAD.encode(context)),
        });
        // Put in afterwards, and so not copied.
        envelope["event"] = Value::Object(event);
        // Recorded traffic has the context on messages and not on mentions.
        if kind == "message" {
            envelope["context_team_id"] = team.into();
            envelope["context_enterprise_id"] = Value::Null;
        }
        if self.quirks.envelopes_are_old
            && let Value::Object(fields) = &mut envelope
        {
            fields.retain(|name, _| name != "authorizations" && !name.starts_with("context_"));
        }
        self.counters.events += 1;
        let body = serde_json::to_vec(&envelope).unwrap_or_default();
        self.queue_body(body)
    }

    /// Queues a body for the events path, as the faults of deliveries will have it.
    pub fn queue_body(&mut self, body: Vec<u8>) -> u64 {
        let faults = self.faults;
        let strike = |is: fn(&Fault) -> bool| faults.strike("events", is);
        if strike(|fault| matches!(fault, Fault::EventsNever)).is_some() {
            self.counters.lost += 1;
            return self.queue.take_id();
        }
        let copies = if strike(|fault| matches!(fault, Fault::EventsTwice)).is_some() { 2 } else { 1 };
        let mut due = self.now;
        if let Some(Fault::EventsLate { secs }) = strike(|fault| matches!(fault, Fault::EventsLate { .. })) {
            due = due.saturating_add(i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000));
        }
        let shuffled = strike(|fault| matches!(fault, Fault::EventsShuffled)).is_some();
        let mut id = 0;
        for _ in 0..copies {
            let jitter = if shuffled { self.random.i64(0..SHUFFLED_OVER_MS) } else { 0 };
            let path = self.options.events_path.clone();
            id = self.enqueue(path, "application/json", body.clone(), due.saturating_add(jitter), Purpose::Event);
        }
        id
    }

    /// Queues what is sent once, now.
    pub fn queue_once(&mut self, path: String, form: &[(&str, &str)], purpose: Purpose) -> u64 {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let now = self.now;
        self.enqueue(path, "application/x-www-form-urlencoded", body.into_bytes(), now, purpose)
    }

    fn enqueue(&mut self, path: String, content_type: &'static str, body: Vec<u8>, due: i64, purpose: Purpose) -> u64 {
        let id = self.queue.take_id();
        let waiting =
            Waiting { id, path, content_type, body, order: id, retries: 0, reason: "", failed_at: None, purpose };
        self.queue.waiting.insert((due, id), waiting);
        id
    }

    fn settle(&mut self, id: u64, receipt: Receipt) {
        let Some(mut parcel) = self.queue.under_way.remove(&id) else { return };
        let taken = matches!(&receipt, Receipt::Answered { status: 200..=299, .. });
        if taken {
            self.counters.delivered += 1;
        } else if parcel.purpose == Purpose::Event && parcel.retries < RETRIES_AFTER.len() {
            let first = *parcel.failed_at.get_or_insert(self.now);
            let due = first.saturating_add(RETRIES_AFTER[parcel.retries]).max(self.now);
            parcel.retries += 1;
            parcel.reason = if receipt == Receipt::Failed { "http_timeout" } else { "http_error" };
            self.counters.retried += 1;
            self.queue.waiting.insert((due, parcel.order), parcel);
            return;
        } else {
            self.counters.lost += 1;
        }
        match &parcel.purpose {
            Purpose::Command { user, channel, command } => self.answer_command(id, user, channel, command, receipt),
            Purpose::View { view } => self.answer_view(id, view, receipt),
            Purpose::Suggestion { menu } => self.answer_suggestion(id, menu, receipt),
            Purpose::Event | Purpose::Interaction => {}
        }
    }

    fn sign(&self, parcel: &Waiting) -> Parcel {
        let at = self.now.div_euclid(1000).to_string();
        let mut headers = vec![
            ("content-type".to_owned(), parcel.content_type.to_owned()),
            ("user-agent".to_owned(), "Slackbot 1.0 (+https://api.slack.com/robots)".to_owned()),
            ("accept".to_owned(), "*/*".to_owned()),
            ("x-slack-signature".to_owned(), signature(&self.options.signing_secret, &at, &parcel.body)),
            ("x-slack-request-timestamp".to_owned(), at),
        ];
        if parcel.retries > 0 {
            headers.push(("x-slack-retry-num".to_owned(), parcel.retries.to_string()));
            headers.push(("x-slack-retry-reason".to_owned(), parcel.reason.to_owned()));
        }
        Parcel { id: parcel.id, path: parcel.path.clone(), headers, body: parcel.body.clone() }
    }
}

impl Serialize for Queue {
    /// What is on its way waits again: whoever reads this knows nothing of an answer to it.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let waiting = self.waiting.iter().map(|((due, _), parcel)| (*due, parcel));
        to.collect_seq(waiting.chain(self.under_way.values().map(|parcel| (0, parcel))))
    }
}

impl<'de> Deserialize<'de> for Queue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let kept = Vec::<(i64, Waiting)>::deserialize(from)?;
        let next = kept.iter().map(|(_, parcel)| parcel.id.max(parcel.order)).max().unwrap_or_default();
        let waiting = kept.into_iter().map(|(due, parcel)| ((due, parcel.order), parcel)).collect();
        Ok(Queue { next, waiting, under_way: BTreeMap::new() })
    }
}

impl Queue {
    /// Whatever waits falls due earlier by this much.
    pub fn age(&mut self, ms: i64) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.into_iter().map(|((due, order), one)| ((due.saturating_sub(ms), order), one)).collect();
    }

    fn take_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// How many wait or are on their way.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }
}

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
fn signature(secret: &str, at: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("v0:{at}:").as_bytes());
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v0={hex}")
}

impl Sender for FakeSlack {
    fn take_due(&self) -> Vec<Parcel> {
        let mut workspace = self.workspace();
        let now = workspace.now;
        let later = workspace.queue.waiting.split_off(&(now.saturating_add(1), 0));
        let due = std::mem::replace(&mut workspace.queue.waiting, later);
        let mut parcels = Vec::new();
        for parcel in due.into_values() {
            parcels.push(workspace.sign(&parcel));
            workspace.queue.under_way.insert(parcel.id, parcel);
        }
        parcels
    }

    fn settle(&self, id: u64, receipt: Receipt) {
        self.workspace().settle(id, receipt);
    }

    fn next_due(&self) -> Option<i64> {
        let looked = self.workspace();
        let parcel = looked.queue.waiting.keys().next().map(|(due, _)| *due);
        parcel.into_iter().chain(looked.next_share()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn signs_slacks_own_example() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
            &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
            &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
            96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let made = signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.as_bytes());
        assert_eq!(made, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    }
}
