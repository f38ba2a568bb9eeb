//! Plays a recording to a firm with a bridge beside it, and says what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::body::Body as HttpBody;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::anonymise::shape;
use super::names::{LARGEST_ANSWER, Names};
use super::outcome::Outcome;
use super::{Asked, Item, Recording, What, harmless};
use crate::Sandbox;
use crate::bridge::State;
use crate::post::Now;

/// How long is waited, by the clock of the recording, for what the bridge had made by then.
const PATIENCE_MS: i64 = 30_000;
/// The same by the clock on the wall, so that a fast replay leaves a slow machine its time.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same for what it says, once it is there.
const PATIENCE_WITH_WORDS: Duration = Duration::from_secs(2);
/// How long nothing may change before what the bridge made beyond the recording counts.
const QUIET: Duration = Duration::from_millis(1_500);
/// A replay that is behind by less than this, by the clock on the wall, is not late.
const LATE_MS: f64 = 20.0;
/// By how much an act begins before the next one.
const HEAD_START: Duration = Duration::from_millis(20);
/// What a recording calls a bridge that takes what is sent to it.
const UP: &str = "up";
const POLL: Duration = Duration::from_millis(15);

/// Plays one recording.
pub struct Player {
    sandbox: Sandbox,
    router: Router,
    now: Now,
    speed: f64,
    names: Names,
    outcome: Outcome,
    /// Whether the recording has shapes in place of what the bridge says.
    shapes: bool,
    /// By how much the replay is behind the recording's times.
    late_ms: i64,
    /// What was waited for in vain.
    missed: BTreeSet<String>,
    asked: u64,
    refused: Vec<String>,
    begun: BTreeMap<u64, JoinHandle<(u16, Vec<u8>)>>,
}

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the bridge made.
    pub made: Vec<Item>,
    /// How that differs from what was recorded.
    pub differences: Vec<Difference>,
    /// How many acts of people were played.
    pub asked: u64,
    /// Acts that could not be played, or were answered otherwise; a sentence each.
    pub refused: Vec<String>,
    /// Whether the recording ended while the bridge was at work: what it made later is no difference then.
    pub open: bool,
}

/// Where a replay and its recording differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It was there, and is not.
    Missing(Item),
    /// It was not there, and is.
    More(Item),
    /// It says something else.
    Other {
        /// What was recorded.
        recorded: Item,
        /// What it says in the replay.
        says: String,
    },
}

impl Player {
    /// Plays to a firm made as the recording's head says. The router has no recorder and no guard around it; `now` is
    /// the firm's clock, which goes `speed` times as fast as the one on the wall.
    pub fn new(sandbox: Sandbox, router: Router, now: Now, speed: f64) -> Player {
        let (names, outcome) = (Names::of(&sandbox), Outcome::from(now()));
        let (missed, refused, begun) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
        Player {
            sandbox,
            router,
            now,
            speed,
            names,
            outcome,
            shapes: false,
            late_ms: 0,
            missed,
            asked: 0,
            refused,
            begun,
        }
    }

    /// Plays it to its end.
    pub async fn play(mut self, recording: &Recording) -> Report {
        let began_ms = recording.head.began_ms;
        self.shapes = recording.head.anonymised;
        let mut busy = true;
        for line in &recording.lines {
            match &line.what {
                What::Asked(asked) => {
                    self.until(began_ms + line.at).await;
                    self.ask(asked).await;
                }
                What::Answered { number, status } => self.hear(*number, *status).await,
                What::Made(item) => self.meet(item, began_ms + line.at).await,
                What::Ended { busy: said } => busy = said.unwrap_or(true),
                What::Bridge { state } if state == UP => self.until_up().await,
                What::Delivered { .. } | What::Called { .. } | What::Bridge { .. } => {}
            }
        }
        let last = recording.lines.last().map_or(0, |line| line.at);
        self.until(began_ms + last).await;
        self.settle(recording).await;
        self.report(recording, busy)
    }

