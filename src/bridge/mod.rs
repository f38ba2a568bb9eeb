//! The pure core: what a bridged thread is and does.
//!
//! No async, no clock, no randomness, no I/O. Time enters as a field of an event.

pub mod content;
pub mod ids;
pub mod route;
