use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::ports::CommitObserver;
use domain::records::Records;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use uuid::Uuid;

use crate::panics::open;

/// What an observer was told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    BeganAnew,
    /// Of so many seats.
    Seats(usize),
}

/// Tells all that it is told, and panics at its second beginning.
struct Observer {
    told: UnboundedSender<Told>,
    beginnings: AtomicUsize,
}

impl CommitObserver for Observer {
    fn committed(&self, changes: &Records) {
        let _ = self.told.send(Told::Seats(changes.seats.changes().count()));
    }

    fn began_anew(&self, _: u64) {
        let _ = self.told.send(Told::BeganAnew);
        assert_ne!(self.beginnings.fetch_add(1, Ordering::SeqCst), 1, "a beginning that fails");
    }
}

fn observer() -> (Arc<Observer>, UnboundedReceiver<Told>) {
    let (told, hears) = unbounded_channel();
    (Arc::new(Observer { told, beginnings: AtomicUsize::new(0) }), hears)
}

async fn next(hears: &mut UnboundedReceiver<Told>) -> Option<Told> {
    timeout(Duration::from_secs(20), hears.recv()).await.ok()?
}

fn execute(database: &throw_away_postgres::Database, sql: &str) {
    throw_away_postgres::execute(&database.url, sql).unwrap();
}

const WRITER: Uuid = Uuid::from_u128(1);

fn register() -> String {
    format!("INSERT INTO writers (id, server_id, seen_at) VALUES ('{WRITER}', '{WRITER}', now());")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_panics_begins_anew() {
    let (store, database) = open().await;
    let (observer, mut hears) = observer();
    store.observe(observer);
    assert_eq!(next(&mut hears).await, Some(Told::BeganAnew));
    let commits = "INSERT INTO commits (writer_id, number, committed_at, seat_ids, token_ids)";
    // Commits 1 and 2 are not there, which the feed takes for a gap.
    execute(
        &database,
        &format!("{} {commits} VALUES ('{WRITER}', 3, now(), '{{}}', '{{}}')", register()),
    );
    for _ in 0..2 {
        assert_eq!(next(&mut hears).await, Some(Told::BeganAnew));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_read_is_told_once_though_more_cannot_be() {
    let (store, database) = open().await;
    let (observer, mut hears) = observer();
    store.observe(observer);
    assert_eq!(next(&mut hears).await, Some(Told::BeganAnew));
    // The second commit's seat cannot be read.
    execute(
        &database,
        &format!(
            "SET session_replication_role = replica; {} \
             INSERT INTO seats (id, show_id, number, section, row, grade, price, version, state) \
                 SELECT gen_random_uuid(), '{WRITER}', n, 'A', 'A', 'A', 1, \
                     CASE WHEN n = 0 THEN -1 ELSE 1 END, 'available' \
                 FROM generate_series(0, 2500) AS n; \
             INSERT INTO commits (writer_id, number, committed_at, seat_ids, token_ids) \
                 VALUES ('{WRITER}', 1, now(), \
                     ARRAY(SELECT id FROM seats WHERE version > 0), '{{}}'), \
                 ('{WRITER}', 2, now(), ARRAY(SELECT id FROM seats WHERE version < 0), '{{}}')",
            register()
        ),
    );
    assert_eq!(next(&mut hears).await, Some(Told::Seats(2_500)));
    execute(&database, "UPDATE seats SET version = 1 WHERE version < 0");
    assert_eq!(next(&mut hears).await, Some(Told::Seats(1)));
}
