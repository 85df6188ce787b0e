//! The production store: PostgreSQL behind the ports of `domain`, for any number of servers on one
//! database.
//!
//! Some connections write side by side, each a group of decisions in one transaction; a pool of
//! connections reads beside them; one more hears what the other servers changed. No rule is written
//! in SQL: it loads, locks and saves.

mod at_once;
mod clock;
mod columns;
mod committing;
mod connect;
mod counts;
mod deciding;
mod desk;
mod discipline;
mod feed;
mod heard;
mod loading;
mod marking;
mod migrate;
mod offline;
#[cfg(test)]
mod panics;
mod queries;
mod readers;
mod rows;
mod saving;
mod schema;
mod settling;
mod statement;
mod store;
mod stuck;
#[cfg(test)]
mod testing;
mod worker;
mod writers;

pub use clock::DatabaseClock;
pub use connect::{BadUrl, Database};
pub use migrate::{MigrateError, migrate};
pub use offline::{OfflineDatabase, OfflineError};
pub use store::{PostgresStore, StoreOptions};

/// Why PostgreSQL did not do what it was asked, for whoever reads the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// PostgreSQL said no, or is not there any more.
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
    /// A row makes no sense.
    #[error(transparent)]
    Unreadable(#[from] columns::Unreadable),
    /// It cannot be reached.
    #[error("the database is away: {0}")]
    Away(String),
    /// What was to be done panicked.
    #[error("it panicked")]
    Panicked,
    /// Nothing is heard of it.
    #[error("nothing is heard of the database")]
    Silent,
    /// No answer came in time.
    #[error("the database did not answer within {0:?}")]
    TooSlow(std::time::Duration),
}