    /// Does what somebody did, once everything is there that they named.
    async fn ask(&mut self, asked: &Asked) {
        self.asked += 1;
        let what = format!("{} {}", asked.method, asked.path);
        let patience = self.patience();
        let request = loop {
            self.look();
            match self.request(asked) {
                Ok(request) => break request,
                Err(_) if patience.is_left(&self.now) => tokio::time::sleep(POLL).await,
                Err(name) => {
                    self.refused.push(format!("act {} ({what}) needs {name}, which is not there", asked.number));
                    return;
                }
            }
        };
        let router = self.router.clone();
        let begun = tokio::spawn(async move {
            let Ok(response) = router.oneshot(request).await;
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), LARGEST_ANSWER).await.unwrap_or_default();
            (status, body.to_vec())
        });
        // An act is done long before its form is answered, and the next one comes after it.
        let patience = std::time::Instant::now();
        while !begun.is_finished() && patience.elapsed() < HEAD_START {
            tokio::time::sleep(HEAD_START / 10).await;
        }
        self.begun.insert(asked.number, begun);
    }

    fn request(&self, asked: &Asked) -> Result<Request<HttpBody>, String> {
        let Asked { query: fields, body, .. } = asked.map(&mut |_, value| self.names.meant(value))?;
        let mut uri = self.names.meant(&asked.path)?;
        if !fields.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&fields);
            uri = format!("{uri}?{}", query.finish());
        }
        let mut request = Request::builder().method(asked.method.as_str()).uri(uri);
        for (header, value) in &asked.headers {
            let mut value = self.names.meant(value)?;
            if header == header::AUTHORIZATION.as_str()
                && let Some((scheme, pair)) = value.split_once(' ')
                && scheme.eq_ignore_ascii_case("basic")
            {
                value = format!("{scheme} {}", STANDARD.encode(pair));
            }
            request = request.header(header, value);
        }
        request.body(HttpBody::from(body.bytes())).map_err(|error| format!("another request ({error})"))
    }

    async fn hear(&mut self, number: u64, recorded: u16) {
        let Some(begun) = self.begun.remove(&number) else { return };
        let (status, body) = begun.await.unwrap_or((0, Vec::new()));
        self.look();
        self.names.heard(number, &body);
        if status != recorded {
            let name = |status: u16| StatusCode::from_u16(status).map_or("nothing".to_owned(), |it| it.to_string());
            let (now, then) = (name(status), name(recorded));
            self.refused.push(format!("act {number} was answered {now}; in the recording {then}"));
        }
    }

    /// Waits for what the bridge had made by now: nobody acted before they saw it.
    async fn meet(&mut self, item: &Item, at_ms: i64) {
        if self.missed.contains(&item.name) {
            return;
        }
        let met = |player: &Player| match &item.says {
            Some(_) => player.outcome.says().contains_key(&item.name),
            None => !player.outcome.says().contains_key(&item.name),
        };
        let mut patience = self.patience();
        patience.until_ms = patience.until_ms.max(at_ms + self.late_ms + PATIENCE_MS);
        loop {
            self.look();
            if met(self) {
                break;
            }
            if !patience.is_left(&self.now) {
                self.missed.insert(item.name.clone());
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        let begun = std::time::Instant::now();
        while self.says(&item.name) != item.says {
            if begun.elapsed() > PATIENCE_WITH_WORDS {
                self.missed.insert(item.name.clone());
                return;
            }
            tokio::time::sleep(POLL).await;
            self.look();
        }
    }

    /// Waits until the bridge runs that people found running.
    async fn until_up(&self) {
        let Some(bridge) = self.sandbox.bridge() else { return };
        let patience = self.patience();
        while bridge.standing().state != State::Up && patience.is_left(&self.now) {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until all is there that was recorded and nothing changes, as long as that makes sense.
    async fn settle(&mut self, recording: &Recording) {
        let wanted = recording.made();
        let patience = self.patience();
        let mut quiet = std::time::Instant::now();
        let mut before = self.outcome.says().clone();
        while patience.is_left(&self.now) {
            self.look();
            if *self.outcome.says() != before {
                quiet = std::time::Instant::now();
                before = self.outcome.says().clone();
            }
            let all = wanted.iter().all(|(name, says)| self.says(name).as_ref() == Some(says));
            if all && quiet.elapsed() >= QUIET {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn report(self, recording: &Recording, busy: bool) -> Report {
        let (wanted, made) = (recording.made(), self.outcome.says().clone());
        let item = |name: &String, says: &String| Item { name: name.clone(), says: Some(says.clone()) };
        let mut differences = Vec::new();
        for (name, says) in &wanted {
            match made.get(name) {
                None => differences.push(Difference::Missing(item(name, says))),
                Some(now) if self.says(name).as_ref() != Some(says) => {
                    differences.push(Difference::Other { recorded: item(name, says), says: now.clone() });
                }
                Some(_) => {}
            }
        }
        if !busy {
            let more = made.iter().filter(|(name, _)| !wanted.contains_key(*name));
            differences.extend(more.map(|(name, says)| Difference::More(item(name, says))));
        }
        let made = made.iter().map(|(name, says)| item(name, says)).collect();
        Report { made, differences, asked: self.asked, refused: self.refused, open: busy }
    }

    /// What the bridge says there, as the recording would have it.
    fn says(&self, name: &str) -> Option<String> {
        let says = self.outcome.says().get(name)?;
        Some(if self.shapes { shape(says) } else { says.clone() })
    }

    fn look(&mut self) {
        let now = (self.now)();
        let born = self.names.look(&self.sandbox);
        self.outcome.look(&self.sandbox, &self.names, born, now);
    }

    /// Waits for a time of the recording. Where the replay had to wait for something, all that comes is later by that,
    /// so that what lay apart does not come at once.
    async fn until(&mut self, at_ms: i64) {
        let left = at_ms + self.late_ms - (self.now)();
        if left > 0 {
            tokio::time::sleep(Duration::from_secs_f64(left as f64 / 1000.0 / self.speed)).await;
        } else if -left as f64 > LATE_MS * self.speed {
            self.late_ms -= left;
        }
    }

    fn patience(&self) -> Patience {
        Patience { until_ms: (self.now)() + PATIENCE_MS, begun: std::time::Instant::now() }
    }
}

/// Ends when both clocks say so.
struct Patience {
    until_ms: i64,
    begun: std::time::Instant,
}

impl Patience {
    fn is_left(&self, now: &Now) -> bool {
        now() < self.until_ms || self.begun.elapsed() < PATIENCE
    }
}

impl Report {
    /// Whether the replay came to what was recorded.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.refused.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |f: &mut fmt::Formatter<'_>, mark: &str, says: &str| {
            says.lines().try_for_each(|line| writeln!(f, "  {mark}{}", harmless(line)))
        };
        writeln!(f, "The bridge put this before people:\n")?;
        for Item { name, says } in &self.made {
            writeln!(f, "{}", harmless(name))?;
            lines(f, "", says.as_deref().unwrap_or_default())?;
        }
        writeln!(f)?;
        for refused in &self.refused {
            writeln!(f, "Different: {}.", harmless(refused))?;
        }
        for difference in &self.differences {
            match difference {
                Difference::Missing(item) => {
                    writeln!(f, "Different: {} was recorded and is not there:", harmless(&item.name))?;
                    lines(f, "- ", item.says.as_deref().unwrap_or_default())?;
                }
                Difference::More(item) => {
                    writeln!(f, "Different: {} was not recorded and is there:", harmless(&item.name))?;
                    lines(f, "+ ", item.says.as_deref().unwrap_or_default())?;
                }
                Difference::Other { recorded, says } => {
                    writeln!(f, "Different: {} says something else:", harmless(&recorded.name))?;
                    lines(f, "- ", recorded.says.as_deref().unwrap_or_default())?;
                    lines(f, "+ ", says)?;
                }
            }
        }
        let acts = if self.asked == 1 { "one act".to_owned() } else { format!("{} acts", self.asked) };
        let open = match self.open {
            true => " The recording ended while the bridge was at work: what it made later was not compared.",
            false => "",
        };
        let same = if self.is_same() { "as it was recorded" } else { "not as it was recorded" };
        writeln!(f, "Played {acts} of people; it came out {same}.{open}")
    }
}
