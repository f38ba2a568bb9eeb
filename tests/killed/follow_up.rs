//! The process is killed at each call that it takes to follow up a closed ticket, while three threads of the ticket are
//! answered ten times each at once: one follow-up is made, and every word is in it once, in order.
//!
//! `cargo test` kills before, after and between the calls that make something. `LONG=1` takes every call in turn, and
//! half an hour.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use sidethread::sandbox::carrier::{self, OverHttp};
use sidethread::sandbox::post::Sender;
use sidethread::sandbox::zendesk::TicketChange;
use tokio_util::sync::CancellationToken;

use crate::loopback::{Firm, fault};
use crate::{Bridge, LAG_SECS, Size, World, now};

const SIZE: Size = Size { messages: 30, threads: 3, channels: 1, kills: 1, patience: Duration::from_secs(120) };
/// How long until all is done, or the call at which to kill has come.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the process dies, as seen from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// The vendor has not heard of it.
    Before,
    /// It is done, and not answered.
    Done,
    /// It is answered; how far the process comes with the answer is open.
    Answered,
}

/// The call.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The first with this method and end of its path.
    First(&'static str, &'static str),
    /// The one with this number, of all calls to both vendors.
    Number(usize),
}

use At::First;
use When::{Answered, Before, Done};

/// The calls that make something: the follow-up with its note, the side conversation on it, the line that tells of both.
const SHORT: [(At, When); 6] = [
    (First("POST", "/tickets"), Before),
    (First("POST", "/tickets"), Done),
    (First("POST", "/side_conversations"), Before),
    (First("POST", "/side_conversations"), Done),
    (First("POST", "/side_conversations"), Answered),
    (First("POST", "/chat.postMessage"), Before),
];

/// Between the process and its vendors: lets every call pass, and kills at one.
#[derive(Clone, Default)]
struct Trap(Arc<Mutex<Set>>);

#[derive(Default)]
struct Set {
    at: Option<(At, When)>,
    calls: usize,
    bridge: Option<Bridge>,
    sprung: Option<String>,
}

impl Trap {
    fn set(&self) -> std::sync::MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self) -> impl Fn(Router) -> Router + use<> {
        let trap = self.clone();
        move |router| router.layer(from_fn_with_state(trap.clone(), pass))
    }

    fn meets(&self, method: &str, path: &str) -> Option<When> {
        let mut set = self.set();
        let (at, when) = set.at?;
        set.calls += 1;
        let meets = match at {
            First(of, end) => of == method && path.trim_end_matches(".json").ends_with(end),
            At::Number(number) => set.calls == number,
        };
        if !meets {
            return None;
        }
        set.at = None;
        set.sprung = Some(format!("{when:?} {method} {path}, call {}", set.calls));
        Some(when)
    }

    fn kill(&self) {
        if let Some(bridge) = &mut self.set().bridge {
            bridge.child.kill().unwrap();
        }
    }
}

async fn pass(State(trap): State<Trap>, request: Request, next: Next) -> Response {
    let met = trap.meets(request.method().as_str(), request.uri().path());
    if met == Some(Before) {
        trap.kill();
        let mut nothing = Response::default();
        *nothing.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return nothing;
    }
    let answer = next.run(request).await;
    match met {
        Some(Answered) => drop(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            trap.kill();
        })),
        Some(_) => trap.kill(),
        None => {}
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_step_of_a_follow_up_it_makes_one_and_loses_and_doubles_nothing() {
    let begun = Instant::now();
    if std::env::var_os("LONG").is_none() {
        let all = SHORT.map(|(at, when)| killed(at, when));
        let sprung = futures_util::future::join_all(all).await;
        assert!(sprung.iter().all(Option::is_some), "a call was never made: {sprung:?}");
        return;
    }
    let (mut number, mut kills) = (0, 0);
    loop {
        let both = [number + 1, number + 2].map(At::Number);
        number += 2;
        let all = both.into_iter().flat_map(|at| [Before, Done, Answered].map(|when| killed(at, when)));
        let sprung: Vec<String> = futures_util::future::join_all(all).await.into_iter().flatten().collect();
        println!("{:.0} s: {sprung:?}", begun.elapsed().as_secs_f64());
        if sprung.is_empty() {
            break;
        }
        kills += sprung.len();
    }
    assert!(number > 20, "all was done after {number} calls");
    println!("{kills} kills: one follow-up each time, no word lost, doubled or out of order");
}

