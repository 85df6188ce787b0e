//! What became of a commit whose answer was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use domain::records::Scope;
use tokio::time::{sleep, timeout};

use crate::connect::{Database, Session};
use crate::marking::{CommitMark, mark};

/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fortune {
    /// It is in the database for good.
    Committed,
    /// It is not, and never will be.
    RolledBack,
}

/// Finds out what became of the transaction that made `mark`, however often and long it must ask.
pub(crate) async fn settle(database: &Database, mark: CommitMark) -> Fortune {
    loop {
        if let Ok(Some(fortune)) = timeout(LOOK_WITHIN, look(database, mark)).await {
            return fortune;
        }
        sleep(PAUSE).await;
    }
}

async fn look(database: &Database, mark: CommitMark) -> Option<Fortune> {
    let conn = database.connect(Session::Writes).await.ok()?;
    try_to_mark(&conn, mark).await.ok()
}

/// Tries to make the same mark. Where the transaction still runs, this waits for its end; where it
/// was committed, the mark is there; and where ours could be made, it was rolled back.
async fn try_to_mark(mut conn: &AsyncPgConnection, commit: CommitMark) -> Result<Fortune, Error> {
    use DatabaseErrorKind::{ForeignKeyViolation, UniqueViolation};
    conn.batch_execute("BEGIN").await?;
    let marked = mark(conn, commit, &Scope::new()).await;
    conn.batch_execute("ROLLBACK").await?;
    match marked {
        Ok(_) => Ok(Fortune::RolledBack),
        Err(Error::DatabaseError(UniqueViolation, _)) => Ok(Fortune::Committed),
        // The database has gone back to a time before the writer was registered.
        Err(Error::DatabaseError(ForeignKeyViolation, _)) => Ok(Fortune::RolledBack),
        Err(error) => Err(error),
    }
}

/// Of how many commits of a writer it is not known what became of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unsettled(Arc<AtomicUsize>);

/// So many at the most: each may keep a session of the database for as long as it hangs.
const UNSETTLED_MAX: usize = 2;

impl Unsettled {
    /// Whether there are so many that the writer makes no more.
    pub(crate) fn are_too_many(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= UNSETTLED_MAX
    }

    /// There is one more, until `found_out` is over.
    pub(crate) fn until<F: Future<Output = ()>>(
        &self,
        found_out: F,
    ) -> impl Future<Output = ()> + use<F> {
        let count = Arc::clone(&self.0);
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            found_out.await;
            count.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
