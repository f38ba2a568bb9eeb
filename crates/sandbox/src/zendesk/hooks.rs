//! Webhooks: what is sent to the bridge, signed, how it is tried again, and what became of it.
//!
//! Only what is posted to the sandbox itself is sent: it dials nobody else, and says so in the invocation.

use std::collections::{BTreeMap, VecDeque};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::options::Options;
use super::text;
use crate::faults::{Fault, Faults};
use crate::post::{Parcel, Receipt};

/// Signs a delivery as Zendesk does: `base64(HMAC-SHA256(secret, timestamp + body))`.
///
/// The key is the secret's own bytes, as it is shown. An old official page has body + timestamp.
pub fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.as_bytes());
    context.update(body);
    STANDARD.encode(context.sign().as_ref())
}

/// Why something is not sent.
pub(super) const NOT_SENT: &str = "the sandbox dials nobody else, and only posts";

/// An address of the sandbox's own.
fn here(options: &Options, path: &str) -> String {
    let base = options.base_url.trim_end_matches('/');
    format!("{}{path}", base.strip_suffix("/zendesk").unwrap_or(base))
}

/// Where a webhook leads within the sandbox, whose post knows one verb.
pub(super) fn path_here(fields: &Map<String, Value>, options: &Options) -> Option<String> {
    if fields.get("http_method").and_then(Value::as_str) != Some("POST") {
        return None;
    }
    let endpoint = fields.get("endpoint").and_then(Value::as_str)?;
    endpoint.strip_prefix(&here(options, "")).filter(|path| path.starts_with('/')).map(str::to_owned)
}

/// The headers that a webhook's own fields ask for: how it is written, who calls, and what else it is to bear.
pub(super) fn own_headers(fields: &Map<String, Value>) -> Vec<(String, String)> {
    let format = match fields.get("request_format").and_then(Value::as_str) {
        Some("xml") => "application/xml; charset=utf-8",
        Some("form_encoded") => "application/x-www-form-urlencoded; charset=utf-8",
        _ => "application/json; charset=utf-8",
    };
    let mut headers = vec![("Content-Type".to_owned(), format.to_owned())];
    let authentication = fields.get("authentication").unwrap_or(&Value::Null);
    let word = |name: &str| authentication["data"][name].as_str().unwrap_or_default();
    match authentication["type"].as_str() {
        Some("bearer_token") => headers.push(("Authorization".to_owned(), format!("Bearer {}", word("token")))),
        Some("basic_auth") => {
            let pair = STANDARD.encode(format!("{}:{}", word("username"), word("password")));
            headers.push(("Authorization".to_owned(), format!("Basic {pair}")));
        }
        Some("api_key") => headers.push((word("name").to_owned(), word("value").to_owned())),
        _ => {}
    }
    let more = fields.get("custom_headers").and_then(Value::as_object).into_iter().flatten();
    headers.extend(more.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
    headers
}

/// What a request of a webhook is made of when it is sent.
pub(super) struct Signed {
    pub(super) webhook: String,
    pub(super) invocation: String,
    pub(super) secret: String,
    pub(super) body: Vec<u8>,
    /// Its headers beside those of every webhook.
    pub(super) more: Vec<(String, String)>,
}

impl Signed {
    /// The request, signed now.
    pub(super) fn parcel(&self, id: u64, path: String, options: &Options, now: i64) -> Parcel {
        let timestamp = text::seconds(now);
        let headers = [
            ("X-Zendesk-Account-Id", options.account_id.to_string()),
            ("X-Zendesk-Webhook-Id", self.webhook.clone()),
            ("X-Zendesk-Webhook-Invocation-Id", self.invocation.clone()),
            ("X-Zendesk-Webhook-Signature", sign(&self.secret, &timestamp, &self.body)),
            ("X-Zendesk-Webhook-Signature-Timestamp", timestamp),
            ("User-Agent", "Zendesk Webhook".to_owned()),
        ];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(self.more.clone());
        Parcel { id, path, headers: headers.collect(), body: self.body.clone() }
    }
}

/// The webhooks, and the deliveries that wait for their turn or for their answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Hooks {
    #[serde(skip)]
    pub(super) faults: Faults,
    /// By id.
    pub(super) webhooks: BTreeMap<String, Webhook>,
    /// The latest last.
    pub(super) invocations: VecDeque<Invocation>,
    #[serde(with = "crate::kept::random")]
    random: fastrand::Rng,
    waiting: BTreeMap<u64, Delivery>,
    next: u64,
}

