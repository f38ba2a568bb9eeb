//! The kinds of faults that can be switched on: their names, and what each can strike.

use super::{slack, zendesk};

/// The deliveries, as a call.
pub const EVENTS: &str = "events";
/// The account-wide feed, as a call.
pub const FEED: &str = "GET side_conversations/events";

/// One kind of fault.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its parameter, with the least and the most of it.
    pub parameter: Option<(&'static str, u64, u64)>,
    /// What it does.
    pub says: &'static str,
}

const fn kind(
    name: &'static str,
    title: &'static str,
    parameter: Option<(&'static str, u64, u64)>,
    says: &'static str,
) -> Kind {
    Kind { name, title, parameter, says }
}

const WAIT: Option<(&str, u64, u64)> = Some(("retry_after", 1, 86_400));
const SECS: Option<(&str, u64, u64)> = Some(("secs", 1, 86_400));

/// All of them.
pub const KINDS: [Kind; 16] = [
    kind("latency", "Slow answers", Some(("ms", 1, 600_000)), "The answer comes this much later."),
    kind("status", "Errors", Some(("status", 400, 599)), "Answers with this status; nothing is done."),
    kind("rate_limited", "Too many requests", WAIT, "Answers 429 with Retry-After in seconds; nothing is done."),
    kind(
        "rate_limited_plain",
        "Too many, in plain text",
        WAIT,
        "Answers 429 in plain text with Retry-After in seconds; nothing is done.",
    ),
    kind("dropped_before", "Hangs up at once", None, "The connection breaks before anything is done."),
    kind("dropped_after", "Does it, then hangs up", None, "The work is done, then the connection breaks."),
    kind("html", "Does it, then a web page", None, "The work is done, then the answer is a 200 with an HTML page."),
    kind("error_after", "Does it, then an error", None, "The work is done, then the answer is a 500."),
    kind(
        "refused",
        "Refuses",
        None,
        "Answers as to a wrong call, Slack with invalid_arguments, Zendesk with 422; nothing is done.",
    ),
    kind("token_revoked", "Token revoked", None, "Answers as to a dead token; nothing is done."),
    kind("reads_lag", "Reads lag", SECS, "Reads do not show what was written in the last seconds."),
    kind(
        "feed_late",
        "The feed lags",
        SECS,
        "A row of Zendesk's account-wide feed shows this much after it was written.",
    ),
    kind("events_twice", "Deliveries twice", None, "Deliveries to the bridge come twice."),
    kind("events_late", "Deliveries late", SECS, "Deliveries to the bridge come this much later."),
    kind("events_shuffled", "Deliveries out of order", None, "Deliveries to the bridge come in a shuffled order."),
    kind("events_never", "Deliveries lost", None, "Deliveries to the bridge never come."),
];

/// What a parameter counts, for people.
pub fn unit(parameter: &str) -> &'static str {
    match parameter {
        "ms" => "milliseconds",
        "status" => "HTTP status",
        _ => "seconds",
    }
}

impl Kind {
    /// Whether it can strike anything of a vendor.
    pub fn is_of(&self, vendor: &str) -> bool {
        self.name != "feed_late" || vendor == "zendesk"
    }

    /// Whether it can strike this call of a vendor.
    pub fn strikes(&self, vendor: &str, call: &str) -> bool {
        self.check(vendor, call).is_ok()
    }

    /// Checks the call that a rule names.
    ///
    /// # Errors
    /// It cannot strike that; what can be struck.
    pub fn check(&self, vendor: &str, call: &str) -> Result<(), String> {
        if self.name == "feed_late" {
            let fits = call == FEED && vendor == "zendesk";
            return if fits { Ok(()) } else { Err(format!("this fault strikes {FEED:?} of zendesk")) };
        }
        if call == "*" {
            return Ok(());
        }
        let of_deliveries = self.name.starts_with("events_");
        if call == EVENTS {
            return if of_deliveries { Ok(()) } else { Err("this fault strikes calls, not deliveries".to_owned()) };
        }
        if of_deliveries {
            return Err(format!("this fault strikes deliveries: the call is {EVENTS:?} or \"*\""));
        }
        let known: Vec<&str> = match vendor {
            "slack" => slack::calls(),
            _ => zendesk::CALLS.to_vec(),
        };
        if !known.contains(&call) {
            return Err(format!("{call:?} is unknown; known are *, {EVENTS}, {}", known.join(", ")));
        }
        let reads = match vendor {
            "slack" => ["conversations.history", "conversations.replies"].contains(&call),
            _ => call.starts_with("GET "),
        };
        if self.name == "reads_lag" && !reads { Err(format!("{call} reads nothing that can lag")) } else { Ok(()) }
    }
}
