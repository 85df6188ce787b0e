//! What is loaded is found by key, whatever the plan goes by: one may be made when there was nothing
//! yet, and be kept while the first thousands come.

use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use domain::idempotency::IdempotencyKey;
use domain::payment::PaymentState;
use domain::records::{Records, Scope};
use domain::reservation::ReservationState;
use domain::top_up::TopUpState;
use uuid::Uuid;

use super::{Loaded, begin_and_load};
use crate::SqlError;
use crate::connect::{Database, Session};
use crate::marking::CommitMark;
use crate::saving::save;
use crate::statement::Statement;
use crate::testing;

const ANALYSED_AND_NEVER_AGAIN: &str = "
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT relname FROM pg_stat_user_tables LOOP
            EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = false)', name);
        END LOOP;
    END $$;
    ANALYZE;
";

/// The `n`th of a kind.
const IDS: &str = "
    CREATE FUNCTION id(kind bigint, n bigint) RETURNS uuid LANGUAGE sql AS
        $$ SELECT (lpad(to_hex(kind), 16, '0') || lpad(to_hex(n), 16, '0'))::uuid $$;
";

/// Thousands who are inside a room and each hold a seat of a show, and as many who wait there.
const A_RUSH: &str = "
    INSERT INTO users (id, email, name, role, created_at)
        SELECT id(1, n), n || '@rush.example', 'n', 'buyer', now() FROM generate_series(1, 9000) AS n;
    INSERT INTO cash_accounts (user_id, balance, entry_count)
        SELECT id(1, n), 1, 1 FROM generate_series(1, 9000) AS n;
    INSERT INTO waiting_tokens (id, user_id, room_id, number, joined_at, heard_at, state, admitted_at,
            admitted_capacity, ends_at)
        SELECT id(2, n), id(1, n), id(9, 1), n, now(), now(), 'active', now(), 1, now() + interval '1 h'
        FROM generate_series(1, 9000) AS n;
    INSERT INTO waiting_tokens (id, user_id, room_id, number, joined_at, heard_at, state)
        SELECT id(2, n), id(1, n), id(9, 1), n, now(), now(), 'waiting'
        FROM generate_series(9001, 18000) AS n;
    INSERT INTO seats (id, show_id, number, section, row, grade, price, version, state, reservation_id,
            held_until)
        SELECT id(3, n), id(8, 1), n, 'A', '1', 'R', 1, 1, 'held', id(4, n), now() + interval '1 h'
        FROM generate_series(1, 9000) AS n;
    INSERT INTO reservations (id, user_id, concert_id, show_id, date, total_amount, created_at,
            held_until, state)
        SELECT id(4, n), id(1, n), id(7, 1), id(8, 1), '2030-01-01', 1, now(), now() + interval '1 h',
            'held'
        FROM generate_series(1, 9000) AS n;
    INSERT INTO reservation_seats (reservation_id, position, seat_id, price, live)
        SELECT id(4, n), 0, id(3, n), 1, true FROM generate_series(1, 9000) AS n;
    INSERT INTO payments (id, reservation_id, user_id, amount, balance_before, balance_after, paid_at,
            state)
        SELECT id(5, n), id(4, n), id(1, n), 1, 2, 1, now(), 'succeeded'
        FROM generate_series(1, 9000) AS n;
    INSERT INTO top_ups (id, user_id, amount, created_at, state, ended_at, entry_id, balance_after,
            provider_state)
        SELECT id(6, n), id(1, n), 1, now(), 'succeeded', now(), id(6, n), 1, 'charged'
        FROM generate_series(1, 9000) AS n;
    INSERT INTO kept_answers (user_id, call, key, fingerprint, answer, created_at)
        SELECT id(1, n), 'call', 'key', repeat('0', 32)::bytea, '{}', now() FROM generate_series(1, 9000) AS n;
    INSERT INTO room_counts (room_id, writer_id, waiting, inside) VALUES (id(9, 1), id(0, 0), 9000, 9000);
";

const NOBODY_THERE: &str = "
    TRUNCATE users, cash_accounts, cash_entries, waiting_tokens, seats, reservations, reservation_seats,
        payments, top_ups, sessions, password_resets, kept_answers, room_counts, show_counts;
";

const A_ROOM_AND_A_SHOW: &str = "
    INSERT INTO waiting_rooms (id, concert_id, capacity, active_ttl_seconds, idle_ttl_seconds, paused,
            draw_seed, lobby_count, drawn_count, sold_out, last_number, rate_used_until, created_at)
        SELECT id(9, n), id(7, n), 1, 1, 1, false, repeat('0', 32)::bytea, 0, 0, false, 0, now(), now()
        FROM generate_series(1, 2) AS n;
    INSERT INTO concerts (id, title, venue, time_zone, currency, max_seats_per_user, created_at)
        VALUES (id(7, 1), 't', 'v', 'UTC', 'KRW', 4, now());
    INSERT INTO shows (id, concert_id, starts_at, date, seat_count)
        VALUES (id(8, 1), id(7, 1), now(), '2030-01-01', 9000);
