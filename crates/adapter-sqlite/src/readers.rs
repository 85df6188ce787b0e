//! The connections that read, and who waits for one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::SqliteConnection;
use domain::ports::Unavailable;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::SqlError;
use crate::open::prepare;

/// How long a query waits for one of the connections, all of which are at work.
const READER_WITHIN: Duration = Duration::from_secs(10);
/// How many connections read for the sweepers, and how many for those that forget.
const READERS_BEHIND: u32 = 2;
const READERS_AT_LEISURE: u32 = 1;

/// The connections that read.
pub(crate) struct Readers {
    /// For whoever asks.
    pub(crate) front: Turns,
    /// For the sweepers, which a rush of questions does not keep from their work.
    pub(crate) behind: Turns,
    /// For the sweepers that forget, for which the others do not wait.
    pub(crate) at_leisure: Turns,
}

/// Connections that are given out in turn.
#[derive(Clone)]
pub(crate) struct Turns {
    pool: Pool<ConnectionManager<SqliteConnection>>,
    free: Arc<Semaphore>,
    /// Where queries wait, and then run beside it: not on the threads that answer requests, where a
    /// connection that is free would wait with whoever is next for all the requests there.
    runtime: Option<Handle>,
}

#[derive(Debug)]
struct ReadOnly;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for ReadOnly {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        let prepared = prepare(conn).and_then(|()| conn.batch_execute("PRAGMA query_only=ON"));
        prepared.map_err(diesel::r2d2::Error::QueryError)
    }
}

impl Readers {
    /// Reads a file over `front` connections for whoever asks.
    pub(crate) fn of(path: &Path, front: u32) -> Result<Self, diesel::r2d2::PoolError> {
        Ok(Self {
            front: Turns::of(path, front.max(1))?,
            behind: Turns::of(path, READERS_BEHIND)?,
            at_leisure: Turns::of(path, READERS_AT_LEISURE)?,
        })
    }
}

impl Turns {
    fn of(path: &Path, connections: u32) -> Result<Self, diesel::r2d2::PoolError> {
        let pool = Pool::builder()
            .max_size(connections)
            .connection_timeout(Duration::from_secs(2))
            .connection_customizer(Box::new(ReadOnly))
            .build(ConnectionManager::new(path.to_string_lossy()))?;
        let free = Semaphore::new(usize::try_from(connections).unwrap_or(1));
        Ok(Self { pool, free: Arc::new(free), runtime: Handle::try_current().ok() })
    }

    /// Runs a query when its turn has come.
    ///
    /// # Errors
    /// What is wrong with the file; or an overload, when its turn does not come in time.
    pub(crate) async fn read<T: Send + 'static>(
        self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let lost = |error| Unavailable::from_source("a query did not end", error);
        let Self { pool, free, runtime } = self;
        let reading = async move {
            let late = |_| Unavailable::overloaded("too many queries wait for a connection");
            let turn = timeout(READER_WITHIN, free.acquire_owned()).await.map_err(late)?;
            let read = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                read(&pool, query)
            });
            read.await.map_err(lost)?
        };
        match runtime {
            Some(runtime) => runtime.spawn(reading).await.map_err(lost)?,
            None => reading.await,
        }
    }
}

fn read<T>(
    pool: &Pool<ConnectionManager<SqliteConnection>>,
    query: impl FnOnce(&mut SqliteConnection) -> Result<T, SqlError>,
) -> Result<T, Unavailable> {
    let mut conn = pool
        .get()
        .map_err(|error| Unavailable::from_source("the database has no reader free", error))?;
    // One snapshot for all that a query reads.
    let read = conn.transaction(|conn| query(conn));
    read.map_err(|error| Unavailable::from_source("the database cannot be read", error))
}