/// A webhook, its fields as the API shows them.
#[derive(Serialize, Deserialize)]
pub(super) struct Webhook {
    pub(super) fields: Map<String, Value>,
    pub(super) secret: String,
}

/// What became of one firing of a webhook.
#[derive(Serialize, Deserialize)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) webhook: String,
    at: i64,
    status: String,
    status_code: Option<u16>,
    pub(super) attempts: Vec<Value>,
}

impl Invocation {
    pub(super) fn status(&self) -> &str {
        &self.status
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id, "webhook_id": self.webhook, "status": self.status, "status_code": self.status_code,
            "created_at": text::seconds(self.at), "latest_completed_at": self.attempts.last().map(|one| &one["completed_at"]),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Delivery {
    webhook: String,
    invocation: String,
    body: Vec<u8>,
    due: i64,
    /// Breaks ties of time; random where a fault shuffles.
    place: u64,
    /// What is on its way when it is written down waits again: nobody will know of an answer to it.
    #[serde(skip)]
    in_flight: bool,
    conflicts: u32,
    told_to_wait: u32,
    timeouts: u32,
}

impl Hooks {
    const CONFLICTS: u32 = 3;
    const TIMEOUTS: u32 = 5;
    /// How often a short `Retry-After` is obeyed is not documented.
    const WAITS: u32 = 5;
    /// Only a `Retry-After` below this, in seconds, is obeyed.
    const LONGEST_WAIT: u64 = 60;
    /// The pause before another attempt is not documented.
    const PAUSE: i64 = 1_000;

    /// How many invocations are remembered.
    const REMEMBERED: usize = 500;

    pub(super) fn new(faults: Faults, random: fastrand::Rng) -> Self {
        let (webhooks, invocations) = (BTreeMap::new(), VecDeque::new());
        Hooks { faults, webhooks, invocations, random, waiting: BTreeMap::new(), next: 1 }
    }

    /// The webhook that the sandbox's bridge has.
    pub(super) fn first(&mut self, id: &str, options: &Options, by: i64, now: i64) {
        let fields = json!({
            "id": id, "name": "Sidethread", "description": "", "endpoint": here(options, &options.webhook_path),
            "http_method": "POST", "request_format": "json", "status": "active",
            "subscriptions": ["conditional_ticket_events"], "created_by": by.to_string(),
            "created_at": text::seconds(now), "updated_at": text::seconds(now),
        });
        if let Value::Object(fields) = fields {
            self.webhooks.insert(id.to_owned(), Webhook { fields, secret: options.webhook_secret.clone() });
        }
    }

    pub(super) fn knows(&self, webhook: &str) -> bool {
        self.webhooks.contains_key(webhook)
    }

    /// A trigger calls a webhook with this body.
    pub(super) fn fire(&mut self, webhook: &str, body: String, now: i64) {
        let active = self.webhooks.get(webhook).is_some_and(|one| one.fields["status"] == "active");
        if !active {
            return;
        }
        let strike = |concerns: fn(&Fault) -> bool| self.faults.strike("events", concerns);
        if strike(|fault| matches!(fault, Fault::EventsNever)).is_some() {
            return;
        }
        let late = match strike(|fault| matches!(fault, Fault::EventsLate { .. })) {
            Some(Fault::EventsLate { secs }) => i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000),
            _ => 0,
        };
        let times = 1 + usize::from(strike(|fault| matches!(fault, Fault::EventsTwice)).is_some());
        let shuffled = strike(|fault| matches!(fault, Fault::EventsShuffled)).is_some();
        let invocation = text::ulid(now, &mut self.random);
        if self.invocations.len() == Self::REMEMBERED {
            self.invocations.pop_front();
        }
        self.invocations.push_back(Invocation {
            id: invocation.clone(),
            webhook: webhook.to_owned(),
            at: now,
            status: "scheduled".to_owned(),
            status_code: None,
            attempts: Vec::new(),
        });
        for _ in 0..times {
            let id = self.next_id();
            let delivery = Delivery {
                webhook: webhook.to_owned(),
                invocation: invocation.clone(),
                body: body.clone().into_bytes(),
                due: now.saturating_add(late),
                place: if shuffled { self.random.u64(id.saturating_sub(8)..id + 8) } else { id },
                in_flight: false,
                conflicts: 0,
                told_to_wait: 0,
                timeouts: 0,
            };
            self.waiting.insert(id, delivery);
        }
    }

    /// A number that no delivery has had.
    pub(super) fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn take_due(&mut self, options: &Options, now: i64) -> Vec<Parcel> {
        let is_due = |delivery: &Delivery| !delivery.in_flight && delivery.due <= now;
        let mut due: Vec<(u64, i64, u64)> = self
            .waiting
            .iter()
            .filter(|(_, delivery)| is_due(delivery))
            .map(|(id, delivery)| (delivery.place, delivery.due, *id))
            .collect();
        // A shuffled delivery goes anywhere among those that are due.
        due.sort_unstable();
        let parcels = due.into_iter().filter_map(|(_, _, id)| match self.parcel(id, options, now) {
            Some(parcel) => Some(parcel),
            None => {
                self.end(id, now, "failed", None, json!({"error": NOT_SENT}));
                None
            }
        });
        parcels.collect()
    }

    /// One delivery, signed; none if its webhook is gone, leads elsewhere or is no post.
    fn parcel(&mut self, id: u64, options: &Options, now: i64) -> Option<Parcel> {
        let delivery = self.waiting.get_mut(&id)?;
        let webhook = self.webhooks.get(&delivery.webhook)?;
        let path = path_here(&webhook.fields, options)?;
        delivery.in_flight = true;
        let signed = Signed {
            webhook: delivery.webhook.clone(),
            invocation: delivery.invocation.clone(),
            secret: webhook.secret.clone(),
            body: delivery.body.clone(),
            more: own_headers(&webhook.fields),
        };
        Some(signed.parcel(id, path, options, now))
    }

    /// Writes an attempt down.
    fn note(&mut self, id: u64, now: i64, status: &str, status_code: Option<u16>, response: Value) {
        let Some(delivery) = self.waiting.get(&id) else { return };
        let payload = String::from_utf8_lossy(&delivery.body).into_owned();
        let found = self.invocations.iter_mut().rev().find(|one| one.id == delivery.invocation);
        let Some(invocation) = found else { return };
        invocation.status = status.to_owned();
        invocation.status_code = status_code;
        invocation.attempts.push(json!({
            "id": format!("{}-{}", invocation.id, invocation.attempts.len() + 1), "invocation_id": invocation.id,
            "status": status, "status_code": status_code, "completed_at": text::seconds(now),
            "request": {"payload": payload}, "response": response,
        }));
    }

    fn end(&mut self, id: u64, now: i64, status: &str, status_code: Option<u16>, response: Value) {
        self.note(id, now, status, status_code, response);
        self.waiting.remove(&id);
    }

    /// 409 is tried again up to three times, a time-out up to five; 429 and 503 only with a short
    /// `Retry-After`; nothing else.
    pub(super) fn settle(&mut self, id: u64, receipt: &Receipt, now: i64) {
        let Some(delivery) = self.waiting.get_mut(&id) else { return };
        let (count, most, pause) = match receipt {
            Receipt::Failed => (&mut delivery.timeouts, Self::TIMEOUTS, Self::PAUSE),
            Receipt::Answered { status: 409, .. } => (&mut delivery.conflicts, Self::CONFLICTS, Self::PAUSE),
            Receipt::Answered { status: 429 | 503, retry_after: Some(wait), .. } if *wait < Self::LONGEST_WAIT => {
                (&mut delivery.told_to_wait, Self::WAITS, *wait as i64 * 1000)
            }
            Receipt::Answered { .. } => (&mut delivery.timeouts, 0, 0),
        };
        let again = *count < most;
        if again {
            *count += 1;
            delivery.in_flight = false;
            delivery.due = now.saturating_add(pause);
        }
        let (status, status_code, response) = match receipt {
            Receipt::Failed => ("failed", None, json!({"error": "timeout"})),
            Receipt::Answered { status: code @ 200..=299, .. } => ("success", Some(*code), json!({})),
            Receipt::Answered { status: code, body, .. } => {
                ("failed", Some(*code), json!({"payload": String::from_utf8_lossy(body)}))
            }
        };
        match again {
            true => self.note(id, now, "retrying", status_code, response),
            false => self.end(id, now, status, status_code, response),
        }
    }

    /// Whatever waits falls due earlier by this much.
    pub(super) fn age(&mut self, ms: i64) {
        self.waiting.values_mut().for_each(|delivery| delivery.due = delivery.due.saturating_sub(ms));
    }

    /// How many wait or are on their way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn next_due(&self) -> Option<i64> {
        self.waiting.values().filter(|delivery| !delivery.in_flight).map(|delivery| delivery.due).min()
    }
}
