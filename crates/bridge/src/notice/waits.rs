//! What people read who follow a message through the bridge: what it waits for. Each goes on from "waits".

use super::super::effect::Vendor;
use super::super::thread::WaitsFor;
use super::{continue_on, named, why_closed};

/// What has to happen to its thread first.
pub fn waits_for(what: &WaitsFor) -> String {
    match what {
        WaitsFor::Press { source, into } => format!(
            "until somebody presses “{}” in its Slack thread: ticket #{source} was merged into that one",
            continue_on(*into)
        ),
        WaitsFor::Operator { source } => format!(
            "until the people who run Sidethread say into which ticket #{source} was merged: `sidethread merged {source} --into` \
             and its number"
        ),
        WaitsFor::Successor { source } => {
            format!("for the ticket in which its thread goes on, because ticket #{source} takes nothing more")
        }
        WaitsFor::Ticket { reason } => {
            format!("until its ticket can be reached again: {}", reason.trim_end_matches('.'))
        }
        WaitsFor::Channel { channel, problem } => {
            format!("until its channel can be reached again: {}", why_closed(channel, problem).0)
        }
        WaitsFor::Card => "until the card of its thread stands in Slack".to_owned(),
    }
}

/// Slack's message came before the card under which it stands was known.
pub fn waits_for_its_card() -> String {
    "until the card of its thread is known, ten minutes at most".to_owned()
}

/// Slack's message came while what was missed before it is read back.
pub fn waits_for_what_was_missed() -> String {
    "for what was missed before it in its thread, a minute at most".to_owned()
}

/// The whole vendor is held.
pub fn waits_for_vendor(vendor: Vendor, why: &str) -> String {
    format!("until {} can be reached again: {}", named(vendor), why.trim_end_matches('.'))
}

/// It keeps its place behind another message.
pub fn waits_for_earlier() -> String {
    "for an earlier message of its thread".to_owned()
}

/// The vendor's limits.
pub fn waits_for_room(vendor: Vendor) -> String {
    format!("for room: more calls of this kind would go over {}'s limit", named(vendor))
}
