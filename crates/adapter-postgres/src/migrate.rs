//! Bringing the schema up to date.

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use domain::ports::{OpenedBy, SchemaCare, SchemaState};

use crate::connect::{Database, NOT_WHOLE, Session};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Whoever migrates holds this lock, so that servers that start at once do it one after the other.
const LOCK: &str = "SELECT pg_advisory_lock(7165437320716543732)";

/// Why a schema could not be brought up to date. The database is as it was before the migration
/// that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached.
    #[error("cannot reach {database}: {reason}")]
    Unreachable {
        /// Where it should be.
        database: String,
        /// What was said.
        reason: String,
    },
    /// It has no schema, or that of an earlier version, whose servers may be using it.
    #[error(
        "{database} does not have the schema of this version: stop its servers, make a backup, and run \
         `stagedoor migrate`"
    )]
    Behind {
        /// Where.
        database: String,
    },
    /// A migration failed.
    #[error("cannot bring {database} up to date: {reason}")]
    Failed {
        /// Where.
        database: String,
        /// What went wrong.
        reason: String,
    },
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
    #[diesel(sql_type = Bool)]
    has_tables: bool,
}

/// Brings the schema up to date. Any number of servers may do so at once. A schema that is newer is
/// left alone: while a new version is rolled out, servers of the old one go on.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(database: &Database) -> Result<(), MigrateError> {
    let mut conn = database.connect_at_start(Session::Migrates).await.map_err(|error| {
        MigrateError::Unreachable { database: database.to_string(), reason: error.to_string() }
    })?;
    let failed = |reason: String| MigrateError::Failed { database: database.to_string(), reason };
    let failed_query = |error: diesel::result::Error| failed(error.to_string());
    // Without the right to change the schema, a server can still run on one that is up to date.
    if missing(&mut conn).await.map_err(failed_query)?.is_empty() {
        return Ok(());
    }
    conn.batch_execute(LOCK).await.map_err(failed_query)?;
    // The lock goes with the session.
    let ran = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(conn);
        let ran = harness.run_pending_migrations(MIGRATIONS);
        ran.map(|versions| versions.len()).map_err(|error| error.to_string())
    });
    let ran = ran.await.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    tracing::info!(%database, migrations = ran, "the schema is up to date");
    Ok(())
}

/// Sees to the schema before an opening.
pub(crate) async fn make_ready(
    database: &Database,
    opened_by: OpenedBy,
) -> Result<(), MigrateError> {
    match opened_by.care(state_of_schema(database).await?) {
        SchemaCare::GoOn => Ok(()),
        SchemaCare::Migrate => migrate(database).await,
        SchemaCare::Refuse => Err(MigrateError::Behind { database: database.to_string() }),
    }
}

async fn state_of_schema(database: &Database) -> Result<SchemaState, MigrateError> {
    let unreachable =
        |reason: String| MigrateError::Unreachable { database: database.to_string(), reason };
    let conn = database.connect_at_start(Session::Migrates).await;
    let mut conn = conn.map_err(|error| unreachable(error.to_string()))?;
    let applied = applied(&mut conn).await.map_err(|error| unreachable(error.to_string()))?;
    if applied.is_empty() {
        return Ok(SchemaState::None);
    }
    let missing = missing_beside(&applied).map_err(|error| unreachable(error.to_string()))?;
    Ok(if missing.is_empty() { SchemaState::UpToDate } else { SchemaState::Behind })
}

/// The migrations that this program needs and the database does not have.
pub(crate) async fn missing(conn: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    missing_beside(&applied(conn).await?)
}

/// The migrations that the database has had.
async fn applied(conn: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    let exists: Exists = sql_query(
        "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS exists, \
                 to_regclass('waiting_tokens') IS NOT NULL AS has_tables",
    )
    .get_result(conn)
    .await?;
    let rows: Vec<Version> = if exists.exists {
        sql_query("SELECT version FROM __diesel_schema_migrations").load(conn).await?
    } else {
        Vec::new()
    };
    if rows.is_empty() && exists.has_tables {
        // A dump is being restored, which has not come to them yet.
        return Err(diesel::result::Error::QueryBuilderError(NOT_WHOLE.into()));
    }
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn missing_beside(applied: &[String]) -> QueryResult<Vec<String>> {
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(diesel::result::Error::QueryBuilderError)?;
    let known = known.iter().map(|migration| migration.name().version().to_string());
    Ok(known.filter(|wanted| !applied.contains(wanted)).collect())
}
