//! A day of a firm with 500 agents: 24 simulated hours on the fakes, which keep the vendors' real limits. The real app
//! runs in one process with them, and time is what a clock says that is moved by hand.
//!
//! ```text
//! cargo bench --bench day
//! AGENTS=100 cargo bench --bench day
//! ```
//!
//! The distribution: each agent starts 4 side conversations a day, most of them between 9 and 12 and between 14 and 17
//! o'clock ([`HOURS`]), each on a ticket of its own, to one of 25 channels; three channels take half of them. The first
//! answer in Slack comes after a median of 4 minutes, and each further message after a median of 2.5 minutes, both with a
//! long tail (log-normal, sigma 1). After each message the talk goes on with a probability of 4 in 5, by turns but for one
//! message in four, which the same side adds. One message in ten is long. In the end somebody marks it as done, by the
//! button or in Zendesk. The vendors answer at once, so what a message waits is what the app and the limits make it wait.
//!
//! The memory of the app is what is given back when it is dropped, after the day and before it: what it allocates in Rust,
//! without SQLite's own page cache and code, which do not grow with a day.

#[allow(dead_code)]
#[path = "../tests/it/house.rs"]
mod house;

use std::alloc::System;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use house::{House, START_MS, Setup};
use sidethread::engine::clock::Clock;
use sidethread::sandbox::post::Sender;
use sidethread::sandbox::slack::ChannelSpec;
use sidethread::sandbox::zendesk::TicketSpec;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Of a hundred side conversations of a day, how many begin in which hour.
const HOURS: [u32; 24] = [0, 0, 0, 0, 0, 0, 0, 2, 6, 11, 13, 12, 7, 7, 11, 12, 10, 6, 2, 1, 0, 0, 0, 0];
const A_DAY: usize = 4;
const CHANNELS: usize = 25;
const HOUR_MS: i64 = 3600 * 1000;
/// The longest step of the clock: as the feed is asked every 20 seconds and waiting words are looked at every 10.
const STEP_MS: i64 = 5000;
const LONG: &str = "The scanner at gate 4 shows the parcel as loaded, but the driver signed for one pallet less than is on \
    the list, so it must still be on the ramp or it went with the evening tour to the hub; I have asked both and will \
    write as soon as one of them has looked. ";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Side {
    Slack,
    Zendesk,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Ask(usize),
    Say(usize, Side),
    Done(usize, Side),
}

struct Talk {
    id: String,
    place: Option<(String, String)>,
}

struct Day {
    house: House,
    random: fastrand::Rng,
    channels: Vec<(String, String)>,
    talks: Vec<Talk>,
    due: BinaryHeap<Reverse<(i64, Act)>>,
    /// When each message was said, and on which side.
    said: Vec<(i64, Side)>,
    calls: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure())
}

