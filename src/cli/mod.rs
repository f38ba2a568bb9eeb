//! The commands of the one binary.

pub mod check;
pub mod manifest;
