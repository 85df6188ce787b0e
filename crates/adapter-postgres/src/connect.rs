//! Reaching the database: every session with time limits, so that nothing waits for ever and no
//! lock outlives its server.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::Bool;
use diesel::{ConnectionError, ConnectionResult, QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection to one host may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How often somebody who starts tries, and after what time again.
const ATTEMPTS_AT_START: usize = 5;
const BETWEEN_ATTEMPTS_AT_START: Duration = Duration::from_millis(300);
/// How many foreign keys the schema has.
const FOREIGN_KEYS: i64 = 16;
/// What is said of a database that a dump is being restored into.
pub(crate) const NOT_WHOLE: &str = "the database is not whole yet";
/// How often somebody tries who wants to be alone, and after what time again.
const ATTEMPTS_ALONE: usize = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);
/// How long sent bytes may stay unacknowledged before a connection counts as dead.
const SILENT_FOR: Duration = Duration::from_secs(3);

/// Where a database is and who asks there. Shows itself without its password.
#[derive(Clone)]
pub struct Database {
    config: Box<Config>,
    /// None: not encrypted.
    tls: Option<MakeRustlsConnect>,
}

/// A URL that names no database of ours, or certificates that cannot be read. The URL is not
/// repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUrl(String);

/// What a session is for, and so what it may take its time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// Commits groups.
    Writes,
    /// Commits a change of very many rows.
    WritesMuch,
    /// Answers queries.
    Reads,
    /// Answers queries about many rows.
    ReadsMuch,
    /// Hears what other servers changed.
    Follows,
    /// Reads everything, as of one moment.
    ReadsAll,
    /// Changes the schema.
    Migrates,
    /// Changes whole tables, while no other session uses the store.
    Alone,
}

impl Session {
    /// What PostgreSQL is told of the session. Times are in milliseconds.
    const fn settings(self) -> &'static str {
        match self {
            Self::WritesMuch => {
                " -c lock_timeout=1000 -c statement_timeout=120000 \
                 -c idle_in_transaction_session_timeout=120000 \
                 -c client_connection_check_interval=1000 \
                 -c default_transaction_isolation=read\\ committed -c jit=off"
            }
            // All that a writer loads, it loads by key, from the tables in the order in which they
            // are named: no other plan is ever right.
            Self::Writes => {
                " -c lock_timeout=1000 -c statement_timeout=4000 \
                 -c idle_in_transaction_session_timeout=5000 \
                 -c client_connection_check_interval=1000 \
                 -c default_transaction_isolation=read\\ committed \
                 -c plan_cache_mode=force_generic_plan -c jit=off \
                 -c enable_seqscan=off -c enable_bitmapscan=off -c enable_material=off \
                 -c enable_hashjoin=off -c enable_mergejoin=off -c join_collapse_limit=1"
            }
            // A plan for any parameters could use no index that is of one state alone. What is wanted
            // in a moment has its index; a plan that scans a table goes by statistics of another hour.
            Self::Reads => {
                " -c lock_timeout=1000 -c statement_timeout=1500 \
                 -c plan_cache_mode=force_custom_plan -c jit=off -c enable_seqscan=off"
            }
            Self::ReadsMuch => {
                " -c lock_timeout=1000 -c statement_timeout=30000 \
                 -c plan_cache_mode=force_custom_plan -c jit=off -c enable_seqscan=off"
            }
            // All that is new it finds by key, as a writer does.
            Self::Follows => {
                " -c lock_timeout=1000 -c statement_timeout=1500 \
                 -c plan_cache_mode=force_generic_plan -c jit=off \
                 -c enable_seqscan=off -c enable_bitmapscan=off \
                 -c enable_hashjoin=off -c enable_mergejoin=off"
            }
            Self::ReadsAll => {
                " -c lock_timeout=10000 -c statement_timeout=1800000 \
                 -c default_transaction_isolation=repeatable\\ read"
            }
            Self::Migrates => " -c lock_timeout=0 -c statement_timeout=0",
            // Nobody waits for it, and tables may be large.
            Self::Alone => {
                " -c lock_timeout=10000 -c statement_timeout=0 \
                 -c idle_in_transaction_session_timeout=0"
            }
        }
    }
}

