//! A small firm to play with: Acme sells electronics and sends parcels, from Porto, Lyon, Kraków and Nairobi.
//!
//! Its past is told in order of time, with the fakes' clock behind by as much; what the past would have sent to
//! the bridge is thrown away, as the bridge was not there then.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use super::post::{Receipt, Sender};
use super::slack::FakeSlack;
use super::zendesk::FakeZendesk;

mod bulk;
mod chatter;
mod credentials;
mod desk;
mod stories;
mod workspace;

pub use credentials::Credentials;
pub(super) use credentials::drawn;

const MINUTE: i64 = 60_000;
const A_YEAR_AGO: i64 = 365 * 24 * 60;

/// Something of Slack's with a name and an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// A person's handle, or a channel's name without `#`.
    pub name: String,
    /// The id.
    pub id: String,
}

/// Who and what is in the firm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Everybody in Slack but the app, the first an ordinary person.
    pub people: Vec<Named>,
    /// The channels, the first one that the app is in.
    pub channels: Vec<Named>,
    /// The agents who may work, each with id and name; the app's user is not among them.
    pub agents: Vec<(i64, String)>,
    /// The tickets' numbers.
    pub tickets: Vec<i64>,
}

/// What is in the firm when one comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Furnishing {
    /// Whether anything has happened: without it there are people and channels, no tickets and no messages.
    pub past: bool,
    /// How many tickets there are beside those of the stories, of long ago; a tenth as many threads.
    pub more_tickets: usize,
}

impl Furnishing {
    /// The most that [`Furnishing::more_tickets`] may be.
    pub const MOST_TICKETS: usize = bulk::MOST;
}

impl Default for Furnishing {
    fn default() -> Self {
        Furnishing { past: true, more_tickets: 0 }
    }
}

/// Sets a clock back.
struct Hands<'a> {
    behind: &'a AtomicI64,
    now: i64,
}

impl Hands<'_> {
    fn to_minutes_ago(&self, minutes: i64) {
        self.behind.store(minutes * MINUTE, Ordering::Relaxed);
    }

    /// A text with `{utc N}` as the time of day of N minutes ago.
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split("{utc ");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (minutes, rest) = part.split_once('}').unwrap_or(("0", part));
            let at = self.now - minutes.parse::<i64>().unwrap_or_default() * MINUTE;
            let time = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
            filled.push_str(&time.strftime("%H:%M").to_string());
            filled.push_str(rest);
        }
        filled
    }
}

/// Furnishes both fakes; `behind` is by how many milliseconds their clock is late of `now`, and is 0 in the end.
pub(super) fn seed(
    slack: &FakeSlack,
    zendesk: &FakeZendesk,
    (behind, now): (&AtomicI64, i64),
    channel_domain: &str,
    furnishing: Furnishing,
    seed: u64,
) -> World {
    let hands = Hands { behind, now };
    let mut world = World::default();
    hands.to_minutes_ago(A_YEAR_AGO);
    world.people = workspace::people(slack);
    world.channels = workspace::channels(slack, &world.people);
    let desk = desk::Desk::furnish(zendesk);
    world.agents = desk.agents();
    if furnishing.past {
        let tickets = furnishing.more_tickets;
        let of_long_ago = bulk::tell(slack, zendesk, &hands, &world.agents, &world.channels, tickets, seed);
        chatter::tell(slack, &hands, &world, channel_domain);
        world.tickets = desk.tell(zendesk, &hands);
        world.tickets.extend(of_long_ago);
    }
    hands.to_minutes_ago(0);
    let senders: [&dyn Sender; 2] = [slack, zendesk];
    for sender in senders {
        for parcel in sender.take_due() {
            let taken = Receipt::Answered { status: 200, retry_after: None, body: Vec::new() };
            sender.settle(parcel.id, taken);
        }
    }
    world
}

fn id_of<'a>(named: &'a [Named], name: &str) -> &'a str {
    named.iter().find(|one| one.name == name).map_or("", |one| one.id.as_str())
}