";

fn id<Id: From<Uuid>>(kind: u64, n: u64) -> Id {
    Uuid::from_u64_pair(kind, n).into()
}

fn answer(n: u64) -> IdempotencyKey {
    IdempotencyKey { user_id: id(1, n), call: "call".into(), key: "key".into() }
}

/// All that one of these people could have to do with, by every way there is to name it.
fn scope(n: u64) -> Scope {
    // One room that is joined, another in which people are let in.
    Scope::new()
        .end_of_line(id(9, 1))
        .line(id(9, 2))
        .user(id(1, n))
        .email(domain::user::Email::new(&format!("{n}@rush.example")).unwrap())
        .account(id(1, n))
        .token(id(2, n))
        .place(id(1, n), id(9, 1))
        .seats([id(3, n)])
        .reservation(id(4, n))
        .reserved_by(id(1, n), id(7, 1))
        .payment(id(5, n))
        .top_up(id(6, n))
        .kept_answer(Some(answer(n)))
        .uptime()
}

/// What one of them changes.
fn changes(loaded: Loaded) -> Records {
    let now = loaded.moment.now;
    let mut records = Records::at(now);
    loaded.tokens.into_values().for_each(|token| records.tokens.load(token));
    loaded.seats.into_values().for_each(|seat| records.seats.load(seat));
    loaded.reservations.into_values().for_each(|found| records.reservations.load(found));
    loaded.payments.into_values().for_each(|payment| records.payments.load(payment));
    loaded.top_ups.into_values().for_each(|top_up| records.top_ups.load(top_up));
    loaded.accounts.into_values().for_each(|account| records.accounts.load(account));
    loaded.kept_answers.into_values().for_each(|kept| records.kept_answers.load(kept));
    let n = 4_500;
    records.tokens.get_mut(&id(2, n)).unwrap().heard_at = now;
    records.seats.get_mut(&id(3, n)).unwrap().version += 1;
    let ended = ReservationState::Cancelled { ended_at: now };
    records.reservations.get_mut(&id(4, n)).unwrap().state = ended;
    let refunded = PaymentState::Refunded { refunded_at: now };
    records.payments.get_mut(&id(5, n)).unwrap().state = refunded;
    records.top_ups.get_mut(&id(6, n)).unwrap().state = TopUpState::Succeeded {
        entry_id: id(6, n + 1),
        balance_after: domain::money::Amount::ZERO,
        succeeded_at: now,
    };
    records.accounts.get_mut(&id(1, n)).unwrap().entry_count += 1;
    records.kept_answers.get_mut(&answer(n)).unwrap().created_at = now;
    records
}

/// Loads and changes one of them in a transaction, as a writer does, and says how many rows of which
/// tables were read for it.
async fn rows_read(
    mut conn: &AsyncPgConnection,
    number: i64,
    scope: &Scope,
    changes: &Records,
) -> Result<Vec<(String, i64)>, SqlError> {
    let mark = CommitMark { writer_id: Uuid::max(), number };
    begin_and_load(conn, "BEGIN", mark, scope).await?;
    save(conn, changes, None, mark).await?;
    let text = "SELECT relname::text, (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint \
         FROM pg_stat_xact_user_tables";
    let statement = Statement::<(Text, BigInt)>::new(text, vec![]);
    let read = diesel_async::RunQueryDsl::load(statement, &mut conn).await.unwrap();
    conn.batch_execute("COMMIT").await.unwrap();
    Ok(read)
}

#[tokio::test]
async fn a_plan_that_was_made_when_there_was_nothing_finds_by_key_among_thousands() {
    let (conn, throw_away) = testing::writer(Uuid::max()).await;
    let database: Database = throw_away.url.parse().unwrap();
    let other = database.connect(Session::WritesMuch).await.unwrap();
    let scope = scope(4_500);
    for sql in [IDS, A_ROOM_AND_A_SHOW, A_RUSH] {
        (&mut &other).batch_execute(sql).await.unwrap();
    }
    let mark = CommitMark { writer_id: Uuid::max(), number: 1 };
    let changes = changes(begin_and_load(&conn, "BEGIN", mark, &scope).await.unwrap());
    for sql in ["ROLLBACK", "DISCARD PLANS"] {
        (&mut &conn).batch_execute(sql).await.unwrap();
    }
    for sql in [NOBODY_THERE, ANALYSED_AND_NEVER_AGAIN] {
        (&mut &other).batch_execute(sql).await.unwrap();
    }
    assert!(rows_read(&conn, 1, &scope, &changes).await.is_err(), "there is nothing to be changed");
    (&mut &conn).batch_execute("ROLLBACK").await.unwrap();
    (&mut &other).batch_execute(A_RUSH).await.unwrap();
    let read = rows_read(&conn, 1, &scope, &changes).await.unwrap();
    assert!(read.iter().any(|(_, rows)| *rows > 0));
    let many: Vec<_> = read.iter().filter(|(_, rows)| *rows > 20).collect();
    assert!(many.is_empty(), "rows read: {many:?}");
}
