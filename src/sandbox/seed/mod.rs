//! A small firm to play with: Acme sells electronics and sends parcels, from Porto, Lyon, Kraków and Nairobi.
//!
//! Its past is told in order of time, with the fakes' clock behind by as much; what the past would have sent to
//! the bridge is thrown away, as the bridge was not there then.

use std::sync::atomic::{AtomicI64, Ordering};

use super::post::{Receipt, Sender};
use super::slack::FakeSlack;
use super::zendesk::FakeZendesk;

mod chatter;
mod credentials;
mod desk;
mod stories;
mod workspace;

pub use credentials::Credentials;

const MINUTE: i64 = 60_000;
const A_YEAR_AGO: i64 = 365 * 24 * 60;

/// Something of Slack's with a name and an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// A person's handle, or a channel's name without `#`.
    pub name: String,
    /// The id.
    pub id: String,
}

/// Who and what is in the firm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// Sets a clock back.
struct Hands<'a> {
    behind: &'a AtomicI64,
}

impl Hands<'_> {
    fn to_minutes_ago(&self, minutes: i64) {
        self.behind.store(minutes * MINUTE, Ordering::Relaxed);
    }
}

/// Furnishes both fakes; `behind` is by how many milliseconds their clock is late, and is 0 in the end.
pub(super) fn seed(slack: &FakeSlack, zendesk: &FakeZendesk, behind: &AtomicI64, channel_domain: &str) -> World {
    let hands = Hands { behind };
    let mut world = World::default();
    hands.to_minutes_ago(A_YEAR_AGO);
    world.people = workspace::people(slack);
    world.channels = workspace::channels(slack, &world.people);
    let desk = desk::Desk::furnish(zendesk);
    world.agents = desk.agents();
    chatter::tell(slack, &hands, &world, channel_domain);
    world.tickets = desk.tell(zendesk, &hands);
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
