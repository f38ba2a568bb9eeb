//! The trigger's webhook: what is sent to the bridge, signed, and how it is tried again.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::options::Options;
use super::text;
use crate::sandbox::faults::{Fault, Faults};
use crate::sandbox::post::{Parcel, Receipt};

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

/// The deliveries that wait for their turn or for their answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Hooks {
    #[serde(skip)]
    pub(super) faults: Faults,
    webhook_id: String,
    #[serde(with = "crate::sandbox::kept::random")]
    random: fastrand::Rng,
    waiting: BTreeMap<u64, Delivery>,
    next: u64,
}

#[derive(Serialize, Deserialize)]
struct Delivery {
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

    pub(super) fn new(faults: Faults, webhook_id: String, random: fastrand::Rng) -> Self {
        Hooks { faults, webhook_id, random, waiting: BTreeMap::new(), next: 1 }
    }

    /// The trigger fired for a ticket.
    pub(super) fn fire(&mut self, ticket: i64, now: i64) {
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
        for _ in 0..times {
            let id = self.next;
            self.next += 1;
            let delivery = Delivery {
                invocation: invocation.clone(),
                body: format!("{{\n  \"ticket_id\": \"{ticket}\"\n}}\n").into_bytes(),
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

    pub(super) fn take_due(&mut self, options: &Options, now: i64) -> Vec<Parcel> {
        let mut due: Vec<(u64, &mut Delivery)> = self
            .waiting
            .iter_mut()
            .filter(|(_, delivery)| !delivery.in_flight && delivery.due <= now)
            .map(|(id, delivery)| (*id, delivery))
            .collect();
        // A shuffled delivery goes anywhere among those that are due.
        due.sort_by_key(|(_, delivery)| (delivery.place, delivery.due));
        let timestamp = text::seconds(now);
        due.into_iter()
            .map(|(id, delivery)| {
                delivery.in_flight = true;
                let headers = [
                    ("X-Zendesk-Account-Id", options.account_id.to_string()),
                    ("X-Zendesk-Webhook-Id", self.webhook_id.clone()),
                    ("X-Zendesk-Webhook-Invocation-Id", delivery.invocation.clone()),
                    ("X-Zendesk-Webhook-Signature", sign(&options.webhook_secret, &timestamp, &delivery.body)),
                    ("X-Zendesk-Webhook-Signature-Timestamp", timestamp.clone()),
                    ("Content-Type", "application/json; charset=utf-8".to_owned()),
                    ("User-Agent", "Zendesk Webhook".to_owned()),
                ];
                Parcel {
                    id,
                    path: options.webhook_path.clone(),
                    headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                    body: delivery.body.clone(),
                }
            })
            .collect()
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
            Receipt::Answered { .. } => {
                self.waiting.remove(&id);
                return;
            }
        };
        if *count >= most {
            self.waiting.remove(&id);
            return;
        }
        *count += 1;
        delivery.in_flight = false;
        delivery.due = now.saturating_add(pause);
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
