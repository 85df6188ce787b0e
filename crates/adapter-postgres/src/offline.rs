//! The database while no server and no command uses it.

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::Timestamp;
use domain::clock_set_back::Reading;
use domain::ports::{OpenedBy, Unavailable};
use offline_store::{Dialect, OfflineStore};
use uuid::Uuid;

use crate::SqlError;
use crate::connect::Database;
use crate::discipline::{self, Discipline, Look};
use crate::loading::uptime;
use crate::migrate::{MigrateError, make_ready};
use crate::queries::all_outages;

/// Why a database cannot be had alone.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// It cannot be reached, or does not have the schema of this version.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A server or a command is connected to it.
    #[error("{database} is in use by a server")]
    InUse {
        /// Where it is.
        database: String,
    },
}

/// The database, in a transaction, with every server shut out until this is dropped.
pub struct OfflineDatabase {
    conn: AsyncPgConnection,
}

#[derive(QueryableByName)]
struct TimeRow {
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
}

#[derive(QueryableByName)]
struct NewestRow {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    newest: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl OfflineDatabase {
    /// Connects to a database that has the schema of this version.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub async fn open(database: &Database) -> Result<Self, OfflineError> {
        let unreachable =
            |reason: String| MigrateError::Unreachable { database: database.to_string(), reason };
        make_ready(database, OpenedBy::Inspection).await?;
        let conn = database.connect_alone().await;
        let conn = conn.map_err(|error| unreachable(error.to_string()))?;
        let Some(mut conn) = conn else {
            return Err(OfflineError::InUse { database: database.to_string() });
        };
        conn.batch_execute("BEGIN").await.map_err(|error| unreachable(error.to_string()))?;
        Ok(Self { conn })
    }

    async fn read(&mut self) -> Result<Reading, SqlError> {
        let look = discipline::look(&self.conn).await?;
        let recovery = uptime(&self.conn, true).await?.and_then(|uptime| uptime.recovery);
        let newest: NewestRow = sql_query("SELECT max(committed_at) AS newest FROM commits")
            .get_result(&mut self.conn)
            .await?;
        // As a server would go on that starts now.
        let next = Look { offset: Discipline::at_start(&look), ..look }.now();
        Ok(Reading {
            wall: look.wall,
            store: newest.newest.map_or(next, |newest| newest.max(next)),
            is_recovering: recovery.is_some(),
            outages: all_outages(&mut self.conn).await?,
        })
    }
}

fn fault(error: impl Into<SqlError>) -> Unavailable {
    let error = error.into();
    Unavailable::from_source(format!("the database: {error}"), error)
}

#[async_trait]
impl OfflineStore for OfflineDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn reading(&mut self) -> Result<Reading, Unavailable> {
        self.read().await.map_err(fault)
    }

    async fn times(&mut self, query: &str) -> Result<Vec<Timestamp>, Unavailable> {
        let rows: Vec<TimeRow> = sql_query(query).load(&mut self.conn).await.map_err(fault)?;
        Ok(rows.into_iter().map(|row| row.at).collect())
    }

    async fn ids(&mut self, query: &str) -> Result<Vec<Uuid>, Unavailable> {
        let rows: Vec<IdRow> = sql_query(query).load(&mut self.conn).await.map_err(fault)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    async fn count(&mut self, query: &str) -> Result<i64, Unavailable> {
        let counting = sql_query(query).get_result(&mut self.conn).await;
        let row: CountRow = counting.map_err(fault)?;
        Ok(row.count)
    }

    async fn change(&mut self, statement: &str) -> Result<(), Unavailable> {
        self.conn.batch_execute(statement).await.map_err(fault)
    }

    async fn set_ahead(&mut self, ahead: TimeDelta) -> Result<(), Unavailable> {
        let offset = ahead.num_microseconds().unwrap_or(i64::MAX);
        let follow = format!(
            "UPDATE service SET clock_offset = {offset}, clock_changed_at = clock_timestamp() \
             WHERE id = 1"
        );
        self.change(&follow).await
    }

    async fn keep(mut self: Box<Self>) -> Result<(), Unavailable> {
        self.change("COMMIT").await
    }
}
