//! A fake Zendesk: one account with its users, tickets and side conversations, behind Zendesk's API.
//!
//! It is a model of what Zendesk documents and of what was recorded from it. It keeps what it is told,
//! refuses what Zendesk refuses, counts its rate limits, and sends the nudge of a ticket trigger for each act on
//! a side conversation. Where Zendesk's pages are silent, [`Unconfirmed`] has a switch.
//!
//! All of the account is behind one lock, which no call holds while it waits. Time and chance come from the
//! outside, so a seed gives the same account again.

mod acts;
mod age;
mod answer;
mod auth;
mod calls;
mod conversation_calls;
mod conversations;
mod desk;
mod desk_files;
mod ends;
mod exports;
mod feed;
mod files;
mod follow_ups;
mod hooks;
mod keep;
mod limits;
mod macros;
mod made;
mod options;
mod pages;
mod people;
mod recipients;
pub(crate) mod said;
mod search;
mod service;
mod show;
mod text;
mod ticket_calls;
mod tickets;
mod trials;
mod triggers;
mod webhooks;
mod world;

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use acts::StartSpec;
pub use calls::CALLS;
pub use hooks::sign;
pub use options::{Named, Options, ReplyOnClosed, Unconfirmed};
pub use people::UserSpec;
pub use tickets::{TicketChange, TicketSpec};

use self::world::World;
use super::changes::Changes;
use super::faults::Faults;
use super::limits::Keeping;
use super::post::{Now, Parcel, Receipt, Sender};

/// A Zendesk account; its clones are the same account.
#[derive(Clone)]
pub struct FakeZendesk {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    faults: Faults,
    changes: Changes,
    now: Now,
}

/// The account for as long as one act takes; tells of a change when it is let go.
struct Account<'a> {
    world: MutexGuard<'a, World>,
    changes: &'a Changes,
    touched: bool,
}

impl Deref for Account<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Account<'_> {
    fn deref_mut(&mut self) -> &mut World {
        self.touched = true;
        &mut self.world
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.touched {
            self.changes.tell();
        }
    }
}

impl FakeZendesk {
    /// An account that holds one group and the app's user, an admin.
    pub fn new(options: Options, now: Now, seed: u64) -> Self {
        let faults = Faults::with_seed(seed);
        let keeping = if options.limits { Keeping::Documented } else { Keeping::Off };
        let mut world = World::new(options, faults.clone(), now(), seed);
        world.limits.keeping = keeping;
        let (world, changes) = (Mutex::new(world), Changes::default());
        FakeZendesk { shared: Arc::new(Shared { world, faults, changes, now }) }
    }

    /// The API below `/zendesk/api/v2/` and `/zendesk/oauth/tokens`.
    pub fn router(&self) -> axum::Router {
        service::router(self.clone())
    }

    /// What can be made to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    fn now(&self) -> i64 {
        (self.shared.now)()
    }

    /// Tells of every change.
    pub fn changes(&self) -> &Changes {
        &self.shared.changes
    }

    fn world(&self) -> Account<'_> {
        let world = self.shared.world.lock().unwrap_or_else(PoisonError::into_inner);
        Account { world, changes: &self.shared.changes, touched: false }
    }
}

impl Sender for FakeZendesk {
    fn take_due(&self) -> Vec<Parcel> {
        let now = self.now();
        let world = &mut *self.world();
        let mut parcels = world.hooks.take_due(&world.options, now);
        parcels.extend(world.trials.take_due(&world.options, now));
        parcels
    }

    fn settle(&self, id: u64, receipt: Receipt) {
        let now = self.now();
        let world = &mut *self.world();
        if !world.trials.settle(id, &receipt) {
            world.hooks.settle(id, &receipt, now);
        }
    }

    fn next_due(&self) -> Option<i64> {
        let world = self.world();
        [world.hooks.next_due(), world.trials.next_due()].into_iter().flatten().min()
    }
}
