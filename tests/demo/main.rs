//! The real `sidethread demo`, met as its user meets it: over HTTP, with what it prints.

mod bridge;
mod firm;
mod keep;
mod record;
