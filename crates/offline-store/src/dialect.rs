//! How the two stores write a time.

use chrono::{SecondsFormat, TimeDelta};
use domain::Timestamp;
use uuid::Uuid;

/// Which store's SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Times are whole microseconds since 1970, ids are blobs.
    Sqlite,
    /// Times and ids have types of their own.
    Postgres,
}

impl Dialect {
    /// A time as a literal.
    pub(crate) fn time(self, time: Timestamp) -> String {
        match self {
            Self::Sqlite => time.timestamp_micros().to_string(),
            Self::Postgres => {
                format!("timestamptz '{}'", time.to_rfc3339_opts(SecondsFormat::Micros, true))
            }
        }
    }

    /// A length of time as a literal.
    pub(crate) fn length(self, length: TimeDelta) -> String {
        let micros = length.num_microseconds().unwrap_or(i64::MAX);
        match self {
            Self::Sqlite => micros.to_string(),
            Self::Postgres => format!("interval '{micros} microseconds'"),
        }
    }

    /// An id as a literal.
    pub(crate) fn id(self, id: Uuid) -> String {
        match self {
            Self::Sqlite => format!("x'{}'", id.simple()),
            Self::Postgres => format!("uuid '{id}'"),
        }
    }

    /// Lets the times in the audit log be moved, which refuses every other change, until
    /// [`Self::seal_audit_log`].
    pub(crate) const fn open_audit_log(self) -> &'static str {
        match self {
            Self::Sqlite => "DROP TRIGGER audit_log_is_not_changed",
            Self::Postgres => "SET LOCAL stagedoor.sets_clock_back = 'on'",
        }
    }

    /// From now on it refuses that, too.
    pub(crate) const fn seal_audit_log(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log \
                 BEGIN SELECT RAISE(ABORT, 'rows of the audit log are not changed'); END"
            }
            Self::Postgres => "SET LOCAL stagedoor.sets_clock_back = 'off'",
        }
    }

    /// Bytes as a literal.
    pub(crate) fn bytes(self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sqlite => format!("x'{hex}'"),
            Self::Postgres => format!("bytea '\\x{hex}'"),
        }
    }
}
