//! A PostgreSQL for tests and benchmarks, gone when they are.
//!
//! [`shared`] uses the one that `TEST_DATABASE_URL` names, where it is set; else it starts one of
//! its own from the binaries on the machine, on a free port of the loopback, as another user where
//! this one is root (PostgreSQL will not run as root). What it starts ends with the process that
//! started it, however that ends.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "used by tests and benchmarks only, which fail by panicking"
)]

mod binaries;
mod cluster;

pub use binaries::{Binaries, find};
pub use cluster::{Cluster, Durability, Hanging};

use std::sync::OnceLock;
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// Where databases can be made.
pub trait Postgres {
    /// The URL of a database of that name.
    fn url(&self, database: &str) -> String;

    /// Makes an empty database, which goes away when dropped.
    fn create_database(&self) -> Database {
        create(self, "")
    }

    /// Makes a copy of a database that nobody is connected to.
    fn copy(&self, of: &Database) -> Database {
        create(self, &format!("TEMPLATE {}", of.name))
    }
}

#[expect(clippy::disallowed_methods, reason = "the name of a database is no id of ours")]
fn create(server: &(impl Postgres + ?Sized), options: &str) -> Database {
    let name = format!("stagedoor_{}", uuid::Uuid::new_v4().simple());
    let admin = server.url("postgres");
    execute(&admin, &format!("CREATE DATABASE {name} {options}")).expect("a database can be made");
    Database { url: server.url(&name), admin, name }
}

/// A database, dropped when this is.
#[derive(Debug)]
pub struct Database {
    /// Where it is.
    pub url: String,
    admin: String,
    name: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = execute(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// One that is there already.
struct Given {
    url: String,
}

impl Postgres for Given {
    fn url(&self, database: &str) -> String {
        let (base, options) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let server = base.find("://").map_or(0, |at| at + 3);
        let path = base.get(server..).and_then(|rest| rest.find('/')).map(|at| server + at);
        let base = path.and_then(|at| base.get(..at)).unwrap_or(base);
        let mark = if options.is_empty() { "" } else { "?" };
        format!("{base}/{database}{mark}{options}")
    }
}

/// The PostgreSQL that the tests of this process share.
///
/// # Panics
/// When there is none and none can be started, saying in one line what is missing.
pub fn shared() -> &'static dyn Postgres {
    static SHARED: OnceLock<Box<dyn Postgres + Send + Sync>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match std::env::var("TEST_DATABASE_URL") {
        Ok(url) if !url.is_empty() => Box::new(Given { url }),
        // What a test does not survive is the end of a process, not of the machine.
        _ => Box::new(Cluster::start(Durability::Off).unwrap_or_else(|error| panic!("{error}"))),
    });
    shared.as_ref()
}

/// Runs SQL on a database.
///
/// # Errors
/// What PostgreSQL said.
pub fn execute(url: &str, sql: &str) -> Result<(), String> {
    let sql = sql.to_owned();
    on_database(url, async move |client| client.batch_execute(&sql).await)
}

/// The number that a query finds.
///
/// # Errors
/// What PostgreSQL said.
pub fn number(url: &str, sql: &str) -> Result<i64, String> {
    let sql = sql.to_owned();
    on_database(url, async move |client| client.query_one(&sql, &[]).await?.try_get(0))
}

fn on_database<T: Send + 'static>(
    url: &str,
    work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error> + Send + 'static,
) -> Result<T, String> {
    let url = url.to_owned();
    // On a thread of its own, since the caller may be within a runtime.
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(async move {
            let connecting = tokio_postgres::connect(&url, NoTls);
            let connected = tokio::time::timeout(Duration::from_secs(5), connecting).await;
            let (client, connection) =
                connected.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            let connection = tokio::spawn(connection);
            let done = work(&client).await.map_err(|error| error.to_string());
            drop(client);
            let _ = connection.await;
            done
        })
    });
    thread.join().expect("the thread ends")
}
