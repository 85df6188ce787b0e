//! A crowd before a small door, on three servers: by default a thousand, and as many as
//! `STAGEDOOR_CROWD` says.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Server, Theatre, text};

/// How many act at once, of all who wait.
const HANDS: usize = 48;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Everybody in the crowd, by queue token, and how it went.
#[derive(Default)]
struct Crowd {
    in_line: Mutex<VecDeque<Caller>>,
    numbers: Mutex<Vec<u64>>,
    let_in: Mutex<HashSet<u64>>,
}

impl Crowd {
    fn next(&self) -> Option<Caller> {
        self.in_line.lock().unwrap().pop_front()
    }

    /// One asks how far the place got, and leaves once it is let in. Says whether it was.
    async fn ask(&self, person: Caller) -> bool {
        let ticket = person.get("/api/queue_tokens/current").await.expect(200);
        match ticket["state"].as_str().unwrap() {
            "waiting" => self.in_line.lock().unwrap().push_back(person),
            "active" => {
                let number = ticket["number"].as_u64().unwrap();
                assert!(self.let_in.lock().unwrap().insert(number), "{number} twice");
                person.delete("/api/queue_tokens/current").await.expect(204);
                return true;
            }
            // It was let in, and its time ran out before anybody asked.
            "expired" => return true,
            state => panic!("{state}"),
        }
        false
    }
}

/// What all servers together counted of the room's `turn`.
async fn turns(servers: &[&Server], room: &str, turn: &str) -> u64 {
    let prefix = format!("stagedoor_room_turns_total{{room_id=\"{room}\",turn=\"{turn}\"}} ");
    let mut sum = 0;
    for server in servers {
        let metrics = server.anyone().get("/metrics").await.expect(200);
        let lines = metrics.as_str().unwrap().lines();
        let counts = lines.filter_map(|line| line.strip_prefix(&prefix));
        sum += counts.map(|count| count.parse::<u64>().unwrap()).sum::<u64>();
    }
    sum
}

/// Everybody joins, spread over the servers, with many at once.
async fn join_all(crowd: &Arc<Crowd>, tokens: Vec<String>, addresses: &[String], concert: &str) {
    let tokens = Arc::new(Mutex::new(VecDeque::from(tokens)));
    let mut hands = JoinSet::new();
    for hand in 0..HANDS {
        let (crowd, tokens) = (Arc::clone(crowd), Arc::clone(&tokens));
        let anyone = Caller::at_server(&addresses[hand % addresses.len()]);
        let concert = concert.to_owned();
        hands.spawn(async move {
            loop {
                let Some(token) = tokens.lock().unwrap().pop_front() else { return };
                let body = json!({ "concert_id": concert });
                let place = anyone.with_token(token).post("/api/queue_tokens", body).await;
                let place = place.expect(201);
                crowd.numbers.lock().unwrap().push(place["number"].as_u64().unwrap());
                let person = anyone.with_token(text(&place, "token"));
                crowd.in_line.lock().unwrap().push_back(person);
            }
        });
    }
    hands.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_let_in_by_number_and_nobody_is_lost() {
    let people = number("STAGEDOOR_CROWD", 1_000);
    let capacity = number("STAGEDOOR_CROWD_CAPACITY", 20);
    let patience = Duration::from_secs(number("STAGEDOOR_CROWD_SECONDS", 10).try_into().unwrap());
    let installation = Installation::new();
    let file = installation.path().join("tokens");
    let (file, count) = (file.to_str().unwrap(), people.to_string());
    let args = ["user", "create-many", "--count", &count, "--prefix", "crowd", "--tokens", file];
    let made = installation.run(&args, "");
    assert!(made.status.success(), "{made:?}");
    let tokens = std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();

    let theatre = Theatre::open_in(installation, capacity.try_into().unwrap(), 1).await;
    theatre.change_room(json!({ "active_ttl_seconds": 20 })).await.expect(200);
    let others = [theatre.installation.start(), theatre.installation.start()];
    let servers = [&theatre.server, &others[0], &others[1]];
    let addresses = servers.map(|server| server.address().to_owned());
    let crowd = Arc::new(Crowd::default());
    let began = Instant::now();
    join_all(&crowd, tokens, &addresses, &theatre.concert.id).await;
    println!("{people} joined in {:.1} s", began.elapsed().as_secs_f64());
    let mut numbers = crowd.numbers.lock().unwrap().clone();
    numbers.sort_unstable();
    // The operator, who looked at the seats, was the first.
    assert!(numbers.into_iter().eq(2..=u64::try_from(people).unwrap() + 1));

    let end = Instant::now() + patience;
    let mut hands = JoinSet::new();
    for hand in 0..HANDS {
        let (crowd, address) = (Arc::clone(&crowd), addresses[hand % 3].clone());
        hands.spawn(async move {
            let mut went = 0_u64;
            while Instant::now() < end
                && let Some(person) = crowd.next()
            {
                // Whatever server one was with before.
                went += u64::from(crowd.ask(person.at_address(&address)).await);
            }
            went
        });
    }
    let went: u64 = hands.join_all().await.into_iter().sum();

    theatre.change_room(json!({ "paused": true })).await.expect(200);
    let room = theatre.room().await;
    let (id, waiting) = (text(&room, "room_id"), room["waiting_count"].as_u64().unwrap());
    println!("{went} were let in and left, {waiting} are still in line");
    let all = u64::try_from(people).unwrap() + 1;
    let end = Instant::now() + Duration::from_secs(20);
    // Those let in right before the pause are counted right after their commit.
    while turns(&servers, &id, "admitted").await + waiting != all {
        assert!(Instant::now() < end, "somebody is neither let in nor in line");
    }
    assert_eq!(turns(&servers, &id, "dropped").await, 0);
    assert!(went >= u64::try_from(2 * capacity).unwrap(), "the line stood still");
    theatre.installation.assert_sound();
}
