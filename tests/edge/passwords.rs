//! A flood of sign-ins from one address, and everybody else meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::harness::{Caller, Installation, Theatre};

/// How many sign in from one address, over and over.
const FLOOD: usize = 100;
/// By how much somebody else's sign-in may take longer than alone: one of the flood's is before it, and a
/// machine that is busy with other things makes both slower.
const TIMES_ALONE: u32 = 8;
const AND_AT_MOST: Duration = Duration::from_secs(4);

async fn sign_in(anyone: &Caller, address: &str, password: &str) -> u16 {
    let body = json!({ "email": "op@example.com", "password": password });
    let request = anyone.request(Method::POST, "/api/sessions").json(&body);
    request.header("X-Forwarded-For", address).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_sign_ins_from_one_address_holds_up_nobody_elses() {
    let installation = Installation::new().with("ADDRESS_HEADER", "X-Forwarded-For");
    let theatre = Theatre::open_in(installation, 5, 1).await;
    let buyer = theatre.buyer(0).await;
    let began = Instant::now();
    theatre.server.operator().await;
    let most = began.elapsed() * TIMES_ALONE + AND_AT_MOST;
    let over = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..FLOOD)
        .map(|_| {
            let (anyone, over) = (theatre.server.anyone(), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // A right one, of which no other limit takes notice.
                    sign_in(&anyone, "192.0.2.1", "operator password").await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for address in ["192.0.2.2", "192.0.2.3", "2001:db8::1"] {
        let began = Instant::now();
        let status = sign_in(&theatre.server.anyone(), address, "operator password").await;
        assert_eq!(status, 201, "{address}");
        let took = began.elapsed();
        assert!(took < most, "{address}: {took:?}, and {most:?} at the most");
        buyer.get("/api/queue_tokens/current").await.expect(200);
    }
    over.store(true, Ordering::Relaxed);
    for one in flood {
        one.await.unwrap();
    }
}
