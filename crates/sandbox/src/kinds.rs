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

const WAIT: Option<(&str, u64, u64)> = Some(("retry_after", 0, 86_400));
const SECS: Option<(&str, u64, u64)> = Some(("secs", 1, 86_400));

/// All of them.
pub const KINDS: [Kind; 18] = [
    kind("latency", "Slow answers", Some(("ms", 1, 600_000)), "Every answer takes this much longer."),
    kind(
        "status",
        "Errors",
        Some(("status", 400, 599)),
        "The vendor is out of order and answers with an HTTP error. Nothing is done.",
    ),
    kind(
        "page",
        "A web page in between",
        Some(("status", 200, 599)),
        "A firewall or a proxy answers in the vendor's place, with a web page and an HTTP status. Nothing is done.",
    ),
    kind(
        "rate_limited",
        "Too many requests",
        WAIT,
        "The vendor refuses for now and says in how many seconds to come again (429). Nothing is done.",
    ),
    kind(
        "rate_limited_until",
        "Too many requests, with a date",
        SECS,
        "The vendor refuses for now and names the time at which to come again (429). Nothing is done.",
    ),
    kind(
        "rate_limited_plain",
        "Too many requests, plainly",
        WAIT,
        "The same, said by what stands before the vendor's servers, in plain text (429). Nothing is done.",
    ),
    kind(
        "dropped_before",
        "Hangs up at once",
        None,
        "The line breaks before anything is done, and nobody is told that.",
    ),
    kind(
        "dropped_after",
        "Does it, then hangs up",
        None,
        "The work is done, then the line breaks: whoever asked cannot know, and to ask again blindly would do it twice.",
    ),
    kind(
        "html",
        "Does it, then a web page",
        None,
        "The work is done, but the answer is a web page that says nothing of it.",
    ),
    kind("error_after", "Does it, then an error", None, "The work is done, but the answer is an error (500)."),
    kind(
        "refused",
        "Refuses",
        None,
        "The vendor takes no message and says no for good (Slack invalid_arguments, Zendesk 422). Nothing is done; people are told on the other side, and can retry.",
    ),
    kind(
        "token_revoked",
        "Token revoked",
        None,
        "The bridge's key to the vendor does not work. Everything waits until it does.",
    ),
    kind(
        "reads_lag",
        "Reads lag",
        SECS,
        "Reads do not show what was written in the last seconds, so what was just done seems not to be there.",
    ),
    kind(
        "feed_late",
        "The feed lags",
        SECS,
        "In Zendesk's list of what happened lately, a line shows this much after it was written.",
    ),
    kind("events_twice", "News twice", None, "What the vendor tells the bridge comes twice."),
    kind("events_late", "News late", SECS, "What the vendor tells the bridge comes this much later."),
    kind("events_shuffled", "News out of order", None, "What the vendor tells the bridge comes in a shuffled order."),
    kind("events_never", "News lost", None, "What the vendor tells the bridge never comes: it has to ask by itself."),
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
