//! The binary, started as a process on a free port, over real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, which fail by panicking"
)]

mod contract;
mod crashes;
mod harness;
mod privacy;
mod races;
mod running;
mod seeds;
mod streams;
