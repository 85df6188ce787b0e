//! What others feel of one client that asks for as much as it can (`make flood`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, Installation, Theatre};

/// How long each kind of flood lasts.
const LASTS: Duration = Duration::from_secs(10);
/// How many requests the flood has under way.
const AT_ONCE: usize = 100;
/// How many others there are, and how long each waits between two polls: as people do, and so that what is
/// measured is the answer and not a queue of their own.
const OTHERS: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// Below this nobody feels twice as long.
const UNFELT: Duration = Duration::from_millis(2);

/// All limits as they are by default.
fn with_limits() -> Installation {
    [
        ("SIGN_INS_PER_ADDRESS", 2_000),
        ("WRONG_PASSWORDS_MAX", 0),
        ("CONNECTIONS_PER_ADDRESS", 5_000),
        ("STREAMS_PER_USER", 8),
        ("WRITES_PER_USER", 120),
        ("SEAT_POLLS_PER_USER", 240),
    ]
    .into_iter()
    .fold(Installation::new(), |installation, (name, value)| installation.with(name, value))
}

/// The 95th percentile of how long the others' polls take meanwhile.
async fn p95(others: &[Caller]) -> Duration {
    let end = Instant::now() + LASTS;
    let polls = others.iter().cloned().map(|other| {
        tokio::spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                other.get("/api/queue_tokens/current").await.expect(200);
                took.push(began.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            took
        })
    });
    let mut all = Vec::new();
    for poll in polls.collect::<Vec<_>>() {
        all.extend(poll.await.unwrap());
    }
    all.sort_unstable();
    all[all.len() * 95 / 100]
}

/// The same, while somebody sends that over and over.
async fn p95_in_a_flood(
    others: &[Caller],
    caller: &Caller,
    (method, path, body): &(Method, String, Value),
) -> Duration {
    let over = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (caller, over) = (caller.clone(), Arc::clone(&over));
            let (method, path, body) = (method.clone(), path.clone(), body.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let request = caller.request(method.clone(), &path).json(&body);
                    let Ok(answer) = request.send().await else { continue };
                    let wait = if answer.status() == 429 { 20 } else { 0 };
                    drop(answer);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
            })
        })
        .collect();
    let p95 = p95(others).await;
    over.store(true, Ordering::Relaxed);
    for one in flood {
        one.await.unwrap();
    }
    p95
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, in a build and on a machine for that: make flood"]
async fn one_client_at_its_limits_leaves_others_within_twice_of_alone() {
    let theatre = Theatre::open_in(with_limits(), 100, 2_000).await;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(theatre.buyer(0).await);
    }
    let (user, queue) = (theatre.server.user("flood").await, theatre.buyer(0).await);
    let show = &theatre.concert.show;
    let session = json!({ "email": "op@example.com", "password": "operator password" });
    let floods = [
        ("sign-ins", &user, (Method::POST, "/api/sessions".to_owned(), session)),
        ("charges", &user, (Method::POST, "/api/users/balance".to_owned(), json!({ "amount": 1 }))),
        ("seat maps", &queue, (Method::GET, format!("/api/shows/{show}/seats"), json!({}))),
    ];
    let alone = p95(&others).await;
    println!("others' polls, p95: alone {alone:?}");
    for (name, caller, request) in &floods {
        let meanwhile = p95_in_a_flood(&others, caller, request).await;
        println!("others' polls, p95: in a flood of {name} {meanwhile:?}");
        let most = (alone * 2).max(UNFELT);
        assert!(meanwhile <= most, "{name}: {meanwhile:?}, alone {alone:?}");
    }
}
