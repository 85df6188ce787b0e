//! What a group needs it finds by key, whatever PostgreSQL believes of its tables. A sale opens with
//! statistics of almost nothing, and a plan that follows them reads a whole room to find one place.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

mod stage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_postgres::PostgresStore;
use chrono::TimeDelta;
use domain::ids::RoomId;
use store_contract::Stage;
use store_contract::looks::LOOKS;
use throw_away_postgres::{Database, execute};
use tokio_postgres::NoTls;

/// Nothing is analysed but when this says so.
const ANALYSE_ONCE: &str = "
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT relname FROM pg_stat_user_tables LOOP
            EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = false)', name);
        END LOOP;
    END $$;
    ANALYZE;
";

const IDS: &str = "
    CREATE FUNCTION id(kind int, n bigint) RETURNS uuid LANGUAGE sql AS
        $$ SELECT (lpad(to_hex(kind), 8, '0') || '-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
";

/// Thousands who came, held, paid and left, and seats for them, in the room and the show that there
/// are.
const LONG_HISTORY: &str = "
    INSERT INTO users SELECT id(1, n), n || '@past.example', 'n', 'buyer', NULL, now()
        FROM generate_series(1, 5000) AS n;
    INSERT INTO cash_accounts SELECT id(1, n), 1, 1 FROM generate_series(1, 5000) AS n;
    INSERT INTO waiting_tokens SELECT id(2, n), id(1, n), r.id, NULL, 1000000 + n, now(), now(), 'done',
            now(), 1, now()
        FROM waiting_rooms AS r, generate_series(1, 5000) AS n;
    INSERT INTO seats (id, show_id, number, section, row, grade, price, version, state,
            reservation_id, held_until)
        SELECT id(3, n), s.id, 'past-' || n, 'A', '1', 'R', 1, 2, 'sold', id(4, n), NULL
        FROM shows AS s, generate_series(1, 5000) AS n;
    INSERT INTO reservations SELECT id(4, n), id(1, n), s.concert_id, s.id, s.date, 1, now(), now(),
            'confirmed', id(5, n), now(), NULL
        FROM shows AS s, generate_series(1, 5000) AS n;
    INSERT INTO reservation_seats SELECT id(4, n), 0, id(3, n), 1, true
        FROM generate_series(1, 5000) AS n;
    INSERT INTO payments SELECT id(5, n), id(4, n), id(1, n), 1, 2, 1, now(), 'succeeded', NULL
        FROM generate_series(1, 5000) AS n;
";

/// Thousands who held seats and let them go, just now.
const LAPSED: &str = "
    INSERT INTO reservations SELECT id(8, n), id(1, n), s.concert_id, s.id, s.date, 1, now(), now(),
            'expired', NULL, NULL, now()
        FROM shows AS s, generate_series(1, 5000) AS n;
";

/// Thousands who wait in the room.
const LONG_LINE: &str = "
    INSERT INTO users SELECT id(6, n), n || '@line.example', 'n', 'buyer', NULL, now()
        FROM generate_series(1, 5000) AS n;
    INSERT INTO waiting_tokens SELECT id(7, n), id(6, n), r.id, NULL, 2000000 + n, now(), now(),
            'waiting', NULL, NULL, NULL
        FROM waiting_rooms AS r, generate_series(1, 5000) AS n;
";

/// Half a million who came, held and went, all of them in the one room and at the one show.
const WHAT_IS_OVER: &str = "
    INSERT INTO waiting_tokens (id, user_id, room_id, number, joined_at, heard_at, state, ends_at)
        SELECT id(2, n), id(1, n), r.id, 1000000 + n, p.past, p.past, 'expired', p.past
        FROM waiting_rooms AS r, generate_series(1, 500000) AS n, (SELECT now() - interval '1 day') AS p (past);
    INSERT INTO reservations (id, user_id, concert_id, show_id, date, total_amount, created_at, held_until,
            state, ended_at)
        SELECT id(4, n), id(1, n), s.concert_id, s.id, s.date, 1, p.past, p.past, 'expired', p.past
        FROM shows AS s, generate_series(1, 500000) AS n, (SELECT now() - interval '1 day') AS p (past);
    INSERT INTO reservation_seats (reservation_id, position, seat_id, price, live)
        SELECT id(4, n), 0, (SELECT id FROM seats LIMIT 1), 1, false FROM generate_series(1, 500000) AS n;
";

/// How long the writer keeps its plans, and some more.
const PLANS_KEPT_FOR: Duration = Duration::from_millis(700);
/// Many more rows than a few groups need, and many fewer than there are.
const FEW: i64 = 1_000;

#[tokio::test]
async fn who_joins_a_long_line_is_looked_for_among_all_who_wait_and_found_by_key() {
    let theatre = Theatre::open().await;
    theatre.stage.buyer().await;
    let before = theatre.analyse_and_fill(LONG_LINE).await;
    for _ in 0..3 {
        let latecomer = theatre.stage.user().await;
        theatre.stage.join(latecomer).await.unwrap();
    }
    theatre.assert_few_were_read_since(before).await;
}

#[tokio::test]
async fn who_comes_after_thousands_is_served_without_reading_of_them() {
    let theatre = Theatre::open().await;
    theatre.journey(0).await;
    let before = theatre.analyse_and_fill(LONG_HISTORY).await;
    for seat in 1..=3 {
        theatre.journey(seat).await;
    }
    theatre.assert_few_were_read_since(before).await;
}

#[tokio::test]
async fn no_look_at_the_store_grows_with_what_is_over() {
    let theatre = Theatre::open().await;
    theatre.journey(0).await;
    let database = theatre.database;
    drop(theatre.stage);
    for sql in [ANALYSE_ONCE, IDS, WHAT_IS_OVER] {
        execute(&database.url, sql).unwrap();
    }
    // By statistics of before, and of now.
    for analyse in ["", "ANALYZE"] {
        execute(&database.url, analyse).unwrap();
        for (name, look) in LOOKS {
            let before = read(&database.url, PAGES, Sessions::None).await;
            let options = stage::options(&database, 1, 256);
            let store = PostgresStore::open(&options).await.unwrap();
            let clock = Arc::new(store.clock());
            look(Stage::over(Arc::new(store), clock)).await;
            let pages = read(&database.url, PAGES, Sessions::None).await - before;
            assert!(pages < FEW_PAGES, "{name} read {pages} pages, after \"{analyse}\"");
        }
    }
}

/// Pages of tables and of indexes that were read so far, of those tables that have much in them.
const PAGES: &str = "
    SELECT sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0)
        + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))::bigint
    FROM pg_statio_user_tables WHERE relname IN ('waiting_tokens', 'reservations', 'reservation_seats')
