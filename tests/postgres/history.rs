//! What servers remember of a database whose history goes on elsewhere: after a crash, a failover, a
//! restored copy, a COMMIT whose answer never came. Every server then says what one says that has just
//! started.
//!
//! `STAGEDOOR_HISTORY_ROUNDS` says how many rounds of each (1).

use std::time::{Duration, Instant};

use serde_json::Value;
use throw_away_postgres::{Cluster, Database, Durability, Postgres, execute};

use super::proxy::{Network, NextCommit, Proxy, address_of};
use crate::harness::{Caller, Concert, Installation, Server, each_round, enter, rounds};

pub(super) const SERVERS: usize = 3;
const SEATS: u32 = 40;
/// The promise is two seconds; a machine that is busy with other tests gets some more.
const AGREES_WITHIN: Duration = Duration::from_secs(8);
pub(super) const WORKS_WITHIN: Duration = Duration::from_secs(40);

/// Three servers, each with a network of its own before the database.
pub(super) struct Company {
    pub(super) installation: Installation,
    networks: Vec<Proxy>,
    pub(super) servers: Vec<Server>,
    pub(super) concert: Concert,
    /// People with a place in line, whoever told them so.
    pub(super) people: Vec<Caller>,
    taken: usize,
}

impl Company {
    pub(super) async fn on(database: Database) -> Self {
        let installation = Installation::on(Some(database)).with("SEATS_PER_RESERVATION", 1);
        installation.create_operator();
        let (mut networks, mut servers) = (Vec::new(), Vec::new());
        for _ in 0..SERVERS {
            let network = Proxy::to(address_of(&installation.database_url())).await;
            let mut command = installation.command(&["serve"]);
            let url = network.before(&installation.database_url());
            command.env("STAGEDOOR_DATABASE_URL", url);
            servers.push(installation.start_as(command));
            networks.push(network);
        }
        let concert = Concert::default();
        Self { installation, networks, servers, concert, people: Vec::new(), taken: 0 }
    }

    /// A new concert, with people at each server.
    pub(super) async fn begin(&mut self) {
        let operator = self.servers[0].operator().await;
        self.concert = enter(&operator, serde_json::json!({ "capacity": 30 }), SEATS).await;
        (self.people, self.taken) = (Vec::new(), 0);
        for n in 0..SERVERS {
            self.sell(n, 2).await;
        }
        self.agree().await;
    }

    /// As many people come to a server, are let in and hold a seat each.
    pub(super) async fn sell(&mut self, server: usize, people: usize) {
        for _ in 0..people {
            let user = self.servers[server].user("buyer").await;
            let (place, _) = user.join(Some(&self.concert.id)).await;
            place.until("active").await;
            let seat = self.concert.seats[self.taken].clone();
            self.taken += 1;
            place.hold(&self.concert.show, &[&seat]).await.expect(201);
            self.people.push(place);
        }
    }

