//! The pure core: what a bridged thread is and does.
//!
//! No async, no clock, no randomness, no I/O. Time enters as a field of an event, so a replay decides as the
//! original did. What it holds:
//!
//! - An event asks for the same effects however often it comes: an effect's id is derived from its cause.
//! - A side conversation older than the app is never posted; one whose recipients name no channel is left alone.
//! - What the app itself wrote is recognised by its marker, else by the address of the Slack message in it.
//! - A closed ticket gets no reply: what follows it is found or made once, and the thread goes on there ([`follow_up`]).
//! - A merged ticket gets none either: the thread goes on in the one that is left when a person wants that, once.
//! - Who reads a reply is decided when it is sent ([`readers`]), from what Zendesk says then.
//! - Who may press a button or give a command is decided by one function ([`permit`]).
//!
//! Races it allows for: an entry read before the call that made it has answered; answers of the two vendors in any
//! order while a thread is prepared; state changes that overtake each other; messages before the card is linked.

pub mod command;
pub mod conclusion;
pub mod content;
pub mod effect;
pub mod erase;
pub mod event;
pub mod facts;
pub mod follow_up;
pub mod heading;
pub mod ids;
pub mod news;
pub mod notice;
pub mod permit;
pub mod readers;
pub mod route;
pub mod rules;
pub mod start;
pub mod thread;

pub use effect::{Act, Class, Effect, EffectId, Vendor};
pub use event::{Answer, Event, What};
pub use thread::{BridgedThread, Card, Place, Policy, Step, Why, handle};