async fn measure() -> ExitCode {
    let agents: usize = std::env::var("AGENTS").map_or(500, |text| text.parse().expect("AGENTS is a number"));
    let mut day = Day::new(agents).await;
    let (fresh, size) = (day.held().await, day.size().await);
    let begun = Instant::now();
    day.pass().await;
    let took = begun.elapsed();
    let arrived = day.arrived();

    let messages = day.said.len();
    println!(
        "{agents} agents, {} side conversations, {messages} messages, in {:.0} s",
        day.talks.len(),
        took.as_secs_f64()
    );
    let mut lost = 0;
    for (side, name) in [(Side::Zendesk, "from Zendesk to Slack"), (Side::Slack, "from Slack to Zendesk")] {
        let said = day.said.iter().enumerate().filter(|(_, (_, of))| *of == side);
        // Slack's fake counts the time of a message in whole seconds.
        let waits = said.map(|(n, (at, _))| arrived.get(&(n, side)).map(|arrived| (arrived - at).max(0)));
        let (mut waits, missing): (Vec<_>, Vec<_>) = waits.partition(Option::is_some);
        waits.sort_unstable();
        lost += missing.len();
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].unwrap_or_default() as f64 / 1000.0;
        println!(
            "{name}: {} messages, waited {:.1} s (median), {:.1} s (95 %), {:.1} s (99 %), {:.1} s (all)",
            waits.len(),
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0)
        );
    }
    for vendor in ["slack", "zendesk"] {
        let of = day.calls.iter().filter(|(name, _)| name.starts_with(vendor));
        let all: u64 = of.clone().map(|(_, count)| count).sum();
        println!("calls to {vendor}: {all}, {:.2} a message", all as f64 / messages as f64);
        let mut most: Vec<_> = of.collect();
        most.sort_by_key(|(_, count)| Reverse(**count));
        for (name, count) in most.into_iter().take(6) {
            println!("  {count:>7} {}", &name[vendor.len() + 1..]);
        }
    }
    day.house.ends_quietly().await;
    let held = day.held().await;
    let size = day.size().await.saturating_sub(size);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("database: {:.1} MiB more, {:.2} KiB a message", mib(size), size as f64 / 1024.0 / messages as f64);
    println!("the app's memory: {:.1} MiB before the day, {:.1} MiB after it", mib(fresh), mib(held));
    println!("{lost} lost");
    if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Day {
    async fn new(agents: usize) -> Day {
        let house = House::with(Setup { limits: true, ..Setup::default() }).await;
        let members = vec![house.ana.clone(), house.ben.clone()];
        let channels = (0..CHANNELS)
            .map(|n| {
                let name = format!("team-{n}");
                let spec = ChannelSpec { name: name.clone(), members: members.clone(), ..Default::default() };
                (name, house.slack.add_channel(spec))
            })
            .collect();
        let mut random = fastrand::Rng::with_seed(1);
        // The clock begins in the morning; the day at midnight.
        let midnight = START_MS.div_euclid(24 * HOUR_MS) * 24 * HOUR_MS + 24 * HOUR_MS;
        house.clock.advance(Duration::from_millis((midnight - house.clock.now_ms()) as u64));
        house.settle().await;
        let mut due = BinaryHeap::new();
        for n in 0..agents * A_DAY {
            let mut at = random.u32(..HOURS.iter().sum::<u32>());
            let hour = HOURS.iter().position(|share| at.checked_sub(*share).map(|left| at = left).is_none());
            let at = midnight + hour.unwrap_or_default() as i64 * HOUR_MS + random.i64(0..HOUR_MS);
            due.push(Reverse((at, Act::Ask(n))));
        }
        house.slack.clear_calls();
        house.zendesk.clear_calls();
        Day { house, random, channels, talks: Vec::new(), due, said: Vec::new(), calls: BTreeMap::new() }
    }

    async fn pass(&mut self) {
        let end = self.house.clock.now_ms() + 24 * HOUR_MS;
        while self.house.clock.now_ms() < end {
            let now = self.house.clock.now_ms();
            while self.due.peek().is_some_and(|Reverse((at, _))| *at <= now)
                && let Some(Reverse((_, act))) = self.due.pop()
            {
                self.act(act, now);
            }
            while self.house.step().await {}
            self.count();
            let next = self.due.peek().map(|Reverse((at, _))| *at);
            let dues = [self.house.app.engine().and_then(|engine| engine.next_due()), next];
            let dues = dues.into_iter().chain([self.house.slack.next_due(), self.house.zendesk.next_due()]);
            let next = dues.flatten().min().unwrap_or(end).clamp(now + 1, now + STEP_MS);
            self.house.clock.advance(Duration::from_millis((next - now) as u64));
        }
        // What was said last arrives.
        self.due.clear();
        self.house.settle().await;
        self.count();
    }

    fn act(&mut self, act: Act, now: i64) {
        match act {
            Act::Ask(n) => {
                let channel = if self.random.bool() { n % 3 } else { self.random.usize(..CHANNELS) };
                let ticket = self.house.zendesk.add_ticket(TicketSpec {
                    subject: format!("Parcel {n}"),
                    description: "Where is it?".into(),
                    requester_id: self.house.carla,
                    assignee_id: Some(self.house.zoe),
                    status: "open".into(),
                    ..Default::default()
                });
                let to = format!("{}@slack.acme.example", self.channels[channel].0);
                let html = format!("<p>{}</p>", self.words());
                let house = &self.house;
                let id = house.zendesk.start_side_conversation(house.zoe, ticket, &[&to], "Parcel", &html);
                assert!(!id.is_empty(), "Zendesk refused a side conversation");
                self.said.push((now, Side::Zendesk));
                self.talks.push(Talk { id, place: None });
                let at = now + self.soon(240.0);
                self.due.push(Reverse((at, Act::Say(self.talks.len() - 1, Side::Slack))));
            }
            Act::Say(talk, side) => {
                let words = self.words();
                let id = self.talks[talk].id.clone();
                if side == Side::Zendesk {
                    let entry = self.house.zendesk.reply(self.house.yan, &id, &format!("<p>{words}</p>"));
                    assert!(!entry.is_empty(), "Zendesk refused a reply");
                } else {
                    let Some((channel, ts)) = self.place(talk) else {
                        // Nobody answers what is not there yet.
                        self.due.push(Reverse((now + 30_000, act)));
                        return;
                    };
                    let person = if self.random.bool() { &self.house.ana } else { &self.house.ben };
                    self.house.slack.say(person, &channel, Some(&ts), &words).unwrap();
                }
                self.said.push((now, side));
                let other = if side == Side::Slack { Side::Zendesk } else { Side::Slack };
                let next = if self.random.u8(..4) == 0 { side } else { other };
                let goes_on = self.random.u8(..5) > 0;
                let act = if goes_on { Act::Say(talk, next) } else { Act::Done(talk, next) };
                let at = now + self.soon(150.0);
                self.due.push(Reverse((at, act)));
            }
            Act::Done(talk, Side::Zendesk) => {
                let id = self.talks[talk].id.clone();
                self.house.zendesk.set_state(self.house.zoe, &id, "closed");
            }
            Act::Done(talk, Side::Slack) => {
                if let Some((channel, ts)) = self.place(talk) {
                    self.house.slack.press(&self.house.ana, &channel, &ts, "mark_done").unwrap();
                }
            }
        }
    }

    /// The next message: its number, and what people write.
    fn words(&mut self) -> String {
        let long = if self.random.u8(..10) == 0 { 4 } else { 0 };
        let short = self.random.usize(20..LONG.len());
        format!("m{:06}. {}{}", self.said.len(), LONG.repeat(long), &LONG[..short])
    }

    fn place(&mut self, talk: usize) -> Option<(String, String)> {
        let talk = &mut self.talks[talk];
        if talk.place.is_none() {
            talk.place = self.house.find_thread(&talk.id);
        }
        talk.place.clone()
    }

    /// A time in milliseconds around this median in seconds.
    fn soon(&mut self, median: f64) -> i64 {
        let normal: f64 = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
        (median * 1000.0 * normal.exp()) as i64
    }

    fn count(&mut self) {
        for (vendor, calls) in [("slack", self.house.slack.calls()), ("zendesk", self.house.zendesk.calls())] {
            for (name, _) in calls {
                *self.calls.entry(format!("{vendor} {name}")).or_default() += 1;
            }
        }
        self.house.slack.clear_calls();
        self.house.zendesk.clear_calls();
    }

    /// When each message first stood on the other side, in milliseconds.
    fn arrived(&self) -> HashMap<(usize, Side), i64> {
        let mut arrived = HashMap::new();
        let mut note = |text: &str, side: Side, at: i64| {
            for n in text.match_indices('m').filter_map(|(i, _)| text.get(i + 1..i + 7)?.parse::<usize>().ok()) {
                if self.said.get(n).is_some_and(|(_, of)| *of == side) {
                    let first = arrived.entry((n, side)).or_insert(at);
                    *first = at.min(*first);
                }
            }
        };
        for (_, channel) in &self.channels {
            for message in self.house.slack.messages(channel) {
                let ts: f64 = message["ts"].as_str().unwrap_or_default().parse().unwrap_or_default();
                let text = message["text"].as_str().unwrap_or_default();
                let at = (ts * 1000.0) as i64;
                note(&format!("{text} {}", house::texts(&message["blocks"])), Side::Zendesk, at);
            }
        }
        for talk in &self.talks {
            for event in self.house.zendesk.events(&talk.id) {
                let created = event["created_at"].as_str().unwrap_or_default().parse::<jiff::Timestamp>();
                let at = created.map_or(0, |at| at.as_millisecond());
                note(event["message"]["body"].as_str().unwrap_or_default(), Side::Slack, at);
            }
        }
        arrived
    }

    /// What the app holds in memory, in bytes; it is another one after that.
    async fn held(&mut self) -> u64 {
        let allocated = || {
            let stats = ALLOCATED.stats();
            stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
        };
        let with = allocated();
        self.house.leave().await;
        let held = with.saturating_sub(allocated()) as u64;
        self.house.start().await;
        held
    }

    /// A copy of the database, in bytes: of the file itself, much may still stand in the log beside it.
    async fn size(&self) -> u64 {
        std::fs::metadata(self.house.back_up().await).map_or(0, |file| file.len())
    }
}
