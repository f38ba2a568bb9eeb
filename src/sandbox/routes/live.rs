//! What keeps windows up to date: a stream that says that something changed, and never what. A window then asks for
//! its page again, so that all see the same and none misses anything.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::Stream;
use tokio::sync::watch;

use super::Desktop;

/// How long changes are gathered before a window is told.
const GATHER: Duration = Duration::from_millis(80);
/// How often the bridge is asked.
const ASK: Duration = Duration::from_millis(600);

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new().route("/sandbox/live", get(live))
}

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
        ear.hear().await;
        Some((Ok(Event::default().event("changed").data("look again")), ear))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl Ear {
    /// Waits for the next change.
    async fn hear(&mut self) {
        loop {
            let [slack, zendesk, own] = &mut self.sides;
            let heard = tokio::select! {
                _ = slack.changed() => true,
                _ = zendesk.changed() => true,
                _ = own.changed() => true,
                () = tokio::time::sleep(ASK) => false,
            };
            if heard {
                tokio::time::sleep(GATHER).await;
            }
            let lanes = told(&self.desktop).await;
            let moved = std::mem::replace(&mut self.lanes, lanes) != lanes;
            if heard || moved {
                return;
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
    desktop.sandbox.operator.lanes().await.map(|lanes| lanes.to_string()).hash(&mut hasher);
    hasher.finish()
}
