//! The store as the ports see it.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::ports::{CommitObserver, Decide, Ids, OpenedBy, Store, Unavailable, UpdateError};
use domain::records::{Records, Scope};
use futures_util::future::join_all;
use group_commit::{Callers, NoAnswer};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::{Database, Session};
use crate::deciding::{Answer, Command, Programme};
use crate::desk::Desk;
use crate::discipline::Discipline;
use crate::feed::Feed;
use crate::heard::LastHeard;
use crate::migrate::{MigrateError, make_ready, missing};
use crate::readers::{For, Reader, Readers};
use crate::settling::Unsettled;
use crate::stuck::Stuck;
use crate::worker::Worker;
use crate::writers::LiveWriters;

/// How long a group may take to be saved and committed, and a change of very many rows.
const STEP_WITHIN: Duration = Duration::from_millis(1_500);
const STEP_OF_MUCH_WITHIN: Duration = Duration::from_secs(120);
/// For how long it is known that a write works, and for how long that none does.
const CHECKED_FOR: Duration = Duration::from_secs(1);
const FAILED_FOR: Duration = Duration::from_millis(100);
/// For how long the other servers' commits may not be heard of. That is some questions of the feed.
const NOT_FOLLOWED_MAX: Duration = Duration::from_secs(5);
/// How long a write may take that looks whether one works.
const PROBE_WITHIN: Duration = Duration::from_secs(2);

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where it is.
    pub database: Database,
    /// Who opens it.
    pub opened_by: OpenedBy,
    /// How many connections write side by side.
    pub writers: usize,
    /// How many decisions one transaction carries at the most.
    pub group_max: usize,
    /// How many decisions may wait for each of the writers; one more is turned away at once.
    pub waiting_max: usize,
    /// How many connections read.
    pub readers: usize,
    /// Names this server, and each connection that writes.
    pub ids: Arc<dyn Ids>,
}

impl StoreOptions {
    /// The usual options of a command for a database.
    #[must_use]
    pub fn at(database: Database, ids: Arc<dyn Ids>) -> Self {
        let opened_by = OpenedBy::Command;
        Self { database, opened_by, writers: 2, group_max: 256, waiting_max: 4096, readers: 4, ids }
    }
}

/// The store on PostgreSQL. Everything that was taken in is answered before its writers end.
pub struct PostgresStore {
    lines: Vec<Callers<Command, Answer>>,
    /// For changes of very many rows, which the others are not to wait for.
    line_of_much: Option<Callers<Command, Answer>>,
    writers: Vec<JoinHandle<()>>,
    pub(crate) database: Database,
    desk: Arc<Desk>,
    feed: AbortHandle,
    checked: Mutex<Option<(Instant, Result<(), Unavailable>)>>,
}

impl PostgresStore {
    /// Opens the store. Its writers have threads of their own;
    /// what follows the other servers runs on the caller's tokio runtime.
    ///
    /// # Errors
    /// [`MigrateError`] when the database cannot be reached or its schema not be used.
    pub async fn open(options: &StoreOptions) -> Result<Self, MigrateError> {
        let database = options.database.clone();
        let unreachable =
            |reason: String| MigrateError::Unreachable { database: database.to_string(), reason };
        make_ready(&database, options.opened_by).await?;
        let heard = LastHeard::default();
        let readers = Readers::new(&database, options.readers, heard.clone());
        let desk = Arc::new(Desk {
            database: database.clone(),
            clock: DatabaseClock::new(),
            observer: Arc::new(OnceLock::new()),
            history: AtomicU64::new(0),
            beginnings: RwLock::default(),
            readers: readers.map_err(|error| unreachable(error.to_string()))?,
            heard,
            followed: LastHeard::default(),
            discipline: Discipline::default(),
            programme: Programme::new(),
            server_id: options.ids.next(),
            writers: Arc::new(LiveWriters::default()),
            ids: Arc::clone(&options.ids),
            runtime: Handle::current(),
        });
        let conn = database.connect_at_start(Session::Follows).await;
        let conn = conn.map_err(|error| unreachable(error.to_string()))?;
        let feed = Feed::begin(Arc::clone(&desk), conn).await;
        let feed = feed.map_err(|error| unreachable(error.to_string()))?;
        let mut writers = Vec::new();
        let mut start = |session, step_within, group_max| {
            let (callers, committer) = group_commit::line(options.waiting_max, group_max);
            let worker = Worker {
                desk: Arc::clone(&desk),
                session,
                step_within,
                conn: None,
                stuck: Stuck::default(),
                unsettled: Unsettled::default(),
            };
            let started = worker.start(committer);
            writers.push(started.map_err(|error| unreachable(error.to_string()))?);
            Ok(callers)
        };
        let mut lines = Vec::new();
        for _ in 0..options.writers.max(1) {
            lines.push(start(Session::Writes, STEP_WITHIN, options.group_max)?);
        }
        let line_of_much = Some(start(Session::WritesMuch, STEP_OF_MUCH_WITHIN, 1)?);
        let feed = tokio::spawn(feed.run()).abort_handle();
        let checked = Mutex::default();
        Ok(Self { lines, line_of_much, writers, database, desk, feed, checked })
    }

