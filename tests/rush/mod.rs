//! A rush on a server that has just started: people look, wait and come, all at once, each over a
//! connection of their own, and everybody is answered. How soon is up to the machine, and nothing here
//! depends on it.
//!
//! `STAGEDOOR_RUSH_CLIENTS` says how many people there are (500).

mod person;

use std::sync::{Arc, Mutex};

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::harness::{Caller, Concert, Installation, Server, new_concert, text};
use crate::running::start_with_files;
use person::{Ask, Person, Role, Told};

const CONCERTS: usize = 4;
/// The seats of each concert's show: a hundred rows.
const SEATS: u32 = 20_000;
/// How many take a place at the same time before the rush.
const HANDS: usize = 48;

fn people() -> usize {
    std::env::var("STAGEDOOR_RUSH_CLIENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rush_on_a_server_that_has_just_started_is_answered() {
    let people = people();
    raise_the_limit_of_files(people);
    let installation =
        Installation::new().with("ROOM_ACTIVE_SECONDS", 3_600).with("ROOM_IDLE_SECONDS", 3_600);
    let tokens = create_users(&installation, people);
    installation.create_operator();
    let server = installation.start();
    let concerts = enter_concerts(&server.operator().await, people).await;
    let people = take_places(&server, &concerts, tokens).await;
    server.terminate();
    assert!(server.ended_well());

    // Of the files that a connection each needs, a server has to ask for most.
    let server = start_with_files(&installation, "-Sn 256");
    let told = rush(&server, &concerts, people).await;
    println!("{told:#?}");
    assert!(told.faults.is_empty(), "{told:#?}{}", installation.log());
    assert_eq!(told.maps.len(), CONCERTS, "people looked at every show");
    installation.assert_sound();
}

/// Everybody comes at once; each does everything that they came for.
async fn rush(server: &Server, concerts: &Arc<Vec<Concert>>, people: Vec<Person>) -> Told {
    let told = Arc::new(Mutex::new(Told::default()));
    let start = Arc::new(Barrier::new(people.len()));
    let mut rush = JoinSet::new();
    for (n, mut person) in people.into_iter().enumerate() {
        let (concerts, told, start) = (Arc::clone(concerts), Arc::clone(&told), Arc::clone(&start));
        let address = server.address().trim_start_matches("http://").to_owned();
        rush.spawn(async move {
            start.wait().await;
            person.connect(&address).await;
            let asks = person.role.asks();
            let in_turn = asks.iter().cycle().skip(n % asks.len()).take(asks.len());
            // At the end everybody asks how far the place got.
            for &ask in in_turn.chain(&[Ask::Poll]) {
                person.ask(ask, &concerts, &told).await;
            }
        });
    }
    rush.join_all().await;
    Arc::into_inner(told).unwrap().into_inner().unwrap()
}

/// As many users, each with an access token.
fn create_users(installation: &Installation, count: usize) -> Vec<String> {
    let (file, count) = (installation.path().join("tokens"), count.to_string());
    let file = file.to_str().unwrap();
    let args = ["user", "create-many", "--count", &count, "--prefix", "rush", "--tokens", file];
    let made = installation.run(&args, "");
    assert!(made.status.success(), "{made:?}");
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

/// Concerts with a large show each, behind rooms for a third of those who come.
async fn enter_concerts(operator: &Caller, people: usize) -> Arc<Vec<Concert>> {
    let mut concerts = Vec::new();
    for _ in 0..CONCERTS {
        let mut details = new_concert();
        details["room"] = json!({ "capacity": (people / CONCERTS / Role::ALL.len()).max(1) });
        let concert = operator.post("/api/admin/concerts", details).await.expect(201);
        let id = text(&concert, "concert_id");
        let section = json!({
            "name": "A", "grade": "R", "price": 50_000, "rows": 100, "seats_per_row": SEATS / 100
        });
        let show = json!({ "starts_at": "2035-05-01T11:00:00Z", "sections": [section] });
        let show =
            operator.post(&format!("/api/admin/concerts/{id}/shows"), show).await.expect(201);
        let (show, date) = (text(&show, "show_id"), text(&show, "date"));
        concerts.push(Concert { id, show, date, seats: Vec::new() });
    }
    Arc::new(concerts)
}

/// Who comes first to a room is let in, and as many stand in line behind them. Those who are left come
/// with the rush.
async fn take_places(
    server: &Server,
    concerts: &Arc<Vec<Concert>>,
    tokens: Vec<String>,
) -> Vec<Person> {
    let mut coming: Vec<_> =
        tokens.into_iter().enumerate().map(|(n, token)| Person::new(token, n % CONCERTS)).collect();
    let newcomers = coming.split_off(coming.len() * 2 / 3);
    let coming = Arc::new(Mutex::new(coming.into_iter()));
    let placed = Arc::new(Mutex::new(newcomers));
    let mut hands = JoinSet::new();
    for _ in 0..HANDS {
        let (coming, placed) = (Arc::clone(&coming), Arc::clone(&placed));
        let (anyone, concerts) = (server.anyone(), Arc::clone(concerts));
        hands.spawn(async move {
            loop {
                let Some(mut person) = coming.lock().unwrap().next() else { return };
                let ask = json!({ "concert_id": concerts[person.concert].id });
                let user = anyone.with_token(&person.access);
                person.placed(&user.post("/api/queue_tokens", ask).await.expect(201));
                placed.lock().unwrap().push(person);
            }
        });
    }
    hands.join_all().await;
    Arc::into_inner(placed).unwrap().into_inner().unwrap()
}

/// Everybody has a connection, and each takes a file on both sides.
fn raise_the_limit_of_files(people: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = u64::try_from(people).unwrap() + 500;
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        most >= needed,
        "{people} people need {needed} open files, and the system gives {most}"
    );
    limit.current = Some(limit.current.unwrap_or(u64::MAX).max(needed));
    setrlimit(Resource::Nofile, limit).unwrap();
}
