//! A trace as text: a message a paragraph, a step a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::bridge::event::Wish;
use crate::bridge::ids::Ts;
use crate::bridge::{BridgedThread, Effect, Event, What, notice};
use crate::cli::words::{act, clean, indented, plain, time, words_of};
use crate::store::{TracedAttempt, TracedCall, TracedEvent, TracedThread};

/// What is known of one thread.
pub(super) struct Story<'a> {
    pub thread: &'a TracedThread,
    pub events: Vec<TracedEvent>,
    pub held: Vec<TracedEvent>,
    pub calls: Vec<TracedCall>,
    pub attempts: Vec<TracedAttempt>,
    /// The `ts` of the one message that is asked for.
    pub single: Option<&'a str>,
    pub text: bool,
    pub now_ms: i64,
}

/// A message, or what the app does for a thread by itself.
#[derive(Default)]
struct Told {
    title: String,
    at: i64,
    words: Option<String>,
    steps: Vec<(i64, String)>,
}

impl Story<'_> {
    pub(super) fn told(self) -> String {
        let mut out = self.head();
        let mut messages: Vec<Told> = Vec::new();
        // An effect's id names its cause.
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        // An entry that a call of ours made is that call's result, and no message of its own.
        let made: BTreeSet<&str> = self.calls.iter().filter_map(|call| call.result.as_deref()).collect();
        for event in self.events.iter().filter(|event| !made.contains(event.key.as_str())) {
            let (name, told) = message(event);
            by_name.insert(name, messages.len());
            messages.push(told);
        }
        let of: Option<BridgedThread> = serde_json::from_str(&self.thread.thread_json).ok();
        let card_entry = of.as_ref().and_then(|thread| thread.card_entry.as_ref());
        let mut rest = Told { title: "For the thread as a whole".to_owned(), at: i64::MIN, ..Told::default() };
        let mut bundles: BTreeMap<i64, usize> = BTreeMap::new();
        for bundle in self.calls.iter().filter_map(|call| call.bundle) {
            *bundles.entry(bundle).or_default() += 1;
        }
        for call in &self.calls {
            let of_card = || call.effect_id.starts_with("card") && !call.effect_id.starts_with("card-shows");
            let cause = names_in(&call.effect_id)
                .find_map(|name| by_name.get(name))
                .or_else(|| card_entry.filter(|_| of_card()).and_then(|entry| by_name.get(entry.as_str())));
            match cause {
                Some(at) => self.add_call(&mut messages[*at], call, of.as_ref(), &bundles),
                None => self.add_call(&mut rest, call, of.as_ref(), &bundles),
            }
        }
        if self.single.is_none() && !rest.steps.is_empty() {
            messages.insert(0, rest);
        }
        messages.extend(self.held.iter().map(held_message));
        messages.sort_by_key(|message| message.at);
        if messages.is_empty() {
            out.push_str(match self.single {
                Some(_) => {
                    "\nNothing of this message is stored. Slack has not told of it, or it is of a kind that is not carried (an app's \
                     message, an edit, a notice); what was missed is asked for at the next catch-up.\n"
                }
                None => "\nNo message is stored.\n",
            });
        }
        for message in &messages {
            write_told(&mut out, message, self.text);
        }
        out
    }

    fn head(&self) -> String {
        let TracedThread { side_conversation_id, ticket_id, place, state, link, .. } = self.thread;
        let state = if state == "closed" { "done" } else { "open" };
        let place = match (link, place.as_str()) {
            (Some((channel, ts)), _) => format!("thread {ts} in channel {channel}"),
            (None, "older") => "not in Slack: it is older than the bridge".to_owned(),
            (None, "left_alone") => "not in Slack: its recipients name no channel".to_owned(),
            (None, "asked") => "being started from Slack".to_owned(),
            (None, "posting") => "its card is on its way to Slack".to_owned(),
            (None, _) => "its ticket and its channel are being looked up".to_owned(),
        };
        let head =
            format!("Side conversation {side_conversation_id} of ticket {ticket_id}: {state}, {place}. Times are UTC.");
        let mut out = format!("{}\n", clean(&head));
        if self.text
            && let Ok(thread) = serde_json::from_str::<BridgedThread>(&self.thread.thread_json)
        {
            let _ = writeln!(out, "Subject: {}", clean(&thread.subject));
        }
        out
    }

    fn add_call(&self, told: &mut Told, call: &TracedCall, of: Option<&BridgedThread>, bundles: &BTreeMap<i64, usize>) {
        let effect: Option<Effect> = call.effect_json.as_deref().and_then(|json| serde_json::from_str(json).ok());
        let name = act(effect.as_ref(), &call.effect_id);
        let vendor = if call.vendor == "slack" { "Slack" } else { "Zendesk" };
        let mut step = |at: i64, what: String| told.steps.push((at, what));
        step(call.decided_at, format!("decided: {name} (call {}, to {vendor})", call.id));
        let company = call.bundle.map_or_else(String::new, |bundle| {
            let others = bundles.get(&bundle).map_or(0, |all| all - 1);
            let others = if others == 1 { "one other".to_owned() } else { format!("{others} others") };
            format!(" in one call with {others} (bundle {bundle})")
        });
        let mut begun = BTreeSet::new();
        let tries: Vec<&TracedAttempt> = self.attempts.iter().filter(|a| a.outbox_id == call.id).collect();
        for attempt in &tries {
            if call.attempted_at.is_some() && begun.insert(attempt.begun_at) {
                step(attempt.begun_at, format!("{name}: sent{company}"));
            }
            let doubt = if attempt.doubtful { ", it may have been done" } else { "" };
            let times = if attempt.times > 1 {
                format!(" ({} times, last at {})", attempt.times, time(attempt.last_at))
            } else {
                String::new()
            };
            let what = format!(
                "{name}: answered: {}{doubt}{times}; tried again from {}",
                clean(&attempt.problem),
                time(attempt.not_before)
            );
            step(attempt.first_at, what);
        }
        let ended = call.result.as_deref().filter(|_| call.state == "done");
        let not_written = ended.and_then(notice::not_written);
        if let Some(at) = call.attempted_at
            && begun.insert(at)
            && not_written.is_none_or(|_| ended == Some("ticket_closed"))
        {
            let which = if call.attempts > 1 { format!(" (attempt {})", call.attempts) } else { String::new() };
            step(at, format!("{name}: sent{company}{which}"));
        }
        let last = tries.last();
        let found = last.is_some_and(|last| last.doubtful && Some(last.begun_at) == call.attempted_at);
        match (call.state.as_str(), call.settled_at) {
            ("done", Some(at)) => {
                let result = ended.map_or(String::new(), |result| format!(" ({result})"));
                let how = if found { "found to have been done" } else { "answered: done" };
                step(at, format!("{name}: {}", not_written.map_or(format!("{how}{result}"), str::to_owned)));
            }
            ("parked", Some(at)) => {
                let why = clean(call.problem.as_deref().unwrap_or("no reason was stored"));
                step(at, format!("{name}: parked: {why} (sidethread parked show {})", call.id));
            }
            ("dropped", Some(at)) => {
                step(at, format!("{name}: given up: a person wanted that, or its author deleted it"))
            }
            (state, Some(at)) => step(at, format!("{name}: {}", clean(state))),
            (_, None) => {
                let needs = of.zip(effect.as_ref()).filter(|_| !call.doubtful);
                let what = match needs.and_then(|(thread, effect)| thread.waits_for(&effect.act)) {
                    Some(needs) => format!("waits {}", clean(&notice::waits_for(&needs))),
                    None if call.not_before > self.now_ms => format!("waits until {}", time(call.not_before)),
                    None if call.doubtful => "no answer yet".to_owned(),
                    None => "waits for its turn".to_owned(),
                };
                step(i64::MAX, format!("{name}: {what}"));
            }
        }
        if told.words.is_none() {
            told.words = effect.as_ref().and_then(words_of);
        }
    }
}

