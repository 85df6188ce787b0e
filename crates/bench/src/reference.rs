//! What one would write by hand: a transaction with a row lock, run by pgbench on the same tables.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use throw_away_postgres::{Cluster, Database, Postgres, execute};

use crate::load::Times;
use crate::process::COME_TO_REST;

/// A show, people and accounts whose ids are counted, so that a script can name them. The schema is
/// the product's own.
const PEOPLE_AND_SEATS: &str = "
CREATE FUNCTION id(kind int, n bigint) RETURNS uuid IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
INSERT INTO concerts VALUES (id(1, 0), 'rush', 'hall', 'Asia/Seoul', 'KRW', NULL, NULL, 4, NULL, now());
INSERT INTO shows VALUES (id(2, 0), id(1, 0), now(), current_date, PEOPLE, NULL);
INSERT INTO waiting_rooms (id, concert_id, capacity, active_ttl_seconds, idle_ttl_seconds, paused,
        draw_seed, lobby_count, drawn_count, sold_out, last_number, rate_used_until, created_at)
    VALUES (id(3, 0), id(1, 0), 1000000, 600, 120, false, decode(repeat('00', 32), 'hex'), 0, 0,
        false, 0, now(), now());
INSERT INTO users SELECT id(4, n), n || '@example.com', 'n', 'buyer', NULL, now()
    FROM generate_series(1, PEOPLE) AS n;
INSERT INTO seats (id, show_id, number, section, row, grade, price, version, state, reservation_id,
        held_until)
    SELECT id(5, n), id(2, 0), 'A-1-' || n, 'A', '1', 'R', 1, 0, 'available', NULL, NULL
    FROM generate_series(1, PEOPLE) AS n;
INSERT INTO cash_accounts SELECT id(4, n), 1, 1 FROM generate_series(1, PEOPLE) AS n;
CREATE SEQUENCE numbers;
";

/// The ids of the next one that this client is to take.
const NEXT: &str = "
\\set i :i + 1
\\set n :client_id * :each + :i
";

/// A seat is looked at under its lock, taken, and the reservation written down.
const HOLD: &str = "
BEGIN;
SELECT state, price FROM seats WHERE id = id(5, :n) FOR UPDATE;
UPDATE seats SET state = 'held', reservation_id = id(6, :n), held_until = now() + interval '5 minutes',
    version = version + 1 WHERE id = id(5, :n);
INSERT INTO reservations VALUES (id(6, :n), id(4, :n), id(1, 0), id(2, 0), current_date, 1, now(),
    now() + interval '5 minutes', 'held', NULL, NULL, NULL);
COMMIT;
";

/// The reservation and the account are looked at under their locks, the cash is taken, the seat
/// sold, and the payment and its entry written down.
const PAY: &str = "
BEGIN;
SELECT state, held_until, total_amount FROM reservations WHERE id = id(6, :n) FOR UPDATE;
SELECT balance, entry_count FROM cash_accounts WHERE user_id = id(4, :n) FOR UPDATE;
UPDATE cash_accounts SET balance = balance - 1, entry_count = entry_count + 1 WHERE user_id = id(4, :n);
UPDATE seats SET state = 'sold', held_until = NULL, version = version + 1 WHERE id = id(5, :n);
UPDATE reservations SET state = 'confirmed', payment_id = id(7, :n), confirmed_at = now()
    WHERE id = id(6, :n);
INSERT INTO payments VALUES (id(7, :n), id(6, :n), id(4, :n), 1, 1, 0, now(), 'succeeded', NULL);
INSERT INTO cash_entries VALUES (id(8, :n), id(4, :n), 2, 'payment', id(7, :n), 1, 0, now());
COMMIT;
";

const JOIN: &str = "
INSERT INTO waiting_tokens VALUES (id(9, :n), id(4, :n), id(3, 0), id(1, 0), nextval('numbers'), now(),
    now(), 'active', now(), 1000000, now() + interval '10 minutes');
";

/// The hand-written way, on a database of its own.
pub(crate) struct Reference<'a> {
    cluster: &'a Cluster,
    database: Database,
    transactions: usize,
    clients: usize,
}

impl<'a> Reference<'a> {
    /// Makes the tables, and as many people and seats on them; of those, `transactions` are used.
    pub(crate) fn open(
        cluster: &'a Cluster,
        binary: &Path,
        people: usize,
        transactions: usize,
        clients: usize,
    ) -> Result<Self> {
        let database = cluster.create_database();
        let mut migrate = Command::new(binary);
        migrate.arg("migrate").args(["--database-url", &database.url]).env_clear();
        ensure!(migrate.output()?.status.success(), "the tables cannot be made");
        let sql = PEOPLE_AND_SEATS.replace("PEOPLE", &people.to_string());
        execute(&database.url, &sql).map_err(anyhow::Error::msg)?;
        Ok(Self { cluster, database, transactions, clients })
    }

    pub(crate) fn join(&self) -> Result<Times> {
        self.run(JOIN)
    }

    pub(crate) fn hold(&self) -> Result<Times> {
        self.run(HOLD)
    }

    pub(crate) fn pay(&self) -> Result<Times> {
        self.run(PAY)
    }

    fn run(&self, script: &str) -> Result<Times> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("script.sql");
        std::fs::write(&path, format!("{NEXT}{script}"))?;
        execute(&self.database.url, COME_TO_REST).map_err(anyhow::Error::msg)?;
        let each = self.transactions / self.clients;
        let jobs = self.clients.min(2);
        let pgbench = Command::new(self.cluster.binaries.path("pgbench"))
            .current_dir(&folder)
            .args(["--no-vacuum", "-M", "prepared", "--log"])
            .args(["-c", &self.clients.to_string(), "-j", &jobs.to_string()])
            .args(["-t", &each.to_string(), "-D", &format!("each={each}"), "-D", "i=0"])
            .arg("-f")
            .arg(&path)
            .arg(&self.database.url)
            .output()
            .context("pgbench is missing")?;
        let said = String::from_utf8_lossy(&pgbench.stdout);
        let errors = String::from_utf8_lossy(&pgbench.stderr);
        ensure!(pgbench.status.success(), "pgbench failed: {errors}");
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps: f64 =
            tps.and_then(|rest| rest.split(' ').next()?.parse().ok()).context("no tps")?;
        let mut each = Vec::new();
        for log in std::fs::read_dir(&folder)?.flatten() {
            if log.file_name().to_string_lossy().starts_with("pgbench_log") {
                // A line a transaction: client, transaction, microseconds, …
                let lines = std::fs::read_to_string(log.path())?;
                let micros = lines.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok());
                each.extend(micros.map(Duration::from_micros));
            }
        }
        each.sort_unstable();
        let count = f64::from(u32::try_from(each.len())?);
        ensure!(count > 0.0, "pgbench logged nothing: {errors}");
        Ok(Times { took: Duration::from_secs_f64(count / tps), each })
    }
}
