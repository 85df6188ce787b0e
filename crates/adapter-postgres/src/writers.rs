//! The connections that write, as the database knows them: each has a row, and numbers its commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use crate::columns::number;
use crate::counts::gather;
use crate::statement::{Statement, array, one};

/// The time of the store, for statements outside of decisions.
macro_rules! store_time {
    () => {
        "(SELECT clock_timestamp() + s.clock_offset * interval '1 microsecond' \
          FROM service AS s WHERE s.id = 1)"
    };
}

/// Registers a writer, before its first commit. Does not wait until that is on disk or on a standby, which
/// may hang: what the writer commits is written behind it, and so is nowhere without it.
pub(crate) async fn register(
    mut conn: &AsyncPgConnection,
    writer_id: Uuid,
    server_id: Uuid,
) -> QueryResult<()> {
    // Both in one message, and so in one transaction.
    let insert = format!(
        concat!(
            "SET LOCAL synchronous_commit = off; \
             INSERT INTO writers (id, server_id, seen_at) VALUES ('{}', '{}', ",
            store_time!(),
            ")"
        ),
        writer_id, server_id
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

/// How many old rows are deleted at a time.
const FORGOTTEN_AT_ONCE: i64 = 5_000;
/// For how long it goes on, piece by piece.
const FORGETS_FOR: Duration = Duration::from_millis(300);

/// Says that the writers of this server are there, retires those of servers that did not say so for
/// long, and forgets what nobody asks for any more: commits of some minutes ago but for each writer's
/// newest, and the writers that are `gone`, unless they have committed more than that number.
///
/// Each step is a transaction of its own, after which everything is in order: should the next not come
/// about, it is done later. So nobody waits until they are on disk or on a standby either.
pub(crate) async fn keep_up(
    mut conn: &AsyncPgConnection,
    live: &HashMap<Uuid, i64>,
    gone: &[(Uuid, i64)],
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
    let began = Instant::now();
    loop {
        let piece = Statement::<()>::new(forget_commits, vec![one(FORGOTTEN_AT_ONCE)]);
        let forgotten = piece.execute(&mut conn).await?;
        // In a rush, more are made meanwhile than are in a piece.
        if number(forgotten) < FORGOTTEN_AT_ONCE || began.elapsed() > FORGETS_FOR {
            break;
        }
    }
    // One that has come back meanwhile keeps its commits, and one whose COMMIT came about only now.
    let forget_writers = "WITH forgotten AS \
             (DELETE FROM writers AS w USING unnest(?, ?) AS gone (id, number) \
              WHERE w.id = gone.id AND w.retired AND NOT EXISTS (SELECT FROM commits AS c \
                  WHERE c.writer_id = w.id AND c.number > gone.number) RETURNING w.id) \
         DELETE FROM commits USING forgotten WHERE commits.writer_id = forgotten.id";
    let (ids, numbers): (Vec<Uuid>, Vec<i64>) = gone.iter().copied().unzip();
    let gone_up_to = vec![array(ids), array(numbers)];
    Statement::<()>::new(forget_writers, gone_up_to).execute(&mut conn).await?;
    if !gone.is_empty() {
        gather(conn).await?;
    }
    conn.batch_execute("RESET synchronous_commit").await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_writer_whose_last_commit_was_not_heard_of_is_not_forgotten() {
        let writer = Uuid::from_u128(1);
        let (conn, throw_away) = testing::writer(writer).await;
        let two_commits = format!(
            "UPDATE writers SET retired = true; \
             INSERT INTO commits (writer_id, number, committed_at, seat_ids, token_ids) \
                 SELECT '{writer}', n, now(), '{{}}', '{{}}' FROM generate_series(1, 2) AS n"
        );
        (&mut &conn).batch_execute(&two_commits).await.unwrap();
        for (heard, is_left) in [(1, 1), (2, 0)] {
            keep_up(&conn, &HashMap::new(), &[(writer, heard)]).await.unwrap();
            let count =
                throw_away_postgres::number(&throw_away.url, "SELECT count(*) FROM writers");
            assert_eq!(count, Ok(is_left), "heard of {heard}");
        }
    }
}