    /// Waits until each server works.
    pub(super) async fn work(&self) {
        for server in &self.servers {
            let asked = Instant::now();
            while server.anyone().get("/readyz").await.status != 200 {
                assert!(asked.elapsed() < WORKS_WITHIN, "{}", self.installation.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// All servers come to say of seats and line what one says that has just started on `database`.
    async fn agree_with(&self, database: &str) {
        let mut command = self.installation.command(&["serve"]);
        command.env("STAGEDOOR_DATABASE_URL", database);
        let fresh = self.installation.start_as(command);
        let asked = Instant::now();
        'again: loop {
            for server in &self.servers {
                let (told, truth) = (self.told_by(server).await, self.told_by(&fresh).await);
                if told != truth {
                    let late = asked.elapsed() < AGREES_WITHIN;
                    assert!(late, "{}\n{told:?}\n{truth:?}", self.installation.log());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue 'again;
                }
            }
            return;
        }
    }

    pub(super) async fn agree(&self) {
        self.agree_with(&self.installation.database_url()).await;
    }

    /// What a server says of each seat and of each place.
    async fn told_by(&self, server: &Server) -> Vec<Value> {
        let mut told = Vec::new();
        for place in &self.people {
            let ticket = place.at(server).get("/api/queue_tokens/current").await;
            let status = Value::from(ticket.status.as_u16());
            told.extend([status, ticket.body["state"].clone(), ticket.body["number"].clone()]);
        }
        let path = format!("/api/shows/{}/seats", self.concert.show);
        for place in &self.people {
            let map = place.at(server).get(&path).await;
            if map.status == 200 {
                let seats = map.body["seats"].as_array().unwrap().iter();
                told.extend(seats.map(|seat| seat["status"].clone()));
                return told;
            }
        }
        told
    }

    fn lead_to(&self, url: &str) {
        for network in &self.networks {
            network.lead_to(address_of(url));
            network.set(Network::Cut);
            network.set(Network::Whole);
        }
    }
}

/// A cluster of its own, or nothing to test where there are no binaries to run one.
pub(super) fn cluster() -> Option<Cluster> {
    let cluster = Cluster::start(Durability::Default);
    if let Err(missing) = &cluster {
        println!("not tested: {missing}");
    }
    cluster.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_of_the_database_servers_hear_of_each_other() {
    let Some(cluster) = cluster() else { return };
    let mut company = Company::on(cluster.create_database()).await;
    for _ in 0..rounds() {
        company.begin().await;
        // What is refused takes a transaction's number and gives it back.
        let refused = company.people[0].clone();
        for seat in &company.concert.seats[..company.taken] {
            refused.hold(&company.concert.show, &[seat]).await;
        }
        cluster.kill();
        tokio::task::block_in_place(|| cluster.start_again());
        company.work().await;
        company.sell(0, 2).await;
        company.agree().await;
    }
    company.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_that_loses_nothing_servers_hear_of_each_other() {
    each_round(async || {
        let Some(primary) = cluster() else { return };
        let database = primary.create_database();
        let standby = primary.standby().unwrap();
        primary.wait_for_standbys();
        let mut company = Company::on(database).await;
        company.begin().await;
        primary.kill();
        standby.promote();
        let url = elsewhere(&company, &standby);
        company.lead_to(&url);
        company.work().await;
        for n in 0..SERVERS {
            company.sell(n, 1).await;
        }
        company.agree_with(&url).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_that_loses_commits_servers_say_what_is_left() {
    each_round(async || {
        let Some(primary) = cluster() else { return };
        let mut company = Company::on(primary.create_database()).await;
        company.begin().await;
        let standby = primary.standby().unwrap();
        standby.stop_following();
        for n in 0..SERVERS {
            company.sell(n, 2).await;
        }
        company.agree().await;
        let lost = company.people.split_off(SERVERS * 2);
        primary.kill();
        standby.promote();
        let url = elsewhere(&company, &standby);
        company.lead_to(&url);
        company.work().await;
        company.agree_with(&url).await;
        company.taken = SERVERS * 2;
        for n in 0..SERVERS {
            company.sell(n, 1).await;
        }
        company.agree_with(&url).await;
        // Their numbers were given again, and none of them is told somebody else's place.
        for (n, place) in lost.iter().enumerate() {
            let place = place.at(&company.servers[n % SERVERS]);
            place.get("/api/queue_tokens/current").await.refused(404, "not_found");
        }
    })
    .await;
}

/// The URL of the company's database on another cluster.
fn elsewhere(company: &Company, cluster: &Cluster) -> String {
    let url = company.installation.database_url();
    let there = address_of(&cluster.url("postgres"));
    url.replacen(&address_of(&url), &there, 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restored_copy_servers_say_what_is_in_it() {
    let Some(cluster) = cluster() else { return };
    let mut company = Company::on(cluster.create_database()).await;
    let name = company.installation.database_url().rsplit('/').next().unwrap().to_owned();
    let admin = cluster.url("postgres");
    for round in 0..rounds() {
        company.begin().await;
        for network in &company.networks {
            network.set(Network::Cut);
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let copy = format!("CREATE DATABASE copy_{round} TEMPLATE {name}");
        execute(&admin, &copy).unwrap();
        company.networks.iter().for_each(|network| network.set(Network::Whole));
        company.work().await;
        let (before, taken) = (company.people.clone(), company.taken);
        for n in 0..SERVERS {
            company.sell(n, 1).await;
        }
        company.agree().await;
        let lost = company.people.split_off(before.len());
        execute(&admin, &format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
        let put_back = format!("ALTER DATABASE copy_{round} RENAME TO {name}");
        execute(&admin, &put_back).unwrap();
        company.work().await;
        company.agree().await;
        company.taken = taken;
        for n in 0..SERVERS {
            company.sell(n, 1).await;
        }
        company.agree().await;
        for place in &lost {
            place.get("/api/queue_tokens/current").await.refused(404, "not_found");
        }
    }
    company.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_never_came_is_shown_once_it_is_there() {
    let mut company = Company::on(throw_away_postgres::shared().create_database()).await;
    for _ in 0..rounds() {
        company.begin().await;
        let user = company.servers[0].user("buyer").await;
        let (place, _) = user.join(Some(&company.concert.id)).await;
        let seat = company.concert.seats[company.taken].clone();
        company.networks[0].set_next_commit(NextCommit::Unanswered);
        let show = company.concert.show.clone();
        let hold = place.clone();
        let holding = tokio::spawn(async move { hold.hold(&show, &[&seat]).await });
        tokio::time::sleep(Duration::from_millis(150)).await;
        company.networks[0].set(Network::Silent);
        // Longer than anybody waits for an answer.
        let answer = holding.await.unwrap();
        assert!([201, 503].contains(&answer.status.as_u16()), "{answer:?}");
        company.taken += 1;
        company.networks[0].set(Network::Cut);
        company.networks[0].mend();
        company.people.push(place);
        company.work().await;
        company.agree().await;
    }
    company.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_stays_open_elsewhere_makes_nobody_late() {
    let mut company = Company::on(throw_away_postgres::shared().create_database()).await;
    let url = company.installation.database_url();
    for round in 0..rounds() {
        company.begin().await;
        let open = "BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(60); ROLLBACK";
        let (open, holder) = (open.to_owned(), url.clone());
        let holding = std::thread::spawn(move || drop(execute(&holder, &open)));
        tokio::time::sleep(Duration::from_millis(300)).await;
        // What another server's commits leave, many of them.
        let writer = uuid::Uuid::from_u128(u128::from(round) + 1);
        let commits = format!(
            "INSERT INTO writers (id, server_id, seen_at) VALUES ('{writer}', '{writer}', now()); \
             INSERT INTO commits SELECT '{writer}', n, now(), '{{}}', '{{}}' \
                 FROM generate_series(1, 150000) AS n"
        );
        tokio::task::block_in_place(|| execute(&url, &commits)).unwrap();
        for n in 0..SERVERS {
            company.sell(n, 1).await;
        }
        company.agree().await;
        for n in 0..5 {
            company.sell(n % SERVERS, 1).await;
            company.agree().await;
        }
        let done = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
        tokio::task::block_in_place(|| execute(&url, done)).unwrap();
        holding.join().unwrap();
    }
}
