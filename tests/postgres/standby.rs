//! A synchronous standby that hangs: COMMITs go in and do not come back, and nobody says no.
//!
//! `STAGEDOOR_HISTORY_ROUNDS` says how many rounds (1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use throw_away_postgres::{Postgres, number};
use tokio::task::JoinSet;

use super::history::{Company, SERVERS, WORKS_WITHIN, cluster};
use crate::harness::{Caller, Server, rounds};

/// How many sessions a server has at the most, as README.md says.
const SESSIONS_MAX: i64 = 22;
/// Who charges at each server.
const TRADERS: usize = 6;
/// The longest that anybody waits for an answer is ten seconds; a machine that is busy with other tests
/// gets some more.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// For how long whoever is refused does something else.
const PAUSE: Duration = Duration::from_millis(500);

/// What a trader was told of each sum.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Done(Value),
    /// Nothing changed.
    Refused,
    /// It may be done.
    Unknown,
}

/// Somebody who charges one sum after the other, each with a key of its own, and no two the same.
struct Trader {
    user: Caller,
    told: BTreeMap<u32, Told>,
}

impl Trader {
    async fn charge(&self, sum: u32) -> Told {
        let asked = Instant::now();
        let user = self.user.with_key(&format!("sum-{sum}"));
        let answer = user.post("/api/users/balance", json!({ "amount": sum })).await;
        assert!(asked.elapsed() < ANSWERS_WITHIN, "{:?}: {answer:?}", asked.elapsed());
        match (answer.status.as_u16(), answer.body["code"].as_str()) {
            (200, _) => Told::Done(answer.body),
            (503, Some("unavailable" | "overloaded")) => Told::Refused,
            (503, Some("outcome_unknown")) => Told::Unknown,
            other => panic!("{other:?}"),
        }
    }

    async fn trade(mut self, trade: Arc<Trade>) -> Self {
        while !trade.is_over.load(Ordering::Relaxed) {
            let sum = self.told.keys().last().map_or(1, |last| last + 1);
            let told = self.charge(sum).await;
            match told {
                Told::Done(_) => {}
                Told::Refused => tokio::time::sleep(PAUSE).await,
                Told::Unknown => drop(trade.unknown.fetch_add(1, Ordering::Relaxed)),
            }
            self.told.insert(sum, told);
        }
        self
    }

    /// The sums that are in the store, each of which must be there once.
    async fn charged(&self) -> BTreeSet<u32> {
        let mut charged = BTreeSet::new();
        let mut path = "/api/users/balance/entries?limit=100".to_owned();
        loop {
            let page = self.user.get(&path).await.expect(200);
            for entry in page["entries"].as_array().unwrap() {
                let sum = entry["amount"].as_u64().unwrap().try_into().unwrap();
                assert!(charged.insert(sum), "{sum} twice");
            }
            let Some(cursor) = page["next_cursor"].as_str() else { return charged };
            path = format!("/api/users/balance/entries?limit=100&cursor={cursor}");
        }
    }

    /// Everything that was told is true; and what is asked again with its key is done once.
    async fn check(&mut self) {
        let charged = self.charged().await;
        for (sum, told) in &self.told {
            match told {
                Told::Done(_) => assert!(charged.contains(sum), "{sum} is gone"),
                Told::Refused => assert!(!charged.contains(sum), "{sum} was refused, and is there"),
                Told::Unknown => {}
            }
        }
        for (sum, told) in self.told.clone() {
            let again = self.charge(sum).await;
            assert!(matches!(again, Told::Done(_)), "{sum}: {again:?}");
            if let Told::Done(_) = told {
                assert_eq!(again, told, "{sum}");
            }
            assert_eq!(self.charge(sum).await, again, "{sum}");
            self.told.insert(sum, again);
        }
        assert!(self.charged().await.into_iter().eq(self.told.keys().copied()));
    }
}

/// What all traders share.
#[derive(Default)]
struct Trade {
    is_over: AtomicBool,
    /// How often somebody was told that it is not known.
    unknown: AtomicUsize,
}

/// What must hold as long as the standby hangs.
struct Watch<'a> {
    company: &'a Company,
    /// Where the database is.
    url: String,
}

impl Watch<'_> {
    /// People see what is in memory, and there are not too many sessions.
    async fn look(&self) {
        let seats = format!("/api/shows/{}/seats", self.company.concert.show);
        for server in &self.company.servers {
            for place in &self.company.people {
                let place = place.at(server);
                let ticket = place.get("/api/queue_tokens/current").await.expect(200);
                assert_eq!(ticket["state"], "active");
                place.get(&seats).await.expect(200);
            }
        }
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND application_name = 'stagedoor'";
        let sessions = tokio::task::block_in_place(|| number(&self.url, count)).unwrap();
        let most = SESSIONS_MAX * i64::try_from(SERVERS).unwrap();
        assert!(sessions <= most, "{sessions} sessions, and {most} are the most");
    }

    /// Looks until each server says at `/readyz` that it cannot work.
    async fn until_none_is_ready(&self) {
        let began = Instant::now();
        let is_ready = async |server: &Server| server.anyone().get("/readyz").await.status == 200;
        for server in &self.company.servers {
            while is_ready(server).await {
                assert!(began.elapsed() < WORKS_WITHIN, "a server says that it can write");
                self.look().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_hangs_stops_writes_alone_and_nobody_is_told_what_is_not_so() {
    let Some(primary) = cluster() else { return };
    let database = primary.create_database();
    let standby = primary.standby().unwrap();
    primary.wait_for_standbys();
    let mut company = Company::on(database).await;
    let mut traders = Vec::new();
    for server in &company.servers {
        for _ in 0..TRADERS {
            let user = server.user("trader").await;
            traders.push(Trader { user, told: BTreeMap::new() });
        }
    }
    for _ in 0..rounds() {
        company.begin().await;
        let trade = Arc::new(Trade::default());
        let mut trading = JoinSet::new();
        for trader in traders.drain(..) {
            trading.spawn(trader.trade(Arc::clone(&trade)));
        }
        // What is undone at the end, after a failure, too, waits for it.
        let hanging = standby.hang();
        let watch = Watch { company: &company, url: company.installation.database_url() };
        watch.until_none_is_ready().await;
        let began = Instant::now();
        while trade.unknown.load(Ordering::Relaxed) < SERVERS {
            assert!(began.elapsed() < WORKS_WITHIN, "nobody hears that it is not known");
            watch.look().await;
        }
        watch.until_none_is_ready().await;
        drop(hanging);
        company.work().await;
        trade.is_over.store(true, Ordering::Relaxed);
        traders = trading.join_all().await;
        for trader in &mut traders {
            trader.check().await;
        }
        for n in 0..SERVERS {
            company.sell(n, 1).await;
        }
        company.agree().await;
    }
    company.installation.assert_sound();
}