/// Says at which call it was killed; `None` if there was no such call.
async fn killed(at: At, when: When) -> Option<String> {
    let trap = Trap::default();
    let world = World::of(Firm::behind(now(), 1, trap.before()).await, 1, SIZE);
    let firm = &world.firm;
    let stop = CancellationToken::new();
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(firm.slack.clone()), Arc::new(firm.zendesk.clone())];
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let carry = Arc::new(OverHttp::new(client, &format!("http://{}", world.listen)));
    let carrying = tokio::spawn(carrier::run(senders, carry, now(), stop.clone()));

    let mut bridge = world.start();
    world.until_ready(&mut bridge).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let scs = ["Scanner", "Printer", "Lamp"].map(|subject| firm.ask(subject, "<p>Down?</p>"));
    until(&world, "the cards stand", || scs.iter().all(|sc| firm.card(sc).is_some())).await;
    world.until_quiet().await;
    // What a process has read of an open ticket holds for a minute, and a read that lags would show it open still.
    bridge.child.kill().unwrap();
    drop(bridge);
    let closed = TicketChange { status: Some("closed".into()), ..Default::default() };
    assert!(firm.zendesk.set_ticket(firm.ticket, closed));
    tokio::time::sleep(Duration::from_secs(LAG_SECS)).await;
    let mut bridge = world.start();
    world.until_ready(&mut bridge).await;
    for faults in [firm.slack.faults(), firm.zendesk.faults()] {
        fault(faults, json!({"call": "*", "fault": "reads_lag", "secs": LAG_SECS}));
    }

    {
        let mut set = trap.set();
        (set.at, set.bridge) = (Some((at, when)), Some(bridge));
    }
    let words = |n: usize| (0..10).map(move |i| format!("tok{n}{i:03}"));
    for i in 0..10 {
        for (n, sc) in scs.iter().enumerate() {
            let text = words(n).nth(i).unwrap();
            firm.slack.say(&firm.ana, &firm.engineering, firm.card(sc).as_deref(), &text).unwrap();
        }
    }
    let expected: Vec<Vec<String>> = (0..3).map(|n| words(n).collect()).collect();
    let arrived = || {
        let mut there = in_follow_ups(firm);
        there.sort();
        there == expected
    };
    let waited = Instant::now();
    while trap.set().sprung.is_none() && !arrived() {
        let log = || world.said_by_the_bridge();
        assert!(waited.elapsed() < PATIENCE, "{at:?}, {when:?} never comes: {:?}\n{}", firm.zendesk.calls(), log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let sprung = trap.set().sprung.clone();
    let mut bridge = trap.set().bridge.take().unwrap();
    trap.set().at = None;
    if sprung.is_some() {
        bridge.child.kill().unwrap();
        bridge.child.wait().unwrap();
        bridge = world.start();
        world.until_ready(&mut bridge).await;
    }
    until(&world, &format!("{sprung:?}: all words are in one follow-up, in order"), arrived).await;
    // Longer than any read lags, the feed is asked and the threads are read again: time for what would come twice.
    tokio::time::sleep(Duration::from_secs(LAG_SECS + 6)).await;
    world.until_quiet().await;
    stop.cancel();
    carrying.await.unwrap();
    world.ask_to_end(&mut bridge).await;

    assert_eq!(follow_ups(firm).len(), 1, "{sprung:?}: one follow-up is made");
    assert!(arrived(), "{sprung:?}: {:?}", in_follow_ups(firm));
    let bot = &firm.slack.options().bot_user_id;
    for sc in &scs {
        assert_eq!(firm.answers(sc), [""; 0], "{sprung:?}: nothing goes to the closed ticket");
        let thread = firm.slack.thread(&firm.engineering, &firm.card(sc).unwrap());
        let told = thread[1..].iter().filter(|message| message["user"].as_str() == Some(bot.as_str()));
        let told: Vec<&str> = told.filter_map(|message| message["text"].as_str()).collect();
        let moved = told.iter().filter(|text| text.contains("goes on in its follow-up")).count();
        assert_eq!(moved, 1, "{sprung:?}: {told:?}");
    }
    sprung
}

fn follow_ups(firm: &Firm) -> Vec<i64> {
    let ticket = firm.zendesk.ticket(firm.ticket).unwrap();
    ticket["followup_ids"].as_array().unwrap().iter().filter_map(serde_json::Value::as_i64).collect()
}

/// The words in each side conversation of each follow-up, as they stand there.
fn in_follow_ups(firm: &Firm) -> Vec<Vec<String>> {
    let sides = follow_ups(firm).into_iter().flat_map(|follow_up| firm.zendesk.side_conversations(follow_up));
    let said = sides.map(|side| {
        let events = firm.zendesk.events(side["id"].as_str().unwrap());
        let bodies: String = events.iter().filter_map(|event| event["message"]["body"].as_str()).collect();
        bodies.match_indices("tok").filter_map(|(at, _)| bodies.get(at..at + 7)).map(str::to_owned).collect()
    });
    said.collect()
}

async fn until(world: &World, what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        let log = || world.said_by_the_bridge();
        assert!(begun.elapsed() < world.size.patience, "{what}: not so\n{:?}\n{}", in_follow_ups(&world.firm), log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