/// Messages that wait until their thread is linked.
pub(super) fn held(rows: &[TracedEvent], text: bool, now_ms: i64) -> String {
    let mut out = format!(
        "No thread is linked there yet; a card is on its way in this channel. Times are UTC, it is {}.\n",
        time(now_ms)
    );
    for row in rows {
        write_told(&mut out, &held_message(row), text);
    }
    out
}

/// The names that may stand in an effect's id: a `ts`, an entry's id, a press.
pub(super) fn names_in(effect_id: &str) -> impl Iterator<Item = &str> {
    effect_id.split([':', '/']).filter(|part| part.len() > 8)
}

/// A message's name, as effect ids say it, and what is known of it.
fn message(row: &TracedEvent) -> (String, Told) {
    let event: Option<Event> = row.event_json.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let of_key = || row.key.split(':').next().unwrap_or_default().to_owned();
    let (name, at, title, words) = match event.map(|event| event.what) {
        Some(What::SlackMessage(message)) => {
            let words = plain(&message.doc, &message.files);
            (
                message.ts.to_string(),
                Some(message.ts.millis()),
                format!("Slack message {} of {}", message.ts, message.user),
                Some(words),
            )
        }
        Some(What::StartAsked(asked)) => {
            let title = format!("Start of a side conversation asked for by {}", asked.user);
            (row.key.clone(), None, title, Some(plain(&asked.doc, &[])))
        }
        Some(What::Pressed(press)) => {
            let at = press.action_ts.parse::<Ts>().ok().map(|ts| ts.millis());
            let title = format!("Button pressed in Slack by {}", press.user);
            (press.action_ts, at, title, None)
        }
        Some(What::SideConversation(entry)) => {
            let who = entry.actor.user_id.map_or("somebody".to_owned(), |id| format!("user {id}"));
            let words = entry.message.as_ref().map(|message| plain(&message.doc(), &message.files));
            let title = format!("Zendesk entry {} of {who}", entry.id);
            (entry.id.to_string(), Some(entry.created_at_ms), title, words)
        }
        Some(What::Unpark(unpark)) => {
            let wish = match unpark.wish {
                Wish::Retry => "Another try",
                Wish::Drop => "The end",
            };
            let by = unpark.by.map_or("the operator".to_owned(), |user| user.to_string());
            (row.key.clone(), None, format!("{wish} of {} asked for by {by}", unpark.effect), None)
        }
        Some(What::Operator { about, .. }) => (row.key.clone(), None, format!("The operator is told of {about}"), None),
        Some(What::Late(late)) => (row.key.clone(), None, format!("{} has waited too long", late.effect), None),
        Some(What::Unreachable(_)) => (row.key.clone(), None, "The Slack channel takes no posts".to_owned(), None),
        Some(What::CardGone { ts }) => (row.key.clone(), None, format!("The card {ts} is gone"), None),
        Some(What::TicketShown) => (row.key.clone(), None, "The ticket can be reached again".to_owned(), None),
        Some(What::TicketGone { reason, .. }) => {
            (row.key.clone(), None, format!("The ticket is out of reach: {reason}"), None)
        }
        Some(What::MessageDeleted { ts, .. }) => {
            (row.key.clone(), None, format!("The Slack message {ts} was deleted"), None)
        }
        Some(What::TicketChanged { ticket_id, .. }) => {
            (row.key.clone(), None, format!("Ticket {ticket_id} has changed"), None)
        }
        Some(What::TicketClosed(closed)) => {
            (row.key.clone(), None, format!("Ticket {} is closed", closed.ticket_id), None)
        }
        Some(What::MergedInto { source, into }) => (
            row.key.clone(),
            None,
            format!("The operator says that ticket {source} was merged into ticket {into}"),
            None,
        ),
        Some(What::Adopted { ticket_id, side_conversation_id, .. }) => {
            let title = format!("Zendesk goes on in {side_conversation_id} of ticket {ticket_id}");
            (row.key.clone(), None, title, None)
        }
        Some(What::Related { ticket_id, .. }) => {
            (row.key.clone(), None, format!("Ticket {ticket_id} has to do with this one"), None)
        }
        Some(What::ChannelMoved { from, to }) => {
            (row.key.clone(), None, format!("The Slack channel {from} is {to} from here on"), None)
        }
        Some(What::Answered { .. }) | None if row.source == "slack" => {
            let name = of_key();
            let at = name.parse::<Ts>().ok().map(|ts| ts.millis());
            let title = if at.is_some() { format!("Slack message {name}") } else { format!("Slack event {}", row.key) };
            (name, at, title, None)
        }
        Some(What::Answered { .. }) | None => {
            (row.key.clone(), None, format!("Zendesk entry {}", clean(&row.key)), None)
        }
    };
    let mut told = Told { title, at: at.unwrap_or(row.received_at), words, steps: Vec::new() };
    let side = if row.source == "slack" { "Slack" } else { "Zendesk" };
    if let Some(at) = at {
        told.steps.push((at, format!("happened in {side}")));
    }
    told.steps.push((row.received_at, "stored".to_owned()));
    match (row.done_at, &row.ignored) {
        (Some(at), Some(why)) => told.steps.push((at, format!("decided: nothing to do ({})", clean(why)))),
        (Some(_), None) => {}
        (None, _) => told.steps.push((i64::MAX, "not handled yet".to_owned())),
    }
    (name, told)
}

fn held_message(row: &TracedEvent) -> Told {
    let (_, mut told) = message(row);
    told.steps.pop();
    told.steps.push((i64::MAX, "held until the card of its thread stands, ten minutes at most".to_owned()));
    told
}

fn write_told(out: &mut String, told: &Told, text: bool) {
    let _ = writeln!(out, "\n{}", clean(&told.title));
    let mut steps: Vec<&(i64, String)> = told.steps.iter().collect();
    // Steps of one moment keep the order in which they follow from each other.
    steps.sort_by_key(|(at, _)| *at);
    for (at, what) in steps {
        let when = if *at == i64::MAX { format!("{:23}", "now") } else { time(*at) };
        let _ = writeln!(out, "  {when}  {}", clean(what));
    }
    if text && let Some(words) = told.words.as_deref().filter(|words| !words.is_empty()) {
        out.push_str(&indented(words, "    | "));
    }
}
