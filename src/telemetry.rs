//! What the operator sees: metrics and the log, set up once.

use std::io::Write;
use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::bridge::{Vendor, Why};

/// Every kind of delivery that is not mirrored.
const NOT_MIRRORED: &[&str] = &[
    "app_home",
    "bot",
    "deletion",
    "edit",
    "elsewhere",
    "foreign",
    "link",
    "mention",
    "not_in_thread",
    "notice",
    "of_an_app",
    "own",
    "rate_limited",
    "reaction",
    "shortcut",
    "ticket_closed",
    "unknown",
    "unreadable",
    "unsigned",
    "withdrawn",
    "withheld",
    "workspace",
];

/// From which side to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)]
pub enum Direction {
    /// From Slack into the side conversation.
    slack_to_zendesk,
    /// From the side conversation into Slack.
    zendesk_to_slack,
}

impl Direction {
    /// Both.
    pub const ALL: [Direction; 2] = [Direction::slack_to_zendesk, Direction::zendesk_to_slack];

    /// The direction that ends at `vendor`.
    pub fn to(vendor: Vendor) -> Direction {
        match vendor {
            Vendor::Slack => Direction::zendesk_to_slack,
            Vendor::Zendesk => Direction::slack_to_zendesk,
        }
    }

    /// The direction that begins at `vendor`.
    pub fn from(vendor: Vendor) -> Direction {
        match vendor {
            Vendor::Slack => Direction::slack_to_zendesk,
            Vendor::Zendesk => Direction::zendesk_to_slack,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDirection {
    direction: Direction,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

/// The app's metrics. Every series with a direction exists from the start, at zero.
pub struct Metrics {
    registry: Registry,
    accepted: Family<ByDirection, Counter>,
    delivered: Family<ByDirection, Counter>,
    retried: Family<ByDirection, Counter>,
    parked: Family<ByDirection, Counter>,
    ignored: Family<ByReason, Counter>,
    not_mirrored: Family<ByKind, Counter>,
    seconds: Family<ByDirection, Histogram>,
    caught_up: Family<ByDirection, Counter>,
    unchecked: Gauge<i64, AtomicI64>,
    waiting_events: Gauge<i64, AtomicI64>,
    waiting_calls: Family<ByDirection, Gauge<i64, AtomicI64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// A registry of its own, so that two apps in one process do not mix.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("sidethread");
        let accepted = Family::<ByDirection, Counter>::default();
        let delivered = Family::<ByDirection, Counter>::default();
        let retried = Family::<ByDirection, Counter>::default();
        let parked = Family::<ByDirection, Counter>::default();
        let ignored = Family::<ByReason, Counter>::default();
        let not_mirrored = Family::<ByKind, Counter>::default();
        let seconds = Family::<ByDirection, Histogram>::new_with_constructor(|| {
            Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0, 3600.0, 86400.0])
        });
        let caught_up = Family::<ByDirection, Counter>::default();
        let unchecked = Gauge::<i64, AtomicI64>::default();
        let waiting_events = Gauge::<i64, AtomicI64>::default();
        let waiting_calls = Family::<ByDirection, Gauge<i64, AtomicI64>>::default();
        registry.register("accepted", "Events stored, by direction", accepted.clone());
        registry.register("delivered", "Messages that stand on the other side", delivered.clone());
        registry.register("retried", "Calls that have to be made again", retried.clone());
        registry.register("parked", "Calls set aside for a person to look at", parked.clone());
        registry.register("ignored", "Events that asked for nothing, by reason", ignored.clone());
        registry.register("not_mirrored", "Deliveries that are not mirrored, by kind", not_mirrored.clone());
        registry.register_with_unit(
            "delivery",
            "From being written on one side to standing on the other",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("caught_up", "Events that no delivery told of and that were read back", caught_up.clone());
        registry.register_with_unit(
            "slack_unchecked",
            "For how long at most a bridged thread has not been compared with Slack",
            Unit::Seconds,
            unchecked.clone(),
        );
        registry.register("waiting_events", "Events stored and not yet handled", waiting_events.clone());
        registry.register("waiting_calls", "Calls decided and not yet settled", waiting_calls.clone());
        for direction in Direction::ALL {
            let labels = ByDirection { direction };
            for counters in [&accepted, &delivered, &retried, &parked, &caught_up] {
                drop(counters.get_or_create(&labels));
            }
            drop(seconds.get_or_create(&labels));
            drop(waiting_calls.get_or_create(&labels));
        }
        for &kind in NOT_MIRRORED {
            drop(not_mirrored.get_or_create(&ByKind { kind }));
        }
        for why in Why::ALL {
            drop(ignored.get_or_create(&ByReason { reason: why.as_str() }));
        }
        Metrics {
            registry,
            accepted,
            delivered,
            retried,
            parked,
            ignored,
            not_mirrored,
            seconds,
            caught_up,
            unchecked,
            waiting_events,
            waiting_calls,
        }
    }

    /// Counts events that were stored.
    pub fn accepted(&self, direction: Direction, count: u64) {
        self.accepted.get_or_create(&ByDirection { direction }).inc_by(count);
    }

    /// Counts a message that stands on the other side, `seconds` after it was written.
    pub fn delivered(&self, direction: Direction, seconds: f64) {
        self.delivered.get_or_create(&ByDirection { direction }).inc();
        self.seconds.get_or_create(&ByDirection { direction }).observe(seconds.max(0.0));
    }

    /// Counts a call that has to be made again.
    pub fn retried(&self, direction: Direction) {
        self.retried.get_or_create(&ByDirection { direction }).inc();
    }

    /// Counts a call that was set aside.
    pub fn parked(&self, direction: Direction) {
        self.parked.get_or_create(&ByDirection { direction }).inc();
    }

    /// Counts an event that asked for nothing.
    pub fn ignored(&self, reason: &'static str) {
        self.ignored.get_or_create(&ByReason { reason }).inc();
    }

    /// Counts a delivery that is not mirrored.
    pub fn not_mirrored(&self, kind: &'static str) {
        self.not_mirrored.get_or_create(&ByKind { kind }).inc();
    }

    /// Counts an event that was read back.
    pub fn caught_up(&self, direction: Direction) {
        self.caught_up.get_or_create(&ByDirection { direction }).inc();
    }

    /// Sets for how many seconds a bridged thread has not been compared with Slack, at most.
    pub fn unchecked(&self, seconds: i64) {
        self.unchecked.set(seconds);
    }

    /// Sets how much waits.
    pub fn waiting(&self, events: usize, to_slack: usize, to_zendesk: usize) {
        self.waiting_events.set(events as i64);
        let of = |direction| self.waiting_calls.get_or_create(&ByDirection { direction });
        of(Direction::zendesk_to_slack).set(to_slack as i64);
        of(Direction::slack_to_zendesk).set(to_zendesk as i64);
    }

    /// The metrics as text, in the format that Prometheus reads.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// Whether a character steers whoever shows it: what controls a terminal, what turns the direction of writing, and what
/// ends a line without being a line feed.
pub fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hides = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}');
    c.is_control() || turns || hides
}

/// Standard error, to which each event is one line: what a vendor answered cannot pretend to be another one.
struct OneLine(std::io::Stderr);

impl Write for OneLine {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(one_line(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// An event for a terminal; colours stay.
fn one_line(event: &str) -> String {
    let text = event.strip_suffix('\n').unwrap_or(event);
    let shown = text.chars().map(|c| if c != '\u{1b}' && steers(c) { char::REPLACEMENT_CHARACTER } else { c });
    shown.chain(['\n']).collect()
}

/// Starts the log: JSON lines on standard error when that is not a terminal, else lines for people.
///
/// `RUST_LOG` chooses what is said; the default is this app at `info` and others at `warn`.
pub fn start_log() {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,sidethread=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    // A log that is already started, as in a test, stays as it is.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_writer(|| OneLine(std::io::stderr())).with_target(false).try_init()
    } else {
        builder.with_writer(std::io::stderr).json().flatten_event(true).try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_one_line_on_a_terminal() {
        let event = "\u{1b}[33m WARN\u{1b}[0m it failed error=no\n ERROR all is lost\u{202e}\u{2028}\n";
        let shown = "\u{1b}[33m WARN\u{1b}[0m it failed error=no\u{fffd} ERROR all is lost\u{fffd}\u{fffd}\n";
        assert_eq!(one_line(event), shown);
    }
}