impl Session {
    const fn only_reads(self) -> bool {
        matches!(self, Self::Reads | Self::ReadsMuch | Self::ReadsAll)
    }

    /// How it says that the store is in use; nothing where it makes no difference.
    const fn lock(self) -> Option<&'static str> {
        match self {
            Self::Migrates => None,
            Self::Alone => Some("pg_try_advisory_lock(7165437320716543733)"),
            Self::Writes
            | Self::WritesMuch
            | Self::Reads
            | Self::ReadsMuch
            | Self::Follows
            | Self::ReadsAll => Some("pg_try_advisory_lock_shared(7165437320716543733)"),
        }
    }
}

#[derive(QueryableByName)]
struct Lock {
    #[diesel(sql_type = Bool)]
    taken: bool,
    #[diesel(sql_type = Bool)]
    whole: bool,
}

/// Takes the lock that all sessions with a store share, and that a command takes alone that changes whole
/// tables. It goes with the session. Fails where the database is still being restored.
async fn take_lock(
    conn: &mut AsyncPgConnection,
    session: Session,
) -> Result<bool, ConnectionError> {
    let Some(lock) = session.lock() else { return Ok(true) };
    // Whatever restores a dump adds a table's foreign keys when its rows are there.
    let query = format!(
        "SELECT {lock} AS taken, \
             (SELECT count(*) FROM pg_constraint WHERE contype = 'f' \
                 AND connamespace = current_schema()::regnamespace) >= {FOREIGN_KEYS} AS whole"
    );
    let lock = sql_query(query).get_result::<Lock>(conn).await;
    let Lock { taken, whole } = lock.map_err(ConnectionError::CouldntSetupConfiguration)?;
    if whole {
        return Ok(taken);
    }
    Err(ConnectionError::BadConnection(NOT_WHOLE.to_owned()))
}

impl Database {
    /// Opens a session with a database that takes writes, though the session may only read: what a
    /// standby shows may be older than what other servers have told.
    pub(crate) async fn connect(&self, session: Session) -> ConnectionResult<AsyncPgConnection> {
        let shut_out = || ConnectionError::BadConnection("a command has it alone".to_owned());
        self.connect_unless_shut_out(session).await?.ok_or_else(shut_out)
    }

    /// The same for somebody who starts, whom nobody waits for: a machine that has much to do may answer
    /// late.
    pub(crate) async fn connect_at_start(
        &self,
        session: Session,
    ) -> ConnectionResult<AsyncPgConnection> {
        let mut connected = self.connect(session).await;
        for _ in 1..ATTEMPTS_AT_START {
            if connected.is_ok() {
                break;
            }
            sleep(BETWEEN_ATTEMPTS_AT_START).await;
            connected = self.connect(session).await;
        }
        connected
    }

    /// Opens a session that shuts out all others; none where one of them stays there. Those of a server end
    /// a moment after it.
    pub(crate) async fn connect_alone(&self) -> ConnectionResult<Option<AsyncPgConnection>> {
        for _ in 1..ATTEMPTS_ALONE {
            if let Some(alone) = self.connect_unless_shut_out(Session::Alone).await? {
                return Ok(Some(alone));
            }
            sleep(BETWEEN_ATTEMPTS).await;
        }
        self.connect_unless_shut_out(Session::Alone).await
    }

