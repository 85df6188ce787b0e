//! What became of a commit whose answer was lost.

use std::time::{Duration, Instant};

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use domain::records::Scope;
use tokio::time::{sleep, timeout};

use crate::connect::{Database, Session};
use crate::marking::{CommitMark, mark};

/// For how long the truth is looked for.
const PATIENCE: Duration = Duration::from_secs(10);
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
    /// The database did not answer in all the time.
    Unknown,
}

/// Finds out what became of the transaction that made `mark`, however often it must ask.
pub(crate) async fn settle(database: &Database, mark: CommitMark) -> Fortune {
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        if let Ok(Some(fortune)) = timeout(LOOK_WITHIN, look(database, mark)).await {
            return fortune;
        }
        sleep(PAUSE).await;
    }
    Fortune::Unknown
}

async fn look(database: &Database, mark: CommitMark) -> Option<Fortune> {
    let conn = database.connect(Session::Writes).await.ok()?;
    try_to_mark(&conn, mark).await.ok()
}

/// Tries to make the same mark. Where the transaction still runs, this waits for its end; where it
/// was committed, the mark is there; and where ours could be made, it was rolled back.
async fn try_to_mark(mut conn: &AsyncPgConnection, commit: CommitMark) -> Result<Fortune, Error> {
    conn.batch_execute("BEGIN").await?;
    let marked = mark(conn, commit, &Scope::new()).await;
    conn.batch_execute("ROLLBACK").await?;
    match marked {
        Ok(_) => Ok(Fortune::RolledBack),
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(Fortune::Committed),
        Err(error) => Err(error),
    }
}
