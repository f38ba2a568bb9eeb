//! A morning at the firm: thirty messages both ways in a minute, the same ones for the same seed.
//!
//! What is written is drawn by the seed; to whom it goes depends on what the bridge has brought over by then, so that
//! a morning also goes on while a fault is on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::Response;
use axum::routing::post;
use serde::Deserialize;
use serde_json::Value;

use super::{Desktop, Named};
use crate::Sandbox;

/// How many messages a morning has.
const MESSAGES: usize = 30;
/// How many of the tickets that people made a morning is about.
const MADE: usize = 50;
const PAUSE: Duration = Duration::from_secs(2);

/// The morning that is played, if one is.
#[derive(Clone, Default)]
pub(super) struct Morning {
    /// How many of its messages are played.
    played: Arc<AtomicUsize>,
    /// Odd while one is played; a morning whose number this no longer is ends.
    run: Arc<AtomicU64>,
}

impl Morning {
    /// How many messages are played of how many, while one is.
    pub(super) fn stands(&self) -> Option<(usize, usize)> {
        let played = self.played.load(Ordering::SeqCst);
        (self.run.load(Ordering::SeqCst) % 2 == 1).then_some((played, MESSAGES))
    }

    /// Begins one, unless one is played; its number.
    fn begin(&self) -> Option<u64> {
        let run = self.run.load(Ordering::SeqCst);
        let begun = run.is_multiple_of(2)
            && self.run.compare_exchange(run, run + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        begun.then(|| {
            self.played.store(0, Ordering::SeqCst);
            run + 1
        })
    }

    /// Ends the one that is played, if one is.
    fn end(&self) {
        self.end_this(self.run.load(Ordering::SeqCst));
    }

    /// Ends this one, unless it has ended.
    fn end_this(&self, run: u64) {
        if run % 2 == 1 {
            let _ = self.run.compare_exchange(run, run + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/morning", post(decide))
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    named: Named,
    /// The seed; without it, one is drawn.
    #[serde(default)]
    seed: String,
    /// How many milliseconds lie between two messages; without it, two seconds.
    #[serde(default)]
    pause_ms: String,
}

async fn decide(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.named.asked);
    let morning = &desktop.morning;
    match filled.named.what.as_str() {
        "play" if tickets(&desktop.sandbox).is_empty() => {
            let why = "There is no ticket yet that anybody could ask about. Make one at the desk, under “New ticket”.";
            return desktop.back(&place, Err(why.to_owned())).await;
        }
        "play" => {
            if let Some(run) = morning.begin() {
                let seed = filled.seed.parse().unwrap_or_else(|_| fastrand::u64(..));
                let pause = filled.pause_ms.parse().map_or(PAUSE, Duration::from_millis);
                tokio::spawn(play(desktop.clone(), run, seed, pause));
            }
        }
        "stop" => morning.end(),
        _ => {}
    }
    desktop.changes.tell();
    desktop.back(&place, Ok("bridge".to_owned())).await
}

async fn play(desktop: Desktop, run: u64, seed: u64, pause: Duration) {
    let mut random = fastrand::Rng::with_seed(seed);
    let morning = &desktop.morning;
    for at in 0..MESSAGES {
        if morning.run.load(Ordering::SeqCst) != run {
            return;
        }
        act(&desktop.sandbox, &mut random, at);
        morning.played.store(at + 1, Ordering::SeqCst);
        desktop.changes.tell();
        tokio::time::sleep(pause).await;
    }
    morning.end_this(run);
    desktop.changes.tell();
}

/// What agents ask, and where.
const QUESTIONS: [(&str, &str, &str); 8] = [
    ("logistics", "Where is this parcel?", "Hello, the tracking has not moved since Friday. Can somebody look?"),
    ("support-engineering", "Webhooks silent", "The shop says order.shipped has stopped coming. Is that us?"),
    ("billing", "Charged twice", "The customer was charged twice. May I refund the second one?"),
    ("support-engineering", "App shows a white page", "Android 14, after the update. Happens on two phones here."),
    ("logistics", "Wrong label", "The label says Kraków, the customer lives in Porto. Can we turn it around?"),
    ("oncall", "Checkout slow?", "Three customers say that paying takes a minute. Is something going on?"),
    ("billing", "Invoice in another name", "Can the invoice of this order still be changed?"),
    ("support-engineering", "Export is empty", "The CSV has a header and no lines since this morning."),
];
const ANSWERS: [&str; 12] = [
    "Looking.",
    "Can you send me the *order number*?",
    "That was the last deploy, a fix is on its way :hourglass_flowing_sand:",
    "Yes, go ahead. Please write the amount on the ticket.",
    "It is in Lyon, it goes out tonight.",
    "Known, see `ENG-2291`. About an hour.",
    "Je regarde tout de suite.",
    "We have it on the scanner now: <https://track.example/AC-77120|tracking>",
    "Not on our side. Ask them for the time of the last call?",
    "Fixed. Can the customer try again?",
    "Two more of these came in today, so it is not only them.",
    "Done, they should get a mail within five minutes.",
];
const REPLIES: [&str; 8] = [
    "Thank you! I will tell the customer.",
    "It is AC-77120-PT.",
    "The customer asks whether it will come before Saturday.",
    "Great, that was quick.",
    "They tried again and it works.",
    "One more question: does this also concern orders of last week?",
    "They sent a photo, I have put it on the ticket.",
    "Understood, I wait.",
];

fn act(sandbox: &Sandbox, random: &mut fastrand::Rng, at: usize) {
    let (ask, answer, done) = (random.u8(..100), random.u8(..100), random.u8(..100));
    let begins = at < 3 || ask < 20;
    if begins
        || !(if answer < 62 { answer_in_slack(sandbox, random) } else { reply_at_the_desk(sandbox, random, done < 25) })
    {
        begin(sandbox, random);
    }
}

/// The firm's first tickets; where it began with none, those that people made.
fn tickets(sandbox: &Sandbox) -> Vec<i64> {
    if !sandbox.world.tickets.is_empty() {
        return sandbox.world.tickets.clone();
    }
    let mut made: Vec<i64> =
        sandbox.zendesk.desk_list("", 0, MADE).1.iter().filter_map(|one| one["id"].as_i64()).collect();
    made.sort_unstable();
    made
}

fn begin(sandbox: &Sandbox, random: &mut fastrand::Rng) {
    let Some((channel, subject, words)) = random.choice(QUESTIONS) else { return };
    let (Some(ticket), Some((agent, _))) =
        (random.choice(&tickets(sandbox)).copied(), random.choice(&sandbox.world.agents))
    else {
        return;
    };
    let (to, of) = (sandbox.address_of(channel), [agent.to_string(), ticket.to_string()]);
    let form = [("agent", of[0].as_str()), ("ticket", &of[1]), ("to", &to), ("subject", subject), ("message", words)];
    sandbox.acted("/sandbox/zendesk/start", &form);
    // A ticket that is closed or deleted by now takes none, and the morning goes on.
    let _ = sandbox.zendesk.desk_start(*agent, ticket, &[&to], subject, words);
}

/// Somebody answers in one of the app's latest threads; false if there is none, or nobody in its channel who may.
fn answer_in_slack(sandbox: &Sandbox, random: &mut fastrand::Rng) -> bool {
    let bot = &sandbox.slack.options().bot_id;
    let mut threads: Vec<(&str, String)> = Vec::new();
    for channel in &sandbox.world.channels {
        let seen = sandbox.slack.threads_until(&channel.id, None, 6, 0).threads;
        let own = seen.iter().filter(|thread| thread.root["bot_id"] == bot.as_str());
        threads.extend(own.filter_map(|thread| Some((channel.id.as_str(), thread.root["ts"].as_str()?.to_owned()))));
    }
    let Some((channel, ts)) = random.choice(&threads) else { return false };
    let channels = sandbox.slack.channels();
    let members = channels.iter().find(|one| one["id"] == *channel).and_then(|one| one["members"].as_array());
    let members: Vec<&str> = members.into_iter().flatten().filter_map(Value::as_str).collect();
    let people: Vec<&str> =
        sandbox.world.people.iter().map(|one| one.id.as_str()).filter(|id| members.contains(id)).collect();
    let (Some(person), Some(words)) = (random.choice(&people), random.choice(ANSWERS)) else { return false };
    let form = [("person", *person), ("channel", channel), ("thread_ts", ts), ("text", words)];
    sandbox.acted("/sandbox/slack/say", &form);
    sandbox.slack.say(person, channel, Some(ts), words).is_ok()
}

/// An agent replies in one of the open side conversations with a channel, or marks it as done; false if there is none.
fn reply_at_the_desk(sandbox: &Sandbox, random: &mut fastrand::Rng, done: bool) -> bool {
    let domain = format!("@{}", sandbox.credentials().channel_domain);
    let of_channels = |side: &Value| {
        let with = side["participants"].as_array().into_iter().flatten();
        side["state"] == "open" && with.filter_map(|one| one["email"].as_str()).any(|email| email.ends_with(&domain))
    };
    let all = tickets(sandbox).into_iter().flat_map(|ticket| sandbox.zendesk.side_conversations(ticket));
    let sides: Vec<String> =
        all.filter(of_channels).filter_map(|side| side["id"].as_str().map(str::to_owned)).collect();
    let (Some(side), Some((agent, _))) = (random.choice(&sides), random.choice(&sandbox.world.agents)) else {
        return false;
    };
    let by = agent.to_string();
    let form = [("agent", by.as_str()), ("side_conversation", side)];
    if done && sides.len() > 2 {
        sandbox.acted("/sandbox/zendesk/state", &[form[0], form[1], ("state", "closed")]);
        return !sandbox.zendesk.set_state(*agent, side, "closed").is_empty();
    }
    let Some(words) = random.choice(REPLIES) else { return false };
    sandbox.acted("/sandbox/zendesk/reply", &[form[0], form[1], ("message", words)]);
    sandbox.zendesk.desk_reply(*agent, side, words).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_morning_is_played_at_a_time() {
        let morning = Morning::default();
        for round in 0..200 {
            let all_there = std::sync::Barrier::new(4);
            let begun: usize = std::thread::scope(|scope| {
                let begin = || {
                    all_there.wait();
                    usize::from(morning.begin().is_some())
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(begin)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
            });
            assert_eq!((begun, morning.stands()), (1, Some((0, MESSAGES))), "round {round}");
            std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| morning.end()))));
            assert_eq!(morning.stands(), None);
        }
    }
}
