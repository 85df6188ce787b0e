//! The file while no server and no command uses it.

use std::fs::File;
use std::path::Path;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::clock_set_back::Reading;
use domain::ports::{OpenedBy, Unavailable};
use offline_store::{Dialect, OfflineStore};
use uuid::Uuid;

use crate::SqlError;
use crate::clock::machine;
use crate::columns::{Key, time};
use crate::open::{OpenError, connect_alone, lock, make_ready};
use crate::queries::all_outages;
use crate::rows::uptime;
use crate::store::last_commit_at;

/// The file, in a transaction, with everybody else shut out until this is dropped.
pub struct OfflineFile {
    conn: SqliteConnection,
    _lock: File,
}

#[derive(QueryableByName)]
struct TimeRow {
    #[diesel(sql_type = BigInt)]
    at: i64,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Binary)]
    id: Key,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl OfflineFile {
    /// Opens a file that is there, and has the schema of this version.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::InUse`] where a server or a command has it open.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        make_ready(path, OpenedBy::Inspection)?;
        let mut conn = connect_alone(path)?;
        conn.batch_execute("BEGIN EXCLUSIVE").map_err(|error| OpenError::Unreachable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { conn, _lock: lock })
    }

    fn read(&mut self) -> Result<Reading, SqlError> {
        let conn = &mut self.conn;
        let wall = machine();
        let recovery = uptime(conn)?.and_then(|uptime| uptime.recovery);
        Ok(Reading {
            wall,
            store: last_commit_at(conn)?.max(wall),
            is_recovering: recovery.is_some(),
            outages: all_outages(conn)?,
        })
    }
}

fn fault(error: impl Into<SqlError>) -> Unavailable {
    let error = error.into();
    Unavailable::from_source(format!("the database: {error}"), error)
}

#[async_trait]
impl OfflineStore for OfflineFile {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn reading(&mut self) -> Result<Reading, Unavailable> {
        self.read().map_err(fault)
    }

    async fn times(&mut self, query: &str) -> Result<Vec<Timestamp>, Unavailable> {
        let rows: Vec<TimeRow> = diesel::sql_query(query).load(&mut self.conn).map_err(fault)?;
        rows.into_iter().map(|row| time(row.at).map_err(fault)).collect()
    }

    async fn ids(&mut self, query: &str) -> Result<Vec<Uuid>, Unavailable> {
        let rows: Vec<IdRow> = diesel::sql_query(query).load(&mut self.conn).map_err(fault)?;
        Ok(rows.into_iter().map(|row| row.id.id()).collect())
    }

    async fn count(&mut self, query: &str) -> Result<i64, Unavailable> {
        let row: CountRow = diesel::sql_query(query).get_result(&mut self.conn).map_err(fault)?;
        Ok(row.count)
    }

    async fn change(&mut self, statement: &str) -> Result<(), Unavailable> {
        self.conn.batch_execute(statement).map_err(fault)
    }

    /// The store's time goes on from its last commit, which is ahead by as much.
    async fn set_ahead(&mut self, _ahead: TimeDelta) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn keep(mut self: Box<Self>) -> Result<(), Unavailable> {
        self.conn.batch_execute("COMMIT").map_err(fault)
    }
}
