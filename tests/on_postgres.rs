//! The binary on PostgreSQL, started as a process on a free port, over real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "these are tests: they fail by panicking, and are clients with a clock of their own"
)]

mod audit;
mod coming_back;
mod contract;
mod crashes;
mod doors;
mod edge;
mod giving_up;
mod guarding;
mod harness;
mod held_up;
mod holding_on;
mod line;
mod lobby;
mod log;
mod notices;
mod paying;
mod plans;
mod postgres;
mod privacy;
mod provider;
mod races;
mod retention;
mod running;
mod rush;
mod schema;
mod seeds;
mod set_clock_back;
mod stopping;
mod streams;
mod top_ups;

const ON_POSTGRES: bool = true;
