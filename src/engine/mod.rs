//! The only loops: they know when, never what.

pub mod clock;
