//! The store as the ports see it.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use domain::ports::{CommitObserver, Decide, Ids, Store, Unavailable, UpdateError};
use domain::records::{Records, Scope};
use group_commit::{Callers, NoAnswer};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::{Database, Session};
use crate::deciding::{Answer, Command, Programme};
use crate::feed::{Feed, horizon};
use crate::migrate::{MigrateError, migrate, missing};
use crate::worker::{Desk, Worker};

/// How long a query may take, with the wait for a connection.
const READ_WITHIN: Duration = Duration::from_millis(1_800);

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where it is.
    pub database: Database,
    /// How many connections write side by side.
    pub writers: usize,
    /// How many decisions one transaction carries at the most.
    pub group_max: usize,
    /// How many decisions may wait for each of the writers; one more is turned away at once.
    pub waiting_max: usize,
    /// How many connections read.
    pub readers: usize,
    /// Names this server, and each commit.
    pub ids: Arc<dyn Ids>,
}

impl StoreOptions {
    /// The usual options for a database.
    #[must_use]
    pub fn at(database: Database, ids: Arc<dyn Ids>) -> Self {
        Self { database, writers: 2, group_max: 256, waiting_max: 4096, readers: 4, ids }
    }
}

/// The store on PostgreSQL. Everything that was taken in is answered before its writers end.
pub struct PostgresStore {
    lines: Vec<Callers<Command, Answer>>,
    writers: Vec<JoinHandle<()>>,
    readers: Pool<AsyncPgConnection>,
    pub(crate) database: Database,
    desk: Arc<Desk>,
    feed: AbortHandle,
}

/// A connection that reads, on loan.
pub(crate) type Reader = Object<AsyncPgConnection>;

impl PostgresStore {
    /// Opens the store, with its schema brought up to date. Its writers have threads of their own;
    /// what follows the other servers runs on the caller's tokio runtime.
    ///
    /// # Errors
    /// [`MigrateError`] when the database cannot be reached or its schema not be used.
    pub async fn open(options: &StoreOptions) -> Result<Self, MigrateError> {
        let database = options.database.clone();
        let unreachable =
            |reason: String| MigrateError::Unreachable { database: database.to_string(), reason };
        migrate(&database).await?;
        let conn = database.connect(Session::Reads).await;
        let conn = conn.map_err(|error| unreachable(error.to_string()))?;
        let (time, from) = horizon(&conn).await.map_err(|error| unreachable(error.to_string()))?;
        let desk = Arc::new(Desk {
            database: database.clone(),
            clock: DatabaseClock::told(time),
            observer: Arc::new(OnceLock::new()),
            programme: Programme::new(),
            server_id: options.ids.next(),
            ids: Arc::clone(&options.ids),
            runtime: Handle::current(),
        });
        let (mut lines, mut writers) = (Vec::new(), Vec::new());
        for _ in 0..options.writers.max(1) {
            let (callers, committer) = group_commit::line(options.waiting_max, options.group_max);
            let worker = Worker { desk: Arc::clone(&desk), conn: None };
            let started = worker.start(committer);
            writers.push(started.map_err(|error| unreachable(error.to_string()))?);
            lines.push(callers);
        }
        let readers = pool(&database, options.readers);
        let readers = readers.map_err(|error| unreachable(error.to_string()))?;
        let feed = tokio::spawn(Feed::new(Arc::clone(&desk), from).run()).abort_handle();
        Ok(Self { lines, writers, readers, database, desk, feed })
    }

    /// The store's time, as near as this server can tell it.
    #[must_use]
    pub fn clock(&self) -> DatabaseClock {
        self.desk.clock.clone()
    }

    /// Names who hears of every commit: of this server's before anyone is answered, and of the
    /// others' soon after. The first one named stays.
    pub fn observe(&self, observer: Arc<dyn CommitObserver>) {
        let _ = self.desk.observer.set(observer);
    }

    /// Runs a query on one of the readers.
    pub(crate) async fn read<T, F>(
        &self,
        query: impl FnOnce(Reader) -> F + Send,
    ) -> Result<T, Unavailable>
    where
        F: Future<Output = Result<T, SqlError>> + Send,
    {
        let reading = async {
            let reader = self.readers.get().await.map_err(|error| {
                Unavailable::from_source("the database has no reader for us", error)
            })?;
            query(reader).await.map_err(|error| {
                Unavailable::from_source(format!("the database cannot be read: {error}"), error)
            })
        };
        let late = |_| Unavailable::because("the database does not answer");
        timeout(READ_WITHIN, reading).await.map_err(late)?
    }

    /// The writer that decides about what `scope` names. What is fought over goes to the same one: a
    /// room's line, a seat, a user's cash. Nothing rests on it but speed, since the rows are locked
    /// in any case.
    fn writer(&self, scope: &Scope) -> Option<&Callers<Command, Answer>> {
        let rooms = scope.lines.iter().chain(&scope.ends_of_lines).chain(&scope.rooms);
        let room = rooms.copied().map(Uuid::from).next();
        let seat = scope.seats.first().map(|id| Uuid::from(*id));
        let account = scope.accounts.first().map(|id| Uuid::from(*id));
        let token = scope.tokens.first().map(|id| Uuid::from(*id));
        let reservation = scope.reservations.first().map(|id| Uuid::from(*id));
        let key = room.or(seat).or(account).or(token).or(reservation).map_or(0, |id| id.as_u128());
        let count = u128::try_from(self.lines.len()).ok()?;
        let at = usize::try_from(key.checked_rem(count)?).ok()?;
        self.lines.get(at)
    }
}

fn pool(
    database: &Database,
    size: usize,
) -> Result<Pool<AsyncPgConnection>, diesel_async::pooled_connection::deadpool::BuildError> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    let database = database.clone();
    config.custom_setup = Box::new(move |_| {
        let database = database.clone();
        Box::pin(async move { database.connect(Session::Reads).await })
    });
    let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
    Pool::builder(manager).max_size(size.max(1)).build()
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.feed.abort();
        self.lines.clear();
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn update(&self, scope: Scope, decide: Decide) -> Result<Records, UpdateError> {
        let closed = || Unavailable::because("the store is closed");
        let callers = self.writer(&scope).ok_or_else(closed)?;
        match callers.call(Command { scope, decide }).await {
            Ok(answer) => answer.map(|records| *records),
            Err(NoAnswer::Full) => Err(Unavailable::because("too many wait to write").into()),
            Err(NoAnswer::Closed) => Err(closed().into()),
            Err(NoAnswer::Lost) => Err(UpdateError::Unknown(closed())),
        }
    }

    async fn check(&self) -> Result<(), Unavailable> {
        let missing = self.read(|mut conn| async move { Ok(missing(&mut conn).await?) }).await?;
        match missing.first() {
            Some(version) => {
                Err(Unavailable::because(format!("the schema lacks migration {version}")))
            }
            None => Ok(()),
        }
    }
}
