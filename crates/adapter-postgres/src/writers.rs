//! The connections that write, as the database knows them: each has a row, and numbers its commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use crate::statement::{Statement, array, one};

/// Registers a writer, before its first commit. Does not wait until that is on disk or on a standby, which
/// may hang: what the writer commits is written behind it, and so is nowhere without it.
pub(crate) async fn register(
    mut conn: &AsyncPgConnection,
    writer_id: Uuid,
    server_id: Uuid,
) -> QueryResult<()> {
    // Both at once are one transaction.
    let insert = format!(
        "SET LOCAL synchronous_commit = off; \
         INSERT INTO writers (id, server_id, seen_at) \
         VALUES ('{writer_id}', '{server_id}', clock_timestamp())"
    );
    conn.batch_execute(&insert).await
}

/// The writers of this server whose connections are in use, and how many commits each has made.
#[derive(Debug, Default)]
pub(crate) struct LiveWriters(Mutex<HashMap<Uuid, i64>>);

impl LiveWriters {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each of them has committed.
    pub(crate) fn all(&self) -> HashMap<Uuid, i64> {
        self.lock().clone()
    }
}

/// A writer whose connection is in use, until it is dropped. From then on the server hears of what it
/// may yet commit as it hears of other servers' commits: of a COMMIT whose answer was lost, whenever it
/// turns out to have come about.
#[derive(Debug)]
pub(crate) struct LiveWriter {
    pub(crate) id: Uuid,
    committed: i64,
    all: Arc<LiveWriters>,
}

impl LiveWriter {
    pub(crate) fn new(id: Uuid, all: Arc<LiveWriters>) -> Self {
        all.lock().insert(id, 0);
        Self { id, committed: 0, all }
    }

    /// The number of its next commit.
    pub(crate) const fn next_number(&self) -> i64 {
        self.committed.saturating_add(1)
    }

    /// The next commit was made.
    pub(crate) fn committed(&mut self) {
        self.committed = self.next_number();
        self.all.lock().insert(self.id, self.committed);
    }
}

impl Drop for LiveWriter {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

/// The time of the store, for statements outside of decisions.
macro_rules! store_time {
    () => {
        "(SELECT clock_timestamp() + s.clock_offset * interval '1 microsecond' \
          FROM service AS s WHERE s.id = 1)"
    };
}

/// How many old rows are deleted at a time.
const FORGOTTEN_AT_ONCE: i64 = 5_000;

/// Says that the writers of this server are there, retires those of servers that did not say so for
/// long, and forgets what nobody asks for any more: commits of some minutes ago but for each writer's
/// newest, and the writers that are `gone`. Does not wait until that is on disk or on a standby: should
/// it be lost, it is done again.
pub(crate) async fn keep_up(
    mut conn: &AsyncPgConnection,
    live: &HashMap<Uuid, i64>,
    gone: &[Uuid],
) -> QueryResult<()> {
    conn.batch_execute("SET synchronous_commit = off").await?;
    let seen = concat!(
        "UPDATE writers SET seen_at = ",
        store_time!(),
        ", retired = false WHERE id = ANY(?)"
    );
    let live = array(live.keys().copied().collect());
    Statement::<()>::new(seen, vec![live]).execute(&mut conn).await?;
    let retire = concat!(
        "UPDATE writers SET retired = true WHERE NOT retired AND seen_at < ",
        store_time!(),
        " - interval '10 minutes'"
    );
    Statement::<()>::new(retire, vec![]).execute(&mut conn).await?;
    let forget_commits = concat!(
        "DELETE FROM commits WHERE (writer_id, number) IN (\
             SELECT c.writer_id, c.number FROM commits AS c WHERE c.committed_at < ",
        store_time!(),
        " - interval '5 minutes' AND c.number < \
                 (SELECT max(n.number) FROM commits AS n WHERE n.writer_id = c.writer_id) \
             ORDER BY c.committed_at LIMIT ?)"
    );
    let parameters = vec![one(FORGOTTEN_AT_ONCE)];
    Statement::<()>::new(forget_commits, parameters).execute(&mut conn).await?;
    let forget_writers = "WITH rest AS (DELETE FROM commits WHERE writer_id = ANY(?)) \
         DELETE FROM writers WHERE retired AND id = ANY(?)";
    let gone = || array(gone.to_vec());
    Statement::<()>::new(forget_writers, vec![gone(), gone()]).execute(&mut conn).await?;
    conn.batch_execute("RESET synchronous_commit").await
}
