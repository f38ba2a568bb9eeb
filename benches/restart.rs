//! A restart while people talk: how long the replies wait that were written while the app was away or just after it is
//! back, and what that costs in calls. The real app runs in one process with the fakes, which keep the vendors' real limits;
//! time is what a clock says that is moved by hand, so what a reply waits is what the app and the limits make it wait.
//!
//! ```text
//! cargo bench --bench restart
//! cargo bench --bench restart -- 30 300
//! cargo bench --profile dev --bench restart -- 30
//! ```
//!
//! For each size there are so many bridged threads over ten channels, each with some talk that was carried over. Then the app
//! is away for a minute, in which somebody writes in each thread and Slack delivers nothing. In every second thread somebody
//! writes once more in the second after the app is ready again, which Slack does deliver. *The least* is what Slack's limit
//! of 50 reads a minute allows: one read a thread.
//!
//! The second part restarts the app while nobody has missed anything: every thread was talked in just before, and somebody
//! writes in each just after.

#[allow(dead_code)]
#[path = "../tests/it/house.rs"]
mod house;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use house::{House, Setup, fault};
use serde_json::json;
use sidethread::engine::clock::Clock;
use sidethread::sandbox::post::Sender;
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::TicketSpec;

const SIZES: [usize; 3] = [30, 100, 300];
const CHANNELS: usize = 10;
/// Slack's tier 3: <https://docs.slack.dev/apis/web-api/rate-limits>
const READS_A_MINUTE: usize = 50;
/// How long all may take, in milliseconds.
const LONGEST_MS: i64 = 30 * 60 * 1000;

struct Talk {
    id: String,
    channel: String,
    ts: String,
    /// What was written in Slack, in its order, and when.
    said: Vec<(String, i64)>,
    /// When each of them was seen in the ticket.
    seen: BTreeMap<String, i64>,
}

struct Firm {
    house: House,
    talks: Vec<Talk>,
}

