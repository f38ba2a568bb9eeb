//! What keeps windows up to date: a stream that says which parts of the page something changed in, and never what. A
//! window then asks for those parts again, so that all see the same and none misses anything.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::Stream;
use tokio::sync::watch;

use super::Desktop;
use crate::page::Part;

/// How long changes are gathered before a window is told.
const GATHER: Duration = Duration::from_millis(80);
/// How often the bridge is asked.
const ASK: Duration = Duration::from_millis(600);

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/live", get(live))
}

/// The parts that show what changes in Slack, in Zendesk, and beside both: a morning that is played, a fault.
const SHOWN: [&[Part]; 3] = [&[Part::Slack], &[Part::Desk], &[Part::Bar, Part::Bridge]];

struct Ear {
    desktop: Desktop,
    sides: [watch::Receiver<u64>; 3],
    /// What the bridge last told, in short.
    lanes: u64,
}

async fn live(State(desktop): State<Desktop>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let sides =
        [desktop.sandbox.slack.changes(), desktop.sandbox.zendesk.changes(), &desktop.changes].map(|c| c.hear());
    let lanes = told(&desktop).await;
    let ear = Ear { desktop, sides, lanes };
    let stream = futures_util::stream::unfold(ear, |mut ear| async move {
        let parts = ear.hear().await;
        let names: Vec<&str> = Part::ALL.iter().filter(|part| parts.contains(part)).map(|part| part.name()).collect();
        Some((Ok(Event::default().event("changed").data(names.join(","))), ear))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl Ear {
    /// Waits for the next change; the parts of the page that show it.
    async fn hear(&mut self) -> Vec<Part> {
        loop {
            let [slack, zendesk, own] = &mut self.sides;
            let heard = tokio::select! {
                // Whose turn it was is seen below.
                _ = slack.changed() => { slack.mark_changed(); true }
                _ = zendesk.changed() => { zendesk.mark_changed(); true }
                _ = own.changed() => { own.mark_changed(); true }
                () = tokio::time::sleep(ASK) => false,
            };
            if heard {
                tokio::time::sleep(GATHER).await;
            }
            let lanes = told(&self.desktop).await;
            let mut parts = Vec::new();
            for (side, shown) in self.sides.iter_mut().zip(SHOWN) {
                if side.has_changed().unwrap_or_default() {
                    side.mark_unchanged();
                    parts.extend(shown);
                }
            }
            if std::mem::replace(&mut self.lanes, lanes) != lanes {
                parts.push(Part::Bridge);
            }
            if !parts.is_empty() {
                return parts;
            }
        }
    }
}

async fn told(desktop: &Desktop) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some(bridge) = desktop.sandbox.bridge() {
        let standing = bridge.standing();
        (standing.pid, standing.starts, standing.kills).hash(&mut hasher);
    }
    let lanes = desktop.sandbox.operator.lanes().await;
    desktop.sandbox.proof(lanes.as_deref()).counts().hash(&mut hasher);
    let lanes = lanes.map(|lanes| lanes.to_string());
    if lanes.is_none() {
        // Then it is told how much waits with the vendors.
        (desktop.sandbox.slack.pending(), desktop.sandbox.zendesk.pending()).hash(&mut hasher);
    }
    lanes.hash(&mut hasher);
    hasher.finish()
}
