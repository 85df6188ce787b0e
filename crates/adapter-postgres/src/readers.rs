//! The connections that read, who waits for one, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{BuildError, Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use domain::ports::Unavailable;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::SqlError;
use crate::connect::{Database, Session};

/// How long a query may take. PostgreSQL itself ends one before that; the rest is for a machine that has
/// much to do.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// The same for one about many rows.
const READ_MUCH_WITHIN: Duration = Duration::from_secs(30);
/// How long a query waits for one of the connections, all of which are at work.
const READER_WITHIN: Duration = Duration::from_secs(10);
/// After how long a silence of the database nobody waits for it any more.
const SILENCE_MAX: Duration = Duration::from_millis(1_800);
/// How often whoever has waited for that long looks whether it was heard of.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many connections read for the sweepers, for those that forget, and about many rows.
const READERS_BEHIND: usize = 2;
const READERS_AT_LEISURE: usize = 1;
const READERS_OF_MUCH: usize = 2;

/// A connection that reads, on loan.
pub(crate) type Reader = Object<AsyncPgConnection>;

/// The connections that read.
pub(crate) struct Readers {
    /// For whoever asks.
    front: Pool<AsyncPgConnection>,
    /// For the sweepers, which a rush of questions does not keep from their work.
    behind: Pool<AsyncPgConnection>,
    /// For the sweepers that forget, for which the others do not wait.
    at_leisure: Pool<AsyncPgConnection>,
    /// For queries about many rows.
    much: Pool<AsyncPgConnection>,
    /// Where queries run, and their connections: not on the threads that answer requests, on which each
    /// step would have its turn after all the requests that came before it.
    runtime: Handle,
    heard: LastHeard,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Somebody who asks.
    Request,
    /// A sweeper.
    Sweeper,
    /// A sweeper that forgets what ended long ago.
    Forgetting,
    /// Whoever asks about many rows, such as a line of a million or the seats of a show.
    ManyRows,
}

impl Readers {
    /// Reads on the caller's tokio runtime, over `front` connections for whoever asks.
    pub(crate) fn new(database: &Database, front: usize) -> Result<Self, BuildError> {
        Ok(Self {
            front: pool(database, Session::Reads, front.max(1))?,
            behind: pool(database, Session::Reads, READERS_BEHIND)?,
            at_leisure: pool(database, Session::Reads, READERS_AT_LEISURE)?,
            much: pool(database, Session::ReadsMuch, READERS_OF_MUCH)?,
            runtime: Handle::current(),
            heard: LastHeard::default(),
        })
    }

    /// The database said something.
    pub(crate) fn heard(&self) {
        self.heard.note();
    }

    /// Runs a query.
    ///
    /// # Errors
    /// What is wrong with the database; or an overload, while it is heard of and there is no connection
    /// for the query in time.
    pub(crate) async fn read<T, F>(
        &self,
        whom: For,
        query: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
    {
        let (pool, limit) = match whom {
            For::Request => (&self.front, READ_WITHIN),
            For::Sweeper => (&self.behind, READ_WITHIN),
            For::Forgetting => (&self.at_leisure, READ_WITHIN),
            For::ManyRows => (&self.much, READ_MUCH_WITHIN),
        };
        let (pool, heard) = (pool.clone(), self.heard.clone());
        let reading = self.runtime.spawn(async move {
            let reader =
                heard.wait(READER_WITHIN, pool.get()).await.map_err(|late| match late {
                    Late::Silent => silent(),
                    Late::Slow => Unavailable::overloaded("too many queries wait for a connection"),
                })?;
            let reader = reader.map_err(|error| {
                Unavailable::from_source("the database has no reader for us", error)
            })?;
            let found = heard.wait(limit, query(reader)).await.map_err(|_| silent())?;
            heard.note();
            found.map_err(|error| {
                Unavailable::from_source(format!("the database cannot be read: {error}"), error)
            })
        });
        let lost = |error| Unavailable::from_source("a query did not end", error);
        reading.await.map_err(lost)?
    }

    /// Ends the sessions that are not in use.
    pub(crate) fn end_sessions(&self) {
        for pool in [&self.front, &self.behind, &self.at_leisure, &self.much] {
            pool.retain(|_, _| false);
        }
    }
}

fn silent() -> Unavailable {
    Unavailable::because("the database does not answer")
}

fn pool(
    database: &Database,
    session: Session,
    size: usize,
) -> Result<Pool<AsyncPgConnection>, BuildError> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    let database = database.clone();
    config.custom_setup = Box::new(move |_| {
        let database = database.clone();
        Box::pin(async move { database.connect(session).await })
    });
    let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
    Pool::builder(manager).max_size(size).build()
}

/// When the database was last heard of, by whoever hears of it.
#[derive(Debug, Clone)]
struct LastHeard {
    origin: Instant,
    /// In milliseconds since the origin.
    at: Arc<AtomicU64>,
}

/// Why nobody waits any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// Nothing is heard of the database.
    Silent,
    /// It is heard of, and this is not done.
    Slow,
}

impl Default for LastHeard {
    fn default() -> Self {
        Self { origin: Instant::now(), at: Arc::default() }
    }
}

impl LastHeard {
    fn note(&self) {
        self.at.fetch_max(self.millis(), Ordering::Relaxed);
    }

    fn is_silent(&self) -> bool {
        let since = self.millis().saturating_sub(self.at.load(Ordering::Relaxed));
        Duration::from_millis(since) > SILENCE_MAX
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits as long as the database is heard of, and `limit` at the most.
    async fn wait<T>(&self, limit: Duration, answer: impl Future<Output = T>) -> Result<T, Late> {
        let began = Instant::now();
        let mut look_after = SILENCE_MAX;
        tokio::pin!(answer);
        loop {
            match timeout(look_after, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) if self.is_silent() => return Err(Late::Silent),
                Err(_) if began.elapsed() >= limit => return Err(Late::Slow),
                Err(_) => look_after = LOOK_EVERY,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_database_that_is_heard_of_is_waited_for_up_to_the_limit_and_a_silent_one_is_not() {
        let heard = LastHeard::default();
        heard.note();
        let answer = heard.wait(Duration::MAX, pending::<()>());
        assert_eq!(answer.await, Err(Late::Silent));
        let hears = heard.clone();
        let hearing = tokio::spawn(async move {
            loop {
                hears.note();
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        tokio::task::yield_now().await;
        let answer = heard.wait(SILENCE_MAX, pending::<()>());
        assert_eq!(answer.await, Err(Late::Slow));
        let late = tokio::time::sleep(SILENCE_MAX * 2);
        assert_eq!(heard.wait(Duration::MAX, late).await, Ok(()));
        hearing.abort();
    }
}
