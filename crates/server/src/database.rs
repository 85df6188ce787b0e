//! Which store is meant: the one place that knows that there are two.

use std::fmt;
use std::path::{Path, PathBuf};

use adapter_postgres::Database;
use anyhow::Result;

/// Where everything is kept. Shows itself without a password.
#[derive(Debug, Clone)]
pub(crate) enum DatabaseUrl {
    /// In a file, for one server.
    Sqlite(PathBuf),
    /// In PostgreSQL, for any number of servers.
    Postgres(Database),
}

impl DatabaseUrl {
    /// How many seats a show may have at the most. On PostgreSQL, a show of many seats is entered beside
    /// other changes. The embedded store makes one change at a time.
    pub(crate) const fn seats_per_show_max(&self) -> i64 {
        match self {
            Self::Sqlite(_) => 100_000,
            Self::Postgres(_) => 1_000_000,
        }
    }

    /// Reads `sqlite:` and a path, or `postgres://…`.
    ///
    /// # Errors
    /// What is wrong, without the URL, which may hold a password.
    pub(crate) fn read(url: &str, ca_file: Option<&Path>) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("sqlite: and then no path".to_owned());
            }
            // What lies beside the file, its lock and its secret, is the same by whatever name.
            let path = Path::new(path);
            let file = path.is_symlink().then(|| path.canonicalize().ok()).flatten();
            return Ok(Self::Sqlite(file.unwrap_or_else(|| path.to_owned())));
        }
        if url.starts_with("postgres") {
            let database = Database::new(url, ca_file);
            return database.map(Self::Postgres).map_err(|wrong| wrong.to_string());
        }
        Err("is neither sqlite: and the path of a file, nor postgres://…".to_owned())
    }

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self) -> Result<()> {
        match self {
            Self::Sqlite(path) => adapter_sqlite::migrate(path)?,
            Self::Postgres(database) => adapter_postgres::migrate(database).await?,
        }
        Ok(())
    }

    /// Whether there can be anything in it yet.
    pub(crate) fn exists(&self) -> bool {
        match self {
            Self::Sqlite(path) => path.exists(),
            Self::Postgres(_) => true,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(database) => database.fmt(f),
        }
    }
}
