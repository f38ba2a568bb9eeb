//! `POST webhooks/test`: one signed request to where a webhook leads, and what it was answered.
//!
//! What was recorded from Zendesk asks with `request` and answers with `response`; a description by others, with
//! `webhook` and `test`, is not followed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::answer::{Answer, Ask, Outcome};
use super::hooks::{self, Signed};
use super::options::Options;
use super::triggers::admins;
use super::webhooks;
use super::world::World;
use crate::post::{Parcel, Receipt};

/// Signs the trial of a webhook that is not there yet; it is the same in every account.
const SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
const LARGEST_PAYLOAD: usize = 256 << 10;

/// The trials that wait to be sent or to be answered; nobody waits any more once the process has ended.
#[derive(Default)]
pub(super) struct Trials {
    waiting: BTreeMap<u64, Trial>,
    /// Of the call that is being answered: where the answer to its request will arrive.
    pub(super) asked: Option<oneshot::Receiver<Receipt>>,
}

struct Trial {
    path: String,
    signed: Signed,
    due: i64,
    sent: bool,
    told: oneshot::Sender<Receipt>,
}

/// Its answer is made of the request's answer, when that has come.
pub(super) fn test(world: &mut World, ask: &Ask) -> Outcome {
    admins(world, ask)?;
    let asked = ask.json()?;
    let asked =
        asked.get("request").and_then(Value::as_object).ok_or_else(|| webhooks::invalid("request is required"))?;
    let known = match ask.query("webhook_id") {
        Some(id) => Some(world.hooks.webhooks.get(id).ok_or_else(webhooks::not_found)?),
        None => None,
    };
    let mut fields = known.map(|hook| hook.fields.clone()).unwrap_or_default();
    let authentication = authentication(asked.get("authentication"), fields.get("authentication"));
    for name in ["endpoint", "http_method", "request_format", "custom_headers"] {
        if let Some(value) = asked.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    fields.insert("authentication".to_owned(), authentication);
    for (name, usual) in [("name", "Test"), ("http_method", "POST"), ("request_format", "json"), ("status", "active")] {
        fields.entry(name).or_insert_with(|| usual.into());
    }
    let fields = webhooks::checked(&Map::from_iter([("webhook".to_owned(), fields.into())]), &Map::new())?;
    let payload = asked.get("payload").and_then(Value::as_str).unwrap_or_default();
    if payload.len() >= LARGEST_PAYLOAD {
        return Err(webhooks::invalid("payload is too large"));
    }
    let signed = Signed {
        webhook: ask.query("webhook_id").unwrap_or_default().to_owned(),
        invocation: super::text::ulid(ask.now, &mut world.random),
        secret: known.map_or_else(|| SECRET.to_owned(), |hook| hook.secret.clone()),
        body: payload.as_bytes().to_vec(),
        more: hooks::own_headers(&fields),
    };
    let path = hooks::path_here(&fields, &world.options).ok_or_else(|| webhooks::invalid(hooks::NOT_SENT))?;
    let (told, telling) = oneshot::channel();
    let id = world.hooks.next_id();
    world.trials.waiting.insert(id, Trial { path, signed, due: ask.now, sent: false, told });
    world.trials.asked = Some(telling);
    Ok(Answer::ok(Value::Null))
}

/// What the call is answered once its request was: undocumented where there was no answer.
pub(super) fn answered(receipt: Option<&Receipt>) -> Answer {
    let Some(Receipt::Answered { status, body, .. }) = receipt else {
        return webhooks::invalid("the endpoint did not answer");
    };
    let payload = String::from_utf8_lossy(body).into_owned();
    let headers = json!([{"key": "Content-Length", "value": body.len().to_string()}]);
    Answer::ok(json!({"response": {"status_code": status, "headers": headers, "payload": payload}}))
}

impl Trials {
    pub(super) fn take_due(&mut self, options: &Options, now: i64) -> Vec<Parcel> {
        let due = self.waiting.iter_mut().filter(|(_, trial)| !trial.sent && trial.due <= now);
        due.map(|(id, trial)| {
            trial.sent = true;
            trial.signed.parcel(*id, trial.path.clone(), options, now)
        })
        .collect()
    }

    /// Whether it was one of these.
    pub(super) fn settle(&mut self, id: u64, receipt: &Receipt) -> bool {
        let Some(trial) = self.waiting.remove(&id) else { return false };
        // Whoever asked may have gone.
        let _ = trial.told.send(receipt.clone());
        true
    }

    pub(super) fn next_due(&self) -> Option<i64> {
        self.waiting.values().filter(|trial| !trial.sent).map(|trial| trial.due).min()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// What is given, completed from what is known where both are of one kind and go to one place.
fn authentication(given: Option<&Value>, known: Option<&Value>) -> Value {
    let (Some(given), Some(known)) = (given, known) else {
        return given.or(known).cloned().unwrap_or_default();
    };
    let mut whole = given.clone();
    if ["type", "add_position"].iter().all(|name| given[name] == known[name])
        && let (Some(given), Some(known)) = (given["data"].as_object(), known["data"].as_object())
    {
        let data = known.iter().chain(given).map(|(name, value)| (name.clone(), value.clone()));
        whole["data"] = Value::Object(data.collect());
    }
    whole
}
