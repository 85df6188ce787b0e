//! The embedded store: SQLite, compiled in, behind the ports of `domain`.
//!
//! One thread writes, a group of decisions in one transaction; a pool of connections reads beside
//! it (WAL). What was answered is on disk (`synchronous=FULL`).

mod clock;
mod columns;
mod counts;
mod loading;
mod offline;
mod open;
#[cfg(test)]
mod panics;
mod queries;
mod readers;
mod rows;
mod saving;
mod schema;
mod source;
mod store;
mod writer;

pub use clock::StoreClock;
pub use offline::OfflineFile;
pub use open::{OpenError, copy, has_users, migrate};
pub use store::{SqliteStore, StoreOptions};

/// Why SQLite did not do what it was asked, for whoever reads the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// SQLite said no.
    #[error(transparent)]
    Diesel(#[from] diesel::result::Error),
    /// A row makes no sense.
    #[error(transparent)]
    Unreadable(#[from] columns::Unreadable),
    /// A row that was to be changed, or that another one names, is not there.
    #[error("a row of {table} is not there: {row}")]
    Lost {
        /// Of which table.
        table: &'static str,
        /// Which one.
        row: String,
    },
}
