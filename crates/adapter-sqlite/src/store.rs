//! The store as the ports see it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::ports::{Clock, CommitObserver, Decide, OpenedBy, Store, Unavailable, UpdateError};
use domain::records::{Records, Scope};
use group_commit::{Callers, NoAnswer};
use tokio::sync::Mutex as AsyncMutex;

use crate::SqlError;
use crate::clock::StoreClock;
use crate::columns::time;
use crate::open::{OpenError, connect, make_ready};
use crate::readers::{Readers, Turns};
use crate::rows::heartbeat_at;
use crate::schema::service;
use crate::writer::{Answer, Command, Observer, Writer};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The database file; made where there is none.
    pub path: PathBuf,
    /// Who opens it. A server has it without any other.
    pub opened_by: OpenedBy,
    /// How many decisions one transaction carries at the most.
    pub group_max: usize,
    /// How many decisions may wait for one; one more is turned away at once.
    pub waiting_max: usize,
    /// How many connections read.
    pub readers: u32,
}

impl StoreOptions {
    /// The usual options of a command for a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            opened_by: OpenedBy::Command,
            group_max: 256,
            waiting_max: 4096,
            readers: 4,
        }
    }
}

/// The embedded store. Ends when closed or dropped, after everything that was taken in is answered.
pub struct SqliteStore {
    callers: Callers<Command, Answer>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Nothing once the store is closed.
    readers: RwLock<Option<Readers>>,
    checked: AsyncMutex<Option<(Instant, Result<(), Unavailable>)>>,
    clock: StoreClock,
    observer: Observer,
    history: u64,
    _lock: Option<File>,
}

/// For how long it is known that a write works, and for how long that none does.
const CHECKED_FOR: Duration = Duration::from_secs(1);
const FAILED_FOR: Duration = Duration::from_millis(100);

impl SqliteStore {
    /// Opens the store.
    ///
    /// # Errors
    /// [`OpenError`], saying what is wrong with the file.
    pub fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        let path = &options.path;
        let unreachable = |reason: String| OpenError::Unreachable { path: path.clone(), reason };
        let lock = make_ready(path, options.opened_by)?;
        let mut conn = connect(path)?;
        let last_commit_at =
            last_commit_at(&mut conn).map_err(|error| unreachable(error.to_string()))?;
        let heartbeat_at =
            heartbeat_at(&mut conn).map_err(|error| unreachable(error.to_string()))?;
        let clock = StoreClock::starting_after(last_commit_at, heartbeat_at);
        let observer = Observer::new(OnceLock::new());
        let history = clock.now().timestamp_micros().unsigned_abs();

        let readers =
            Readers::of(path, options.readers).map_err(|error| unreachable(error.to_string()))?;

        let (callers, committer) = group_commit::line(options.waiting_max, options.group_max);
        let writer = Writer {
            path: path.clone(),
            conn,
            clock: clock.clone(),
            observer: Arc::clone(&observer),
            history,
            last_now: last_commit_at,
            has_the_file_alone: lock.is_some(),
        };
        let writer = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || writer.run(committer))
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Self {
            callers,
            writer: Mutex::new(Some(writer)),
            readers: RwLock::new(Some(readers)),
            clock,
            observer,
            history,
            checked: AsyncMutex::default(),
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
        // Another file may have taken the place of the one before: each start begins anew.
        observer.began_anew(self.history);
        let _ = self.observer.set(observer);
    }

    /// Runs a query on one of the readers, off the event loop.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.read_by(|readers| &readers.front, query).await
    }

    /// Runs a query for a sweeper.
    pub(crate) async fn read_behind<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.read_by(|readers| &readers.behind, query).await
    }

    /// Runs a query for a sweeper that forgets.
    pub(crate) async fn read_at_leisure<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.read_by(|readers| &readers.at_leisure, query).await
    }

    async fn read_by<T: Send + 'static>(
        &self,
        of: fn(&Readers) -> &Turns,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.turns(of)?.read(query).await
    }

    fn turns(&self, of: fn(&Readers) -> &Turns) -> Result<Turns, Unavailable> {
        let readers = self.readers.read().unwrap_or_else(PoisonError::into_inner);
        readers.as_ref().map(|readers| of(readers).clone()).ok_or_else(closed)
    }

    /// Takes nothing more. The writer, should it still run, ends when it has answered what was taken
    /// in. Readers go first: SQLite takes away what lies beside a file with its last connection.
    fn end(&self) -> Option<JoinHandle<()>> {
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.callers.close();
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(crate) fn last_commit_at(conn: &mut SqliteConnection) -> Result<Timestamp, SqlError> {
    Ok(time(service::table.select(service::last_commit_at).first(conn)?)?)
}

fn closed() -> Unavailable {
    Unavailable::because("the database is closed")
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(writer) = self.end() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn update(&self, scope: Scope, decide: Decide) -> Result<Records, UpdateError> {
        match self.callers.call(Command { scope, decide }).await {
            Ok(answer) => answer,
            Err(NoAnswer::Full) => Err(Unavailable::overloaded("too many wait to write").into()),
            Err(NoAnswer::Late) => Err(Unavailable::overloaded("a write waited too long").into()),
            Err(NoAnswer::Closed) => Err(closed().into()),
            Err(NoAnswer::Lost) => Err(UpdateError::Unknown(closed())),
        }
    }

    async fn check(&self) -> Result<(), Unavailable> {
        // However many ask, one looks.
        let mut checked = self.checked.lock().await;
        if let Some((at, result)) = &*checked
            && at.elapsed() < if result.is_ok() { CHECKED_FOR } else { FAILED_FOR }
        {
            return result.clone();
        }
        // Whatever a decision does, the time of the commit is written down.
        let result = match self.update(Scope::new(), Box::new(|_| Ok(()))).await {
            Ok(_) => Ok(()),
            Err(UpdateError::Unavailable(fault) | UpdateError::Unknown(fault)) => Err(fault),
            Err(UpdateError::Refused(refusal)) => Err(Unavailable::because(refusal.to_string())),
        };
        *checked = Some((Instant::now(), result.clone()));
        result
    }

    /// Leaves one file that has everything, though others still hold the store: what they hold
    /// (requests cut short, an observer whose caches hold the store) may never go.
    async fn close(&self) {
        if let Some(writer) = self.end() {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}