    async fn connect_unless_shut_out(
        &self,
        session: Session,
    ) -> ConnectionResult<Option<AsyncPgConnection>> {
        let mut config = Config::clone(&self.config);
        let given = config.get_options().unwrap_or_default();
        config.options(format!("{given}{}", session.settings()));
        let connecting = async {
            let mut conn = match self.tls.clone() {
                None => {
                    let connected = config.connect(NoTls).await;
                    let (client, connection) = connected.map_err(|error| bad(&error))?;
                    AsyncPgConnection::try_from_client_and_connection(client, connection).await?
                }
                Some(tls) => {
                    let connected = config.connect(tls).await;
                    let (client, connection) = connected.map_err(|error| bad(&error))?;
                    AsyncPgConnection::try_from_client_and_connection(client, connection).await?
                }
            };
            if !take_lock(&mut conn, session).await? {
                return Ok(None);
            }
            if session.only_reads() {
                // Not among the settings: the driver would take the database for a standby.
                let read_only = conn.batch_execute("SET default_transaction_read_only = on").await;
                read_only.map_err(ConnectionError::CouldntSetupConfiguration)?;
            }
            Ok(Some(conn))
        };
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let limit = CONNECT_WITHIN * hosts;
        let late = |_| ConnectionError::BadConnection(format!("no answer in {limit:?}"));
        timeout(limit, connecting).await.map_err(late)?
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
        Self::new(url, None)
    }
}

impl Database {
    /// Reads `postgres://…`. With `sslmode=require` in it, connections are encrypted, and the server
    /// must prove its name by a certificate of the authorities in `ca_file`, or of the system's.
    ///
    /// # Errors
    /// [`BadUrl`], saying what is wrong without repeating the URL.
    pub fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, BadUrl> {
        let wrong = |what: &str| BadUrl(what.to_owned());
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("does not begin with postgres://"));
        }
        let mut config: Config =
            url.parse().map_err(|_| wrong("is no URL of a PostgreSQL database"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("names no host"));
        }
        let is_encrypted = config.get_ssl_mode() == SslMode::Require;
        let tls = is_encrypted.then(|| tls(ca_file)).transpose().map_err(BadUrl)?;
        if config.get_application_name().is_none() {
            config.application_name("stagedoor");
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.connect_timeout(CONNECT_WITHIN).tcp_user_timeout(SILENT_FOR);
        config.keepalives_idle(SILENT_FOR);
        Ok(Self { config: Box::new(config), tls })
    }
}

/// Encryption that trusts the authorities in a file, or the system's.
fn tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, String> {
    let mut trusted = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |error| format!("cannot read {}: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                let added = trusted.add(certificate.map_err(unreadable)?);
                added.map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        None => {
            // Some systems have a few that nobody can read.
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if trusted.is_empty() {
        return Err("there is no certificate of an authority to trust".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
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
    use crate::migrate::migrate;

    #[test]
    fn a_database_shows_itself_without_its_password() {
        let database: Database = "postgres://me:hush@db.example:5433/shop".parse().unwrap();
        assert_eq!(format!("{database} {database:?}").matches("hush").count(), 0);
        assert_eq!(database.to_string(), "postgres://db.example:5433/shop");
    }

    #[tokio::test]
    async fn a_database_that_is_half_restored_is_not_taken_for_the_one_it_will_be() {
        let throw_away = throw_away_postgres::shared().create_database();
        let database: Database = throw_away.url.parse().unwrap();
        let refused = async || database.connect(Session::Reads).await.err().unwrap().to_string();
        assert!(refused().await.contains("not whole"), "it has no schema");
        migrate(&database).await.unwrap();
        let query = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
        assert_eq!(throw_away_postgres::number(&throw_away.url, query), Ok(FOREIGN_KEYS));
        database.connect(Session::Reads).await.unwrap();
        let execute = |sql: &str| throw_away_postgres::execute(&throw_away.url, sql).unwrap();
        execute("ALTER TABLE commits DROP CONSTRAINT commits_writer_exists");
        assert!(refused().await.contains("not whole"), "a dump adds that last");
        execute("DELETE FROM __diesel_schema_migrations");
        let refused = migrate(&database).await.unwrap_err().to_string();
        assert!(refused.contains("not whole"), "{refused}");
    }

    #[test]
    fn a_wrong_url_is_not_repeated() {
        for url in ["mysql://me:hush@db/shop", "postgres://me:hush@db:no port/shop", "hush"] {
            let said = url.parse::<Database>().unwrap_err().to_string();
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
