//! Payments through a provider that does anything that can happen, by random plans, while servers
//! are killed: at the end each of its charges is matched by one payment, nobody's cash is lost and
//! no seat stays pinned.
//!
//! `STAGEDOOR_PLANS` says how many plans (60), `STAGEDOOR_PLAN_KILLS` how often a server is killed
//! (3), `STAGEDOOR_FAULT_SEED` repeats a run.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Server, enter, text};
use crate::provider::{Plan, Provider};

const HANDS: usize = 32;
const PRICE: i64 = 50_000;
const HOLD_SECONDS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(90);

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// What a buyer was told in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Paid(String),
    Failed,
    /// Nothing for certain, and the buyer went away.
    Pending(String),
    Refunded(String),
    /// The hold ran out before it could be paid for.
    TooLate,
}

/// A buyer of one seat, whose servers come and go.
struct Buyer {
    user: Caller,
    addresses: Arc<RwLock<Vec<String>>>,
    random: StdRng,
    seat: String,
}

impl Buyer {
    /// Asks until it is answered, by the same key.
    async fn insist(&mut self, caller: &Caller, path: &str, body: Value) -> (u16, Value) {
        let caller = caller.with_key("the-only-one");
        let began = Instant::now();
        loop {
            let address = {
                let addresses = self.addresses.read().unwrap();
                addresses[self.random.random_range(0..addresses.len())].clone()
            };
            match caller.at_address(&address).try_post(path, body.clone()).await {
                Ok(answer) if answer.status.as_u16() < 500 => {
                    return (answer.status.as_u16(), answer.body);
                }
                unanswered => assert!(began.elapsed() < PATIENCE, "{path}: {unanswered:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn buy(&mut self, concert: &str, show: &str) -> Told {
        let user = self.user.clone();
        let (charged, _) =
            self.insist(&user, "/api/users/balance", json!({ "amount": PRICE })).await;
        assert_eq!(charged, 200);
        let place =
            self.insist(&user, "/api/queue_tokens", json!({ "concert_id": concert })).await.1;
        let queue = user.with_token(text(&place, "token"));
        let seats = json!({ "show_id": show, "seat_ids": [self.seat] });
        let (status, held) = self.insist(&queue, "/api/reservations", seats).await;
        assert_eq!(status, 201, "{held}");
        let pay = json!({ "reservation_id": text(&held, "reservation_id") });
        let mut patience = self.random.random_range(0..8);
        loop {
            let (status, answer) = self.insist(&queue, "/api/payments", pay.clone()).await;
            match status {
                201 if self.random.random_bool(0.2) => {
                    let id = text(&answer, "payment_id");
                    let refund = format!("/api/payments/{id}/refund");
                    let (status, refunded) = self.insist(&user, &refund, json!({})).await;
                    assert_eq!(status, 200, "{refunded}");
                    return Told::Refunded(id);
                }
                201 => return Told::Paid(text(&answer, "payment_id")),
                202 if patience == 0 => return Told::Pending(text(&answer, "payment_id")),
                202 => {
                    patience -= 1;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                402 => {
                    assert_eq!(answer["code"], "payment_failed", "{answer}");
                    return Told::Failed;
                }
                410 => return Told::TooLate,
                _ => panic!("{answer}"),
            }
        }
    }
}

/// Servers on one store: two on PostgreSQL, one on a file.
struct Company {
    installation: Installation,
    servers: Vec<Server>,
    addresses: Arc<RwLock<Vec<String>>>,
}

impl Company {
    fn start(installation: Installation) -> Self {
        let count = if crate::ON_POSTGRES { 2 } else { 1 };
        let servers: Vec<_> = (0..count).map(|_| installation.start()).collect();
        let addresses = servers.iter().map(|server| server.address().to_owned()).collect();
        Self { installation, servers, addresses: Arc::new(RwLock::new(addresses)) }
    }

    /// Kills a server and starts another in its place.
    async fn kill(&mut self, random: &mut StdRng, provider: &Provider) {
        let n = random.random_range(0..self.servers.len());
        self.servers.swap_remove(n).kill();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
        let server = self.installation.start();
        provider.tell(server.address());
        let mut addresses: Vec<_> =
            self.servers.iter().map(|server| server.address().to_owned()).collect();
        addresses.push(server.address().to_owned());
        *self.addresses.write().unwrap() = addresses;
        self.servers.push(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_provider_does_each_charge_is_matched_and_nothing_stays_pending() {
    let seed = number("STAGEDOOR_FAULT_SEED", std::process::id().try_into().unwrap());
    let (plans, kills) = (number("STAGEDOOR_PLANS", 60), number("STAGEDOOR_PLAN_KILLS", 3));
    println!("{plans} plans, {kills} kills, STAGEDOOR_FAULT_SEED={seed}");
    let seed = u64::try_from(seed).unwrap();
    let mut random = StdRng::seed_from_u64(seed);
    let mut planning = StdRng::seed_from_u64(seed ^ 1);
    let provider = Provider::with(move || Plan::random(&mut planning)).await;
    let installation = provider.installation().with("HOLD_SECONDS", HOLD_SECONDS);
    let tokens = create_users(&installation, plans);
    installation.create_operator();
    let mut company = Company::start(installation);
    provider.tell(company.servers[0].address());
    let operator = company.servers[0].operator().await;
    let seats = plans.try_into().unwrap();
    let concert = enter(&operator, json!({ "capacity": 10_000 }), seats).await;

    let began = Instant::now();
    let buyers = tokens.into_iter().zip(&concert.seats).zip(2..).map(|((token, seat), n)| Buyer {
        user: company.servers[0].anyone().with_token(token),
        addresses: Arc::clone(&company.addresses),
        random: StdRng::seed_from_u64(seed ^ n),
        seat: seat.clone(),
    });
    let buyers: Arc<Mutex<VecDeque<Buyer>>> = Arc::new(Mutex::new(buyers.collect()));
    let over = Arc::new(AtomicUsize::new(0));
    let mut hands = JoinSet::new();
    for _ in 0..HANDS {
        let (buyers, over) = (Arc::clone(&buyers), Arc::clone(&over));
        let (concert, show) = (concert.id.clone(), concert.show.clone());
        hands.spawn(async move {
            let mut told = Vec::new();
            loop {
                let Some(mut buyer) = buyers.lock().unwrap().pop_front() else { return told };
                let heard = buyer.buy(&concert, &show).await;
                over.fetch_add(1, Ordering::Relaxed);
                told.push((buyer.user, heard));
            }
        });
    }
    // Kills are spread over the plans, so that each finds something under way.
    for kill in 1..=kills {
        while over.load(Ordering::Relaxed) < plans * kill / (kills + 1) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        company.kill(&mut random, &provider).await;
    }
    let told: Vec<_> = hands.join_all().await.into_iter().flatten().collect();
    assert_eq!(told.len(), plans);
    let operator = operator.at(&company.servers[0]);
    until_settled(&operator, &company.installation).await;
    println!("all settled after {:.1} s", began.elapsed().as_secs_f64());

    compare(&provider, &told, &company.servers[0]).await;
    company.installation.assert_sound();
    tokio::time::sleep(Duration::from_secs(HOLD_SECONDS + 2)).await;
    let (looker, _) = operator.join(Some(&concert.id)).await;
    let map = looker.get(&format!("/api/shows/{}/seats", concert.show)).await.expect(200);
    let pinned = map["seats"].as_array().unwrap().iter().filter(|seat| seat["status"] == "held");
    assert_eq!(pinned.count(), 0, "no seat stays pinned");
}

/// The access tokens of so many new users.
fn create_users(installation: &Installation, count: usize) -> Vec<String> {
    let file = installation.path().join("tokens");
    let (path, count) = (file.to_str().unwrap(), count.to_string());
    let args = ["user", "create-many", "--count", &count, "--prefix", "plan", "--tokens", path];
    let made = installation.run(&args, "");
    assert!(made.status.success(), "{made:?}");
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

async fn until_settled(operator: &Caller, installation: &Installation) {
    let began = Instant::now();
    loop {
        let listed = operator.get("/api/admin/payments").await.expect(200);
        if listed["payments"].as_array().unwrap().is_empty() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{listed}: {}", installation.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The provider's books, the shop's, and what buyers were told, beside each other.
async fn compare(provider: &Provider, told: &[(Caller, Told)], server: &Server) {
    assert_eq!(provider.forged(), Vec::<String>::new());
    let mut charges = provider.charges();
    let (mut counts, mut charged) = (HashMap::<String, usize>::new(), 0);
    for (user, told) in told {
        let user = user.at(server);
        let listed = user.get("/api/payments").await.expect(200);
        let payments = listed["payments"].as_array().unwrap().clone();
        assert!(payments.len() <= 1, "one hold, one payment: {listed}");
        let balance = user.get("/api/users/balance").await.expect(200)["balance"].as_i64();
        let Some(payment) = payments.first() else {
            assert_eq!((told, balance), (&Told::TooLate, Some(PRICE)));
            continue;
        };
        let (id, status) = (text(payment, "payment_id"), text(payment, "status"));
        let charge = charges.remove(&id).unwrap_or_default();
        let keeps = charge.taken.checked_sub(charge.given_back);
        let is_paid = status == "succeeded";
        assert_eq!(keeps, Some(u32::from(is_paid)), "{payment}: {charge:?}");
        assert!(charge.taken <= 1, "{charge:?}");
        assert_eq!(charge.state == "charged", is_paid, "{payment}: {charge:?}");
        assert_eq!(balance, Some(if is_paid { 0 } else { PRICE }), "{payment}");
        match told {
            Told::Paid(paid) => assert_eq!((paid, &status), (&id, &"succeeded".to_owned())),
            Told::Refunded(paid) => assert_eq!((paid, &status), (&id, &"refunded".to_owned())),
            Told::Failed => assert_eq!(status, "failed"),
            Told::Pending(paid) => {
                assert!(*paid == id && ["succeeded", "failed"].contains(&status.as_str()));
            }
            Told::TooLate => panic!("{payment} of a hold that was too late"),
        }
        *counts.entry(status).or_default() += 1;
        charged += charge.taken;
    }
    assert!(charges.is_empty(), "charges that nothing was sold for: {charges:?}");
    let pending = told.iter().filter(|(_, told)| matches!(told, Told::Pending(_))).count();
    println!("{counts:?}; {charged} charges, 0 unmatched; {pending} buyers left while it was open");
    assert!(counts.contains_key("succeeded") && counts.contains_key("failed"), "{counts:?}");
}