fn main() -> ExitCode {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut well = true;
    for size in sizes {
        well &= runtime.block_on(measure(size));
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(size: usize) -> bool {
    let begun = Instant::now();
    let mut firm = Firm::new(size).await;
    let least = (size.div_ceil(READS_A_MINUTE) - 1) * 60;
    println!("{size} threads (the least by Slack's limit: {least} s)");
    let missed = firm.restart(true).await;
    let whole = firm.restart(false).await;
    println!("  ({:.0} s of this machine)", begun.elapsed().as_secs_f64());
    missed && whole
}

impl Firm {
    async fn new(size: usize) -> Firm {
        let house = House::with(Setup { limits: true, routes: "order_window_ms = 250", ..Setup::default() }).await;
        let members = vec![house.ana.clone(), house.ben.clone()];
        for n in 0..CHANNELS {
            let (name, members) = (format!("team-{n}"), members.clone());
            house.slack.add_channel(ChannelSpec { name, members, ..Default::default() });
        }
        let mut ids = Vec::new();
        for n in 0..size {
            let ticket = house.zendesk.add_ticket(TicketSpec {
                subject: format!("Parcel {n}"),
                description: "Where is it?".into(),
                requester_id: house.carla,
                assignee_id: Some(house.zoe),
                status: "open".into(),
                ..Default::default()
            });
            let to = format!("team-{}@slack.acme.example", n % CHANNELS);
            let id = house.zendesk.start_side_conversation(house.zoe, ticket, &[&to], "Parcel", "<p>Where is it?</p>");
            assert!(!id.is_empty(), "Zendesk refused a side conversation");
            ids.push(id);
            house.settle().await;
        }
        let talk = |id: String| {
            let (channel, ts) = house.thread(&id);
            Talk { id, channel, ts, said: Vec::new(), seen: BTreeMap::new() }
        };
        let talks = ids.into_iter().map(talk).collect();
        let mut firm = Firm { house, talks };
        firm.say("before", |_| true);
        firm.until_all_arrived().await;
        firm
    }

    /// Somebody writes in these threads.
    fn say(&mut self, text: &str, which: impl Fn(usize) -> bool) {
        let now = self.house.clock.now_ms();
        for (n, talk) in self.talks.iter_mut().enumerate().filter(|(n, _)| which(*n)) {
            let text = format!("{text} {n}");
            self.house.slack.say(&self.house.ana, &talk.channel, Some(&talk.ts), &text).unwrap();
            talk.said.push((text, now));
        }
    }

    /// Restarts the app, with words missed or without, and tells how long what is said then waits.
    async fn restart(&mut self, missed: bool) -> bool {
        // The vendors' limits have recovered, and the threads were compared.
        self.house.pass(Duration::from_secs(1500)).await;
        let size = self.talks.len();
        if missed {
            self.house.leave().await;
            fault(self.house.slack.faults(), json!({"call": "events", "fault": "events_never"}));
            self.say("missed", |_| true);
            self.house.slack.faults().clear();
            self.house.clock.advance(Duration::from_secs(60));
            self.house.start().await;
        } else {
            self.say("heard", |_| true);
            self.until_all_arrived().await;
            self.house.restart().await;
        }
        self.house.slack.clear_calls();
        self.house.zendesk.clear_calls();
        let ready = self.house.clock.now_ms();
        let live = move |n: usize| !missed || n.is_multiple_of(2);
        for tenth in 0..10 {
            let text = if missed { "live" } else { "afterwards" };
            self.say(text, |n| live(n) && n * 10 / size == tenth);
            self.until(self.house.clock.now_ms() + 100).await;
        }
        self.until_all_arrived().await;
        let mut swapped = 0;
        let mut waits: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for talk in &self.talks {
            let order = self.house.answers(&talk.id).join("\n");
            let places: Vec<usize> = talk.said.iter().filter_map(|(text, _)| order.find(text)).collect();
            swapped += places.windows(2).filter(|pair| pair[0] > pair[1]).count();
            for (text, at) in &talk.said {
                let kind = text.split(' ').next().unwrap_or_default();
                let kind = ["missed", "live", "afterwards"].into_iter().find(|known| *known == kind);
                if let (Some(kind), Some(seen)) = (kind, talk.seen.get(text)) {
                    waits.entry(kind).or_default().push(seen - ready.max(*at));
                }
            }
        }
        let lost: usize = self.talks.iter().map(|talk| talk.said.len() - talk.seen.len()).sum();
        for (kind, mut waits) in waits {
            if missed == (kind == "afterwards") {
                continue;
            }
            waits.sort_unstable();
            let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
            println!(
                "  {kind}: {} replies; in the ticket after {:.1} s (first), {:.1} s (median), {:.1} s (last)",
                waits.len(),
                at(0.0),
                at(0.5),
                at(1.0)
            );
        }
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        for (name, _) in self.house.slack.calls().into_iter().chain(self.house.zendesk.calls()) {
            *calls.entry(name).or_default() += 1;
        }
        let mut most: Vec<_> = calls.into_iter().collect();
        most.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
        let most: Vec<String> = most.into_iter().take(6).map(|(name, count)| format!("{count} {name}")).collect();
        println!("  calls: {}; {lost} lost, {swapped} swapped", most.join(", "));
        lost + swapped == 0
    }

    async fn until_all_arrived(&mut self) {
        let end = self.house.clock.now_ms() + LONGEST_MS;
        while self.talks.iter().any(|talk| talk.seen.len() < talk.said.len()) && self.house.clock.now_ms() < end {
            self.until(self.house.clock.now_ms() + 100).await;
        }
    }

    /// Lets time pass, with everything that happens in it.
    async fn until(&mut self, end: i64) {
        loop {
            let mut moved = false;
            while self.house.step().await {
                moved = true;
            }
            if moved {
                self.look();
            }
            let now = self.house.clock.now_ms();
            if now >= end {
                return;
            }
            let engine = self.house.app.engine().and_then(|engine| engine.next_due());
            let dues = [engine, self.house.slack.next_due(), self.house.zendesk.next_due()];
            let next = dues.into_iter().flatten().min().unwrap_or(end).clamp(now + 1, end);
            self.house.clock.advance(Duration::from_millis((next - now) as u64));
        }
    }

    /// Notes which words are in the ticket.
    fn look(&mut self) {
        let now = self.house.clock.now_ms();
        for talk in self.talks.iter_mut().filter(|talk| talk.seen.len() < talk.said.len()) {
            let there = self.house.answers(&talk.id).join("\n");
            for (text, _) in &talk.said {
                if !talk.seen.contains_key(text) && there.lines().any(|line| line.ends_with(text.as_str())) {
                    talk.seen.insert(text.clone(), now);
                }
            }
        }
    }
}