";
/// More pages than a few rows are on, and very many fewer than half a million.
const FEW_PAGES: i64 = 100;

#[tokio::test]
async fn what_is_to_be_forgotten_is_found_without_reading_of_all_that_is_kept() {
    let theatre = Theatre::open().await;
    theatre.journey(0).await;
    let before = theatre.analyse_and_fill(&[LONG_HISTORY, LAPSED].concat()).await;
    let due = &theatre.stage.due_work;
    let now = theatre.stage.clock.now();
    for (ended_by, found) in [
        (now - TimeDelta::days(1), 0),
        (now + TimeDelta::days(1), 10),
        (now + TimeDelta::days(1), 10),
    ] {
        let rooms = due.rooms_with_old_tokens(ended_by).await.unwrap();
        assert_eq!(rooms.len(), usize::from(found > 0));
        assert_eq!(due.old_tokens(RoomId::SITE, ended_by, 10).await.unwrap().len(), found);
        assert_eq!(due.old_reservations(ended_by, 10).await.unwrap().len(), found);
    }
    theatre.assert_few_were_read_since(before).await;
}

struct Theatre {
    database: Database,
    stage: Stage,
}

impl Theatre {
    async fn open() -> Self {
        let (stage, database) = stage::open(1, 256).await;
        Self { database, stage }
    }

    async fn journey(&self, seat: u32) {
        let buyer = self.stage.buyer().await;
        let held = self.stage.hold(buyer, &[seat], 300).await.unwrap();
        self.stage.pay(buyer, held.id).await.unwrap();
    }

    /// Has PostgreSQL look at what is there, and fills the tables after that. Returns how many rows
    /// were read until then.
    async fn analyse_and_fill(&self, sql: &str) -> i64 {
        for sql in [ANALYSE_ONCE, IDS, sql] {
            execute(&self.database.url, sql).unwrap();
        }
        tokio::time::sleep(PLANS_KEPT_FOR).await;
        read(&self.database.url, ROWS, Sessions::OfTheStore).await
    }

    async fn assert_few_were_read_since(self, before: i64) {
        drop(self.stage);
        let read = read(&self.database.url, ROWS, Sessions::None).await - before;
        assert!((1..FEW).contains(&read), "{read} rows were read");
    }
}

/// Rows that were read of all tables so far.
const ROWS: &str = "SELECT (coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0))::bigint \
     FROM pg_stat_user_tables";

/// Which sessions are left when it is counted what they read: what a session read is known for certain only
/// when it has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sessions {
    OfTheStore,
    None,
}

/// How much was read so far, by that count.
async fn read(url: &str, count: &str, left: Sessions) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
         AND ($1 OR application_name <> 'stagedoor')";
    let is_alone = async || {
        let row = client.query_one(others, &[&(left == Sessions::None)]).await.unwrap();
        row.get::<_, i64>(0) == 0
    };
    let began = Instant::now();
    while !is_alone().await {
        assert!(began.elapsed() < Duration::from_secs(30), "a session does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.query_one(count, &[]).await.unwrap().get(0)
}
