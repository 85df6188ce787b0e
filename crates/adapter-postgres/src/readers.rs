//! The connections that read, who waits for one, and for how long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{BuildError, Hook, HookError, Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use domain::ports::Unavailable;
use tokio::runtime::Handle;

use crate::SqlError;
use crate::connect::{Database, Session};
use crate::heard::{LastHeard, Late};

/// How long a query may take. PostgreSQL itself ends one before that; the rest is for a machine that has
/// much to do.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// The same for one about many rows.
const READ_MUCH_WITHIN: Duration = Duration::from_secs(30);
/// How long a query waits for one of the connections, all of which are at work.
const READER_WITHIN: Duration = Duration::from_secs(10);
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
    ended: LastEnd,
}

/// When all sessions were last to end.
type LastEnd = Arc<Mutex<Instant>>;

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
    pub(crate) fn new(
        database: &Database,
        front: usize,
        heard: LastHeard,
    ) -> Result<Self, BuildError> {
        let ended = Arc::new(Mutex::new(Instant::now()));
        let pool = |session, size| pool(database, session, size, &ended);
        Ok(Self {
            front: pool(Session::Reads, front.max(1))?,
            behind: pool(Session::Reads, READERS_BEHIND)?,
            at_leisure: pool(Session::Reads, READERS_AT_LEISURE)?,
            much: pool(Session::ReadsMuch, READERS_OF_MUCH)?,
            runtime: Handle::current(),
            heard,
            ended,
        })
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

    /// Ends all sessions, those that are in use after what they are at.
    pub(crate) fn end_sessions(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        for pool in [&self.front, &self.behind, &self.at_leisure, &self.much] {
            pool.retain(|_, _| false);
        }
    }
}

fn last(ended: &LastEnd) -> Instant {
    *ended.lock().unwrap_or_else(PoisonError::into_inner)
}

fn silent() -> Unavailable {
    Unavailable::because("the database does not answer")
}

fn pool(
    database: &Database,
    session: Session,
    size: usize,
    ended: &LastEnd,
) -> Result<Pool<AsyncPgConnection>, BuildError> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    let (database, ended_meanwhile) = (database.clone(), Arc::clone(ended));
    config.custom_setup = Box::new(move |_| {
        let (database, ended) = (database.clone(), Arc::clone(&ended_meanwhile));
        Box::pin(async move {
            let began = Instant::now();
            let conn = database.connect(session).await?;
            if began < last(&ended) {
                let too_late = "all sessions were to end while it began".to_owned();
                return Err(ConnectionError::BadConnection(too_late));
            }
            Ok(conn)
        })
    });
    let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
    let ended = Arc::clone(ended);
    let is_to_go_on = Hook::sync_fn(move |_, session| {
        if session.created < last(&ended) {
            return Err(HookError::message("the session is to end"));
        }
        Ok(())
    });
    Pool::builder(manager).max_size(size).pre_recycle(is_to_go_on).build()
}

#[cfg(test)]
mod tests {
    use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

    use super::*;
    use crate::testing;

    diesel::define_sql_function!(fn pg_backend_pid() -> diesel::sql_types::Integer);

    /// The session that answered, after as many seconds.
    async fn session(readers: &Readers, seconds: f64) -> i32 {
        let query = move |mut reader: Reader| async move {
            reader.batch_execute(&format!("SELECT pg_sleep({seconds})")).await?;
            Ok(diesel::select(pg_backend_pid()).get_result(&mut reader).await?)
        };
        readers.read(For::Request, query).await.unwrap()
    }

    #[tokio::test]
    async fn a_session_that_is_in_use_when_all_are_ended_answers_nobody_else() {
        let (database, _throw_away) = testing::store().await;
        let readers = Readers::new(&database, 1, LastHeard::default()).unwrap();
        let first = session(&readers, 0.0).await;
        assert_eq!(session(&readers, 0.0).await, first);
        let end_meanwhile = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            readers.end_sessions();
        };
        let (in_use, ()) = tokio::join!(session(&readers, 0.5), end_meanwhile);
        assert_eq!(in_use, first);
        assert_ne!(session(&readers, 0.0).await, first);
    }
}
