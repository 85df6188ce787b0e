//! Reaching the database: every session with time limits, so that nothing waits for ever and no
//! lock outlives its server.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long sent bytes may stay unacknowledged before a connection counts as dead.
const SILENT_FOR: Duration = Duration::from_secs(3);

/// Where a database is and who asks there. Shows itself without its password.
#[derive(Clone)]
pub struct Database {
    config: Box<Config>,
}

/// A URL that names no database of ours. It is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUrl(&'static str);

/// What a session is for, and so what it may take its time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// Commits groups.
    Writes,
    /// Answers queries.
    Reads,
    /// Hears what other servers changed.
    Follows,
    /// Reads everything, as of one moment.
    ReadsAll,
    /// Changes the schema.
    Migrates,
}

impl Session {
    /// What PostgreSQL is told of the session. Times are in milliseconds.
    const fn settings(self) -> &'static str {
        match self {
            // All that a writer loads, it loads by key, from the tables in the order in which they
            // are named: no other plan is ever right.
            Self::Writes => {
                " -c lock_timeout=1000 -c statement_timeout=5000 \
                 -c idle_in_transaction_session_timeout=5000 \
                 -c client_connection_check_interval=1000 \
                 -c default_transaction_isolation=read\\ committed \
                 -c plan_cache_mode=force_generic_plan -c jit=off \
                 -c enable_seqscan=off -c enable_bitmapscan=off -c enable_material=off \
                 -c enable_hashjoin=off -c enable_mergejoin=off -c join_collapse_limit=1"
            }
            Self::Reads => " -c statement_timeout=1500 -c default_transaction_read_only=on",
            Self::Follows => " -c statement_timeout=1500",
            Self::ReadsAll => {
                " -c default_transaction_read_only=on \
                 -c default_transaction_isolation=repeatable\\ read"
            }
            Self::Migrates => " -c lock_timeout=0 -c statement_timeout=0",
        }
    }
}

impl Database {
    /// Opens a session.
    pub(crate) async fn connect(&self, session: Session) -> ConnectionResult<AsyncPgConnection> {
        let mut config = Config::clone(&self.config);
        let given = config.get_options().unwrap_or_default();
        config.options(format!("{given}{}", session.settings()));
        let connecting = async {
            let (client, connection) = config.connect(NoTls).await.map_err(|error| bad(&error))?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        };
        let late = |_| ConnectionError::BadConnection(format!("no answer in {CONNECT_WITHIN:?}"));
        timeout(CONNECT_WITHIN, connecting).await.map_err(late)?
    }
}

fn bad(error: &tokio_postgres::Error) -> ConnectionError {
    let source = std::error::Error::source(error);
    let said = source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    ConnectionError::BadConnection(said)
}

impl FromStr for Database {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(BadUrl("does not begin with postgres://"));
        }
        let mut config: Config =
            url.parse().map_err(|_| BadUrl("is no URL of a PostgreSQL database"))?;
        if config.get_hosts().is_empty() {
            return Err(BadUrl("names no host"));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(BadUrl("asks for TLS, which this version does not speak"));
        }
        if config.get_application_name().is_none() {
            config.application_name("stagedoor");
        }
        config.connect_timeout(CONNECT_WITHIN).tcp_user_timeout(SILENT_FOR);
        config.keepalives_idle(SILENT_FOR);
        Ok(Self { config: Box::new(config) })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        f.write_str("postgres://")?;
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{}", port(at))?,
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_shows_itself_without_its_password() {
        let database: Database = "postgres://me:hush@db.example:5433/shop".parse().unwrap();
        assert_eq!(format!("{database} {database:?}").matches("hush").count(), 0);
        assert_eq!(database.to_string(), "postgres://db.example:5433/shop");
    }

    #[test]
    fn a_wrong_url_is_not_repeated() {
        for url in ["mysql://me:hush@db/shop", "postgres://me:hush@db:no port/shop", "hush"] {
            let said = url.parse::<Database>().unwrap_err().to_string();
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
