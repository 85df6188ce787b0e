//! Three servers whose clocks are ten minutes apart, one PostgreSQL, and everything that can break,
//! breaking: servers and the database killed, the network cut, silent, or losing a COMMIT or its
//! answer. Clients keep a history of what they were told; afterwards the store must agree with it.
//!
//! `STAGEDOOR_FAULT_ROUNDS` says how many rounds (3), `STAGEDOOR_FAULT_SEED` repeats a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use throw_away_postgres::{Cluster, Durability, Postgres};
use tokio::task::JoinSet;

use super::client::{Client, Told};
use super::proxy::{Network, NextCommit, Proxy, address_of};
use crate::harness::wall_clock::faketime;
use crate::harness::{Installation, Server, enter};

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
    let paid: usize = clients.iter().map(Client::payment_count).sum();
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
        Client::new(user, Arc::clone(&self.addresses), &self.concert, random)
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
