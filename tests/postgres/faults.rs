//! Three servers whose clocks are ten minutes apart, one PostgreSQL, and everything that can break,
//! breaking: servers and the database killed, the network cut, silent, or losing a COMMIT or its
//! answer. Clients keep a history of what they were told; afterwards the store must agree with it.
//!
//! `STAGEDOOR_FAULT_ROUNDS` says how many rounds (3), `STAGEDOOR_FAULT_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use throw_away_postgres::{Cluster, Durability, Postgres};
use tokio::task::JoinSet;

use super::proxy::{Network, NextCommit, Proxy, address_of};
use crate::harness::{Caller, Installation, Server, enter, text};

const SERVERS: usize = 3;
const CLIENTS: u64 = 12;
const SEATS: u32 = 120;
const ROUND: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_nothing_acknowledged_is_lost_and_nothing_is_sold_twice() {
    let seed = setting("STAGEDOOR_FAULT_SEED", u64::from(std::process::id()));
    let rounds = setting("STAGEDOOR_FAULT_ROUNDS", 3);
    println!("{rounds} rounds, STAGEDOOR_FAULT_SEED={seed}");
    let mut company = Company::gather(StdRng::seed_from_u64(seed)).await;
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..CLIENTS {
        clients.push(company.client(StdRng::seed_from_u64(seed ^ (n + 1))).await);
    }
    for round in 1..=rounds {
        let over = Arc::new(AtomicBool::new(false));
        let mut trading = JoinSet::new();
        for mut client in clients.drain(..) {
            let over = Arc::clone(&over);
            trading.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    client.trade().await;
                }
                client
            });
        }
        let faults = company.break_things(ROUND).await;
        over.store(true, Ordering::Relaxed);
        company.mend().await;
        clients = trading.join_all().await;
        company.installation.assert_sound();
        let mut told = Told::default();
        for client in &mut clients {
            told += client.compare_with_the_store().await;
        }
        println!("round {round}: {faults:?}; {told:?}; every invariant holds");
        assert!(told.charges > 0, "nobody did anything");
    }
    let paid: usize = clients.iter().map(|client| client.payments.len()).sum();
    assert!(paid > 0, "nobody bought anything");
}

/// The servers, their database, and what is between them.
struct Company {
    /// None where there are no binaries to run one of our own: then the database is not killed.
    cluster: Option<Cluster>,
    installation: Installation,
    servers: Vec<Option<Server>>,
    networks: Vec<Proxy>,
    addresses: Arc<RwLock<Vec<String>>>,
    concert: crate::harness::Concert,
    random: StdRng,
}

impl Company {
    async fn gather(random: StdRng) -> Self {
        let cluster = Cluster::start(Durability::Default).ok();
        let database = match &cluster {
            Some(own) => own.create_database(),
            None => throw_away_postgres::shared().create_database(),
        };
        let installation = Installation::on(Some(database))
            .with("HOLD_SECONDS", 2)
            .with("ROOM_ACTIVE_SECONDS", 20)
            .with("SWEEP_INTERVAL_MS", 300);
        installation.create_operator();
        if faketime().is_none() {
            println!("libfaketime is missing (apt-get install libfaketime): all clocks agree");
        }
        let mut networks = Vec::new();
        for _ in 0..SERVERS {
            networks.push(Proxy::to(address_of(&installation.database_url())).await);
        }
        let mut company = Self {
            cluster,
            installation,
            servers: (0..SERVERS).map(|_| None).collect(),
            networks,
            addresses: Arc::new(RwLock::new(vec![String::new(); SERVERS])),
            concert: crate::harness::Concert::default(),
            random,
        };
        for n in 0..SERVERS {
            company.start(n);
        }
        let operator = company.servers[0].as_ref().unwrap().operator().await;
        company.concert = enter(&operator, json!({ "capacity": 8 }), SEATS).await;
        company
    }