    /// The store's time, as near as this server can tell it.
    #[must_use]
    pub fn clock(&self) -> DatabaseClock {
        self.desk.clock.clone()
    }

    /// Names who hears of every commit: of this server's before anyone is answered, and of the
    /// others' soon after. The first one named stays.
    pub fn observe(&self, observer: Arc<dyn CommitObserver>) {
        observer.began_anew(self.desk.history());
        let _ = self.desk.observer.set(observer);
    }

    /// Runs a query for somebody who asks.
    pub(crate) async fn read<T, F>(
        &self,
        query: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
    {
        self.desk.readers.read(For::Request, query).await
    }

    /// Runs a query for a sweeper.
    pub(crate) async fn read_behind<T, F>(
        &self,
        query: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
    {
        self.desk.readers.read(For::Sweeper, query).await
    }

    /// Runs a query for a sweeper that forgets.
    pub(crate) async fn read_at_leisure<T, F>(
        &self,
        query: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
    {
        self.desk.readers.read(For::Forgetting, query).await
    }

    /// Runs a query about many rows.
    pub(crate) async fn read_much<T, F>(
        &self,
        query: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
    {
        self.desk.readers.read(For::ManyRows, query).await
    }

    async fn call(
        &self,
        callers: Option<&Callers<Command, Answer>>,
        command: Command,
    ) -> Result<Records, UpdateError> {
        let closed = || Unavailable::because("the store is closed");
        match callers.ok_or_else(closed)?.call(command).await {
            Ok(answer) => answer.map(|records| *records),
            Err(NoAnswer::Full) => Err(Unavailable::overloaded("too many wait to write").into()),
            Err(NoAnswer::Late) => Err(Unavailable::overloaded("a write waited too long").into()),
            Err(NoAnswer::Closed) => Err(closed().into()),
            Err(NoAnswer::Lost) => Err(UpdateError::Unknown(closed())),
        }
    }

    /// Whether the schema is in order, the other servers' commits are heard of, and each writer can commit.
    async fn probe(&self) -> Result<(), Unavailable> {
        if self.desk.followed.ago() > NOT_FOLLOWED_MAX {
            return Err(Unavailable::because("the other servers' commits are not heard of"));
        }
        let missing =
            self.read_behind(move |mut conn| async move { Ok(missing(&mut conn).await?) }).await?;
        if let Some(version) = missing.first() {
            let what = format!("the schema lacks migration {version}");
            return Err(Unavailable::because(what));
        }
        let probes = self.lines.iter().map(|callers| {
            let decide: Decide = Box::new(|_| Ok(()));
            self.call(Some(callers), Command { scope: Scope::new(), decide, is_probe: true })
        });
        let late = |_| Unavailable::because("a write does not end");
        let probes = timeout(PROBE_WITHIN, join_all(probes)).await.map_err(late)?;
        let fault = |probe: Result<Records, UpdateError>| match probe.err()? {
            UpdateError::Unavailable(fault) | UpdateError::Unknown(fault) => Some(fault),
            UpdateError::Refused(refusal) => Some(Unavailable::because(refusal.to_string())),
        };
        probes.into_iter().find_map(fault).map_or(Ok(()), Err)
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

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.feed.abort();
        self.lines.clear();
        self.line_of_much = None;
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn update(&self, scope: Scope, decide: Decide) -> Result<Records, UpdateError> {
        let callers =
            if scope.many_rows { self.line_of_much.as_ref() } else { self.writer(&scope) };
        self.call(callers, Command { scope, decide, is_probe: false }).await
    }

    async fn check(&self) -> Result<(), Unavailable> {
        // However many ask, one looks.
        let mut checked = self.checked.lock().await;
        if let Some((at, result)) = &*checked
            && at.elapsed() < if result.is_ok() { CHECKED_FOR } else { FAILED_FOR }
        {
            return result.clone();
        }
        let result = self.probe().await;
        *checked = Some((Instant::now(), result.clone()));
        result
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use tokio::time::sleep;

    use super::*;
    use crate::panics::open;

    /// The histories that it was told of, and none for each commit.
    #[derive(Default)]
    struct Observer(std::sync::Mutex<Vec<Option<u64>>>);

    impl CommitObserver for Observer {
        fn committed(&self, _: &Records) {
            self.0.lock().unwrap().push(None);
        }

        fn began_anew(&self, history: u64) {
            self.0.lock().unwrap().push(Some(history));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_began_before_a_new_beginning_is_not_remembered_after_it() {
        let (store, _database) = open().await;
        let (observer, desk) = (Arc::new(Observer::default()), &store.desk);
        store.observe(observer.clone());
        let (since, changes) = (desk.beginning(), Records::at(Timestamp::UNIX_EPOCH));
        desk.tell(&changes, since);
        desk.begin_anew(7);
        desk.tell(&changes, since);
        assert_eq!(observer.0.lock().unwrap()[1..], [None, Some(7), Some(7)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_does_not_hear_of_the_other_servers_is_not_in_order() {
        let (store, _database) = open().await;
        store.check().await.unwrap();
        store.feed.abort();
        let until_it_says_so = async {
            while store.check().await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(20), until_it_says_so).await.unwrap();
    }
}
