//! Opening a database file: telling apart what can be wrong with it, and bringing its schema up to
//! date.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use domain::ports::{OpenedBy, SchemaCare, SchemaState};

use crate::schema::users;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Why a database file cannot be used. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder cannot be made, or the file cannot be opened or made.
    #[error("cannot open {}: {reason}", path.display())]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A server has it open.
    #[error("{} is in use by another server or command", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is no database, or a damaged one.
    #[error("{} is damaged or no SQLite database: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A newer version of this program made it.
    #[error("{} was made by a newer version of stagedoor (migration {version})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The migration that this program does not know.
        version: String,
    },
    /// It has no schema, or that of an earlier version, whose server may be using it.
    #[error(
        "{} does not have the schema of this version: stop its server, make a backup, and run \
         `stagedoor migrate`",
        path.display()
    )]
    Behind {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be copied.
    #[error("cannot copy {}: {reason}", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// Its schema cannot be brought up to date.
    #[error("cannot bring {} up to date: {reason}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

#[derive(QueryableByName)]
struct CheckRow {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Brings the schema of the file up to date, making the file where there is none.
///
/// # Errors
/// [`OpenError`], saying what is wrong with the file; [`OpenError::InUse`] where there is something to do
/// and a server has it open.
pub fn migrate(path: &Path) -> Result<(), OpenError> {
    make_place(path)?;
    check_file(path)?;
    if state_of_schema(path)? == SchemaState::UpToDate {
        return Ok(());
    }
    let lock = lock(path)?;
    run_migrations(path, &lock)
}

/// Does what an opening needs before it: takes the file for a server alone, and sees to its schema.
pub(crate) fn make_ready(path: &Path, opened_by: OpenedBy) -> Result<Option<File>, OpenError> {
    make_place(path)?;
    let is_server = opened_by == OpenedBy::Server;
    let own_lock = is_server.then(|| lock(path)).transpose()?;
    check_file(path)?;
    let mut state = state_of_schema(path)?;
    if state == SchemaState::Behind && !is_server {
        // Whoever migrates just now is waited for.
        let settled = lock(path).and_then(|_lock| state_of_schema(path));
        state = settled.unwrap_or(state);
    }
    match opened_by.care(state) {
        SchemaCare::GoOn => {}
        SchemaCare::Migrate => match &own_lock {
            Some(lock) => run_migrations(path, lock)?,
            None => run_migrations(path, &lock(path)?)?,
        },
        SchemaCare::Refuse => return Err(OpenError::Behind { path: path.to_owned() }),
    }
    Ok(own_lock)
}

/// Runs the migrations that the file has not had, while whoever has the lock keeps servers away.
fn run_migrations(path: &Path, _lock: &File) -> Result<(), OpenError> {
    let ran = connect(path)?.run_pending_migrations(MIGRATIONS).map(drop);
    ran.map_err(|error| migration_failed(path, error.to_string()))
}

fn migration_failed(path: &Path, reason: String) -> OpenError {
    OpenError::Migration { path: path.to_owned(), reason }
}

/// Whether the file is a database, and not damaged. Reads all of it.
fn check_file(path: &Path) -> Result<(), OpenError> {
    let damaged = |reason: String| OpenError::Damaged { path: path.to_owned(), reason };
    let check: CheckRow = diesel::sql_query("PRAGMA quick_check(1)")
        .get_result(&mut connect(path)?)
        .map_err(|error| damaged(error.to_string()))?;
    if check.quick_check == "ok" { Ok(()) } else { Err(damaged(check.quick_check)) }
}

fn state_of_schema(path: &Path) -> Result<SchemaState, OpenError> {
    let mut conn = connect(path)?;
    let failed = |reason: String| migration_failed(path, reason);
    let has_any = has_table(&mut conn, "__diesel_schema_migrations");
    if !has_any.map_err(|error| failed(error.to_string()))? {
        return Ok(SchemaState::None);
    }
    let known = all_migrations().map_err(failed)?;
    let applied = conn.applied_migrations().map_err(|error| failed(error.to_string()))?;
    let applied: Vec<_> = applied.iter().map(ToString::to_string).collect();
    if let Some(version) = applied.iter().find(|version| !known.contains(version)) {
        return Err(OpenError::Newer { path: path.to_owned(), version: version.clone() });
    }
    if applied.is_empty() {
        return Ok(SchemaState::None);
    }
    let is_up_to_date = known.iter().all(|version| applied.contains(version));
    Ok(if is_up_to_date { SchemaState::UpToDate } else { SchemaState::Behind })
}

fn has_table(conn: &mut SqliteConnection, name: &str) -> QueryResult<bool> {
    let tables = "SELECT count(*) AS count FROM sqlite_schema WHERE name = ?";
    let tables: CountRow = diesel::sql_query(tables).bind::<Text, _>(name).get_result(conn)?;
    Ok(tables.count > 0)
}

/// Copies all that is in the file at one moment `into` another, which is there and empty. Servers and
/// commands go on meanwhile, and nobody has yet put the copy on disk.
///
/// # Errors
/// [`OpenError`], saying what is wrong with either file.
pub fn copy(path: &Path, into: &Path) -> Result<(), OpenError> {
    let mut conn = connect(path)?;
    let copied = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(into.to_string_lossy());
    let copied = copied.execute(&mut conn);
    copied
        .map(drop)
        .map_err(|error| OpenError::Copy { path: path.to_owned(), reason: error.to_string() })
}

/// Whether the file has anybody in it who may have been given a token.
///
/// # Errors
/// [`OpenError`], saying what is wrong with the file.
pub fn has_users(path: &Path) -> Result<bool, OpenError> {
    if !path.exists() {
        return Ok(false);
    }
    let mut conn = connect(path)?;
    let damaged = |error: diesel::result::Error| OpenError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if !has_table(&mut conn, "users").map_err(damaged)? {
        return Ok(false);
    }
    let users: i64 = users::table.count().get_result(&mut conn).map_err(damaged)?;
    Ok(users > 0)
}

/// Makes the folder that the file is to be in, and the file, which is its owner's alone: it has everybody's
/// names, emails and password hashes. SQLite gives the files beside it the same rights.
pub(crate) fn make_place(path: &Path) -> Result<(), OpenError> {
    let failed = |error| unreachable_file(path, &error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(OWNERS_ALONE).open(path);
    drop(file.map_err(failed)?);
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        keep_to_owner(Path::new(&name));
    }
    Ok(())
}

/// What an owner may do, and nobody else.
const OWNERS_ALONE: u32 = 0o600;

/// Takes a file's rights from others, where it is ours to take: an earlier version left them.
fn keep_to_owner(path: &Path) {
    let Ok(there) = std::fs::metadata(path) else { return };
    if there.is_file() && there.permissions().mode() & 0o077 != 0 {
        let _ = std::fs::set_permissions(path, Permissions::from_mode(OWNERS_ALONE));
    }
}

fn all_migrations() -> Result<Vec<String>, String> {
    let all = diesel::migration::MigrationSource::<Sqlite>::migrations(&MIGRATIONS);
    let all = all.map_err(|error| error.to_string())?;
    Ok(all.iter().map(|migration| migration.name().version().to_string()).collect())
}

/// Opens a connection that writes.
pub(crate) fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    establish(path, "")
}

/// The same, and nobody else has the file open or can open it meanwhile.
pub(crate) fn connect_alone(path: &Path) -> Result<SqliteConnection, OpenError> {
    establish(path, "PRAGMA locking_mode=EXCLUSIVE;")
}

fn establish(path: &Path, first: &str) -> Result<SqliteConnection, OpenError> {
    let url = path.to_str().ok_or_else(|| OpenError::Unreachable {
        path: path.to_owned(),
        reason: "its name is not UTF-8".to_owned(),
    })?;
    let mut conn =
        SqliteConnection::establish(url).map_err(|error| unreachable_file(path, &error))?;
    let prepared = conn.batch_execute(first).and_then(|()| prepare(&mut conn));
    prepared.map_err(|error| match error {
        diesel::result::Error::DatabaseError(_, said) if said.message().contains("locked") => {
            OpenError::InUse { path: path.to_owned() }
        }
        error => OpenError::Damaged { path: path.to_owned(), reason: error.to_string() },
    })?;
    Ok(conn)
}

/// Every acknowledged commit is on disk (`synchronous=FULL`), readers never wait (`WAL`).
pub(crate) fn prepare(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute(
        "PRAGMA busy_timeout=2000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
         PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536; \
         PRAGMA wal_autocheckpoint=4000;",
    )
}

/// How long a command or a server that is ending is waited for, and how often it is looked.
const LOCKED_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Takes the file for one server alone, until the lock is dropped. Servers keep in memory what
/// they read, so a second one beside would show what is long gone.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&lock_path);
    let file = file.map_err(|error| unreachable_file(path, &error))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCKED_WITHIN => {
                std::thread::sleep(LOOK_EVERY);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(unreachable_file(path, &error)),
        }
    }
}

fn unreachable_file(path: &Path, error: &dyn std::error::Error) -> OpenError {
    OpenError::Unreachable { path: path.to_owned(), reason: error.to_string() }
}