    /// Starts a server, whose clock is ten minutes ahead of the next one's.
    fn start(&mut self, n: usize) {
        let mut command = self.installation.command(&["serve"]);
        // One that finds its database away at the start says so and ends.
        self.networks[n].mend();
        let url = self.networks[n].before(&self.installation.database_url());
        command.env("STAGEDOOR_DATABASE_URL", url);
        if let Some(library) = faketime() {
            command.env("LD_PRELOAD", library);
            command.env("FAKETIME", ["+600s", "+0s", "-600s"][n % 3]);
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let server = self.installation.start_as(command);
        server.address().clone_into(&mut self.addresses.write().unwrap()[n]);
        self.servers[n] = Some(server);
    }

    async fn client(&self, random: StdRng) -> Client {
        let user = self.servers[0].as_ref().unwrap().user("trader").await;
        Client {
            user,
            addresses: Arc::clone(&self.addresses),
            concert: self.concert.id.clone(),
            show: self.concert.show.clone(),
            seats: self.concert.seats.clone(),
            random,
            last_key: 0,
            charges: BTreeMap::new(),
            payments: BTreeMap::new(),
            refunds: BTreeSet::new(),
            unknown_charges: 0,
            unknown_payments: BTreeSet::new(),
        }
    }

    /// Breaks one thing after the other, for a while, and says what.
    async fn break_things(&mut self, lasting: Duration) -> Vec<&'static str> {
        let began = Instant::now();
        let mut faults = Vec::new();
        while began.elapsed() < lasting {
            self.pause(50..600).await;
            let n = self.random.random_range(0..SERVERS);
            let fault = self.random.random_range(0..6);
            faults.push(match fault {
                0 => {
                    self.servers[n].take().unwrap().kill();
                    self.pause(0..500).await;
                    self.start(n);
                    "server killed"
                }
                1 if self.cluster.is_some() => {
                    let pause = self.random.random_range(0..800);
                    let cluster = self.cluster.as_ref().unwrap();
                    cluster.kill();
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    tokio::task::block_in_place(|| cluster.start_again());
                    "database killed"
                }
                2 => self.disturb(n, Network::Cut, "network cut").await,
                3 => self.disturb(n, Network::Silent, "network silent").await,
                4 => {
                    self.networks[n].set_next_commit(NextCommit::Lost);
                    "commit lost"
                }
                _ => {
                    self.networks[n].set_next_commit(NextCommit::Unanswered);
                    "commit unanswered"
                }
            });
        }
        faults
    }

