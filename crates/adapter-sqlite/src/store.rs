//! The store as the ports see it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::ports::{CommitObserver, Decide, Store, Unavailable, UpdateError};
use domain::records::{Records, Scope};
use group_commit::{Callers, NoAnswer};

use crate::SqlError;
use crate::clock::StoreClock;
use crate::columns::time;
use crate::open::{OpenError, connect, lock, make_folder, migrate, prepare};
use crate::schema::service;
use crate::writer::{Answer, Command, Observer, Writer};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The database file; made where there is none.
    pub path: PathBuf,
    /// Whether no other server may have it open.
    pub exclusive: bool,
    /// How many decisions one transaction carries at the most.
    pub group_max: usize,
    /// How many decisions may wait for one; one more is turned away at once.
    pub waiting_max: usize,
    /// How many connections read.
    pub readers: u32,
}

impl StoreOptions {
    /// The usual options for a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), exclusive: false, group_max: 256, waiting_max: 4096, readers: 4 }
    }
}

/// The embedded store. Ends when dropped, after everything that was taken in is answered.
pub struct SqliteStore {
    callers: Option<Callers<Command, Answer>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Pool<ConnectionManager<SqliteConnection>>,
    clock: StoreClock,
    observer: Observer,
    _lock: Option<File>,
}

#[derive(Debug)]
struct ReadOnly;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for ReadOnly {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        let prepared = prepare(conn).and_then(|()| conn.batch_execute("PRAGMA query_only=ON"));
        prepared.map_err(diesel::r2d2::Error::QueryError)
    }
}

impl SqliteStore {
    /// Opens the store, with its schema brought up to date.
    ///
    /// # Errors
    /// [`OpenError`], saying what is wrong with the file.
    pub fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        let path = &options.path;
        let unreachable = |reason: String| OpenError::Unreachable { path: path.clone(), reason };
        make_folder(path)?;
        let lock = options.exclusive.then(|| lock(path)).transpose()?;
        migrate(path)?;
        let mut conn = connect(path)?;
        let last_commit_at =
            last_commit_at(&mut conn).map_err(|error| unreachable(error.to_string()))?;
        let clock = StoreClock::starting_after(last_commit_at);
        let observer = Observer::new(OnceLock::new());

        let manager = ConnectionManager::new(path.to_string_lossy());
        let readers = Pool::builder()
            .max_size(options.readers.max(1))
            .connection_timeout(Duration::from_secs(2))
            .connection_customizer(Box::new(ReadOnly))
            .build(manager)
            .map_err(|error| unreachable(error.to_string()))?;

        let (callers, committer) = group_commit::line(options.waiting_max, options.group_max);
        let writer = Writer {
            path: path.clone(),
            conn,
            clock: clock.clone(),
            observer: Arc::clone(&observer),
            last_now: last_commit_at,
        };
        let writer = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || writer.run(committer))
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Self {
            callers: Some(callers),
            writer: Mutex::new(Some(writer)),
            readers,
            clock,
            observer,
            _lock: lock,
        })
    }

    /// The store's time.
    #[must_use]
    pub fn clock(&self) -> StoreClock {
        self.clock.clone()
    }

    /// Names who hears of every commit before anyone is answered. The first one named stays.
    pub fn observe(&self, observer: Arc<dyn CommitObserver>) {
        let _ = self.observer.set(observer);
    }

    /// Runs a query on one of the readers, off the event loop.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let readers = self.readers.clone();
        let result = tokio::task::spawn_blocking(move || {
            let mut conn = readers.get().map_err(|error| {
                Unavailable::from_source("the database has no reader free", error)
            })?;
            // One snapshot for all that a query reads.
            let read = conn.transaction(|conn| query(conn));
            read.map_err(|error| Unavailable::from_source("the database cannot be read", error))
        });
        let result = result.await;
        result.map_err(|error| Unavailable::from_source("a query did not end", error))?
    }
}

fn last_commit_at(conn: &mut SqliteConnection) -> Result<Timestamp, SqlError> {
    Ok(time(service::table.select(service::last_commit_at).first(conn)?)?)
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.callers = None;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn update(&self, scope: Scope, decide: Decide) -> Result<Records, UpdateError> {
        let closed = || Unavailable::because("the database is closed");
        let callers = self.callers.as_ref().ok_or_else(closed)?;
        match callers.call(Command { scope, decide }).await {
            Ok(answer) => answer,
            Err(NoAnswer::Full) => Err(Unavailable::because("too many wait to write").into()),
            Err(NoAnswer::Closed) => Err(closed().into()),
            Err(NoAnswer::Lost) => Err(UpdateError::Unknown(closed())),
        }
    }

    async fn check(&self) -> Result<(), Unavailable> {
        self.read(|conn| last_commit_at(conn).map(drop)).await
    }
}