    async fn disturb(&mut self, n: usize, how: Network, what: &'static str) -> &'static str {
        self.networks[n].set(how);
        self.pause(50..1_500).await;
        self.networks[n].set(Network::Whole);
        what
    }

    async fn pause(&mut self, milliseconds: std::ops::Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(milliseconds))).await;
    }

    /// Waits until every server works again.
    async fn mend(&self) {
        for server in self.servers.iter().flatten() {
            let began = Instant::now();
            while server.anyone().get("/readyz").await.status != 200 {
                assert!(began.elapsed() < PATIENCE, "{}", self.installation.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let libraries = folders.map(|folder| Path::new(folder).join("faketime/libfaketime.so.1"));
    libraries.into_iter().find(|library| library.exists())
}

/// Somebody who buys, asks whichever server, and asks again when told nothing.
struct Client {
    user: Caller,
    addresses: Arc<RwLock<Vec<String>>>,
    concert: String,
    show: String,
    seats: Vec<String>,
    random: StdRng,
    last_key: u64,
    /// Entries that were acknowledged.
    charges: BTreeMap<String, Value>,
    /// Payments that were acknowledged, and their reservations.
    payments: BTreeMap<String, String>,
    /// Payments whose refund was acknowledged.
    refunds: BTreeSet<String>,
    /// Charges of which nothing certain was heard.
    unknown_charges: usize,
    /// Reservations of whose payment nothing certain was heard.
    unknown_payments: BTreeSet<String>,
}

/// What clients were told, in numbers.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    charges: usize,
    payments: usize,
    refunds: usize,
    unknown: usize,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.charges += other.charges;
        self.payments += other.payments;
        self.refunds += other.refunds;
        self.unknown += other.unknown;
    }
}

impl Client {
    /// Charges, waits to be let in, holds, pays, and sometimes wants the cash back.
    async fn trade(&mut self) {
        let user = self.user.clone();
        match self.ask(&user, "/api/users/balance", json!({ "amount": 50_000 })).await {
            Some((200, charged)) => {
                self.charges.insert(text(&charged, "entry_id"), charged);
            }
            None => self.unknown_charges += 1,
            Some(other) => panic!("a charge was refused: {other:?}"),
        }
        let place = self.ask(&user, "/api/queue_tokens", json!({ "concert_id": self.concert }));
        let Some((200 | 201, place)) = place.await else { return };
        let queue = user.with_token(text(&place, "token"));
        self.look_at(&queue).await;
        let first = self.random.random_range(0..self.seats.len());
        let count = self.random.random_range(1..=2);
        let seats: Vec<_> = self.seats.iter().cycle().skip(first).take(count).cloned().collect();
        let held = json!({ "show_id": self.show, "seat_ids": seats });
        let Some((201, held)) = self.ask(&queue, "/api/reservations", held).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return;
        };
        if self.random.random_bool(0.2) {
            // Lets it run out.
            return;
        }
        let reservation = text(&held, "reservation_id");
        let pay = json!({ "reservation_id": reservation });
        match self.ask(&queue, "/api/payments", pay).await {
            Some((201, paid)) => {
                let payment = text(&paid, "payment_id");
                self.payments.insert(payment.clone(), reservation);
                self.give_back(&user, payment).await;
            }
            Some((402 | 403 | 409 | 410, _)) => {}
            None => {
                self.unknown_payments.insert(reservation);
            }
            Some(other) => panic!("{other:?}"),
        }
    }

    async fn give_back(&mut self, user: &Caller, payment: String) {
        // Mostly: else the house is soon sold out.
        if self.random.random_bool(0.93) {
            let path = format!("/api/payments/{payment}/refund");
            if let Some((200, _)) = self.ask(user, &path, json!({})).await {
                self.refunds.insert(payment);
            }
        }
    }

    /// Every seat map that anyone is given has every seat, once.
    async fn look_at(&mut self, queue: &Caller) {
        let looker = self.somewhere(queue);
        let path = format!("/api/shows/{}/seats", self.show);
        let Ok(map) = looker.try_get(&path).await else { return };
        if map.status == 200 {
            let seats = map.body["seats"].as_array().unwrap();
            let ids: BTreeSet<_> = seats.iter().map(|seat| text(seat, "seat_id")).collect();
            assert_eq!(ids.len(), self.seats.len());
        }
    }

    fn somewhere(&mut self, caller: &Caller) -> Caller {
        let n = self.random.random_range(0..SERVERS);
        caller.at_address(&self.addresses.read().unwrap()[n])
    }

    /// Asks with a key of its own, at one server after the other, until something certain is said;
    /// and sometimes once more, to hear the same.
    async fn ask(&mut self, caller: &Caller, path: &str, body: Value) -> Option<(u16, Value)> {
        self.last_key += 1;
        let caller = caller.with_key(&format!("key-{}", self.last_key));
        let mut answer = None;
        for _ in 0..12 {
            let said = self.somewhere(&caller).try_post(path, body.clone()).await;
            match said {
                Ok(said) if said.status != 503 => {
                    answer = Some((said.status.as_u16(), said.body));
                    break;
                }
                _ => tokio::time::sleep(Duration::from_millis(150)).await,
            }
        }
        let (status, said) = answer?;
        let kept = path != "/api/queue_tokens" && (200..300).contains(&status);
        if kept && self.random.random_bool(0.2) {
            let again = self.somewhere(&caller).try_post(path, body).await;
            if let Ok(again) = again
                && again.status != 503
            {
                assert_eq!((again.status.as_u16(), &again.body), (status, &said), "{path}");
            }
        }
        Some((status, said))
    }

    /// What was acknowledged is there once, and nothing is there that was only refused.
    async fn compare_with_the_store(&mut self) -> Told {
        let user = self.somewhere(&self.user.clone());
        let entries = all(&user, "/api/users/balance/entries", "entries").await;
        let charges: Vec<_> = entries.iter().filter(|entry| entry["kind"] == "charge").collect();
        let ids: BTreeSet<_> = charges.iter().map(|entry| text(entry, "entry_id")).collect();
        assert_eq!(ids.len(), charges.len());
        let lost: Vec<_> = self.charges.keys().filter(|id| !ids.contains(*id)).collect();
        assert!(lost.is_empty(), "charges that were acknowledged are gone: {lost:?}");
        let explained = self.charges.len() + self.unknown_charges;
        assert!(charges.len() <= explained, "{} charges of {explained}", charges.len());

        let payments = all(&user, "/api/payments", "payments").await;
        let stored: BTreeMap<_, _> =
            payments.iter().map(|payment| (text(payment, "payment_id"), payment)).collect();
        for (id, reservation) in &self.payments {
            let payment = stored.get(id).unwrap_or_else(|| panic!("payment {id} is gone"));
            assert_eq!(payment["reservation_id"], **reservation);
        }
        for id in &self.refunds {
            assert_eq!(stored[id]["status"], "refunded");
        }
        for (id, payment) in &stored {
            let known = self.payments.contains_key(id)
                || self.unknown_payments.contains(&text(payment, "reservation_id"));
            assert!(known, "payment {id} was refused, and is there");
        }
        Told {
            charges: self.charges.len(),
            payments: self.payments.len(),
            refunds: self.refunds.len(),
            unknown: self.unknown_charges + self.unknown_payments.len(),
        }
    }
}

/// All of a list, page by page.
async fn all(user: &Caller, path: &str, plural: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = format!("{path}?limit=100");
    loop {
        let page = user.get(&next).await.expect(200);
        found.extend(page[plural].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        next = format!("{path}?limit=100&cursor={cursor}");
    }
}
