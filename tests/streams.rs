//! The event stream of a place in line.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::harness::{Caller, Theatre, text};

/// Reads a stream until it has told `count` tickets, or is at its end.
async fn tickets(caller: &Caller, count: usize) -> (Vec<Value>, String) {
    let request = caller.request(Method::GET, "/api/queue_tokens/current/events");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut said = String::new();
    let mut bytes = response.bytes_stream();
    let found = |said: &str| -> Vec<Value> {
        let data = said.split("\n\n").filter_map(|block| block.split("data: ").nth(1));
        data.map(|json| serde_json::from_str(json).unwrap()).collect()
    };
    while found(&said).len() < count {
        let chunk = tokio::time::timeout(Duration::from_secs(20), bytes.next()).await.unwrap();
        let Some(chunk) = chunk else { break };
        said.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    (found(&said), said)
}

#[tokio::test]
async fn a_stream_tells_at_once_and_of_every_change_and_ends_with_the_place() {
    let theatre = Theatre::open(1, 1).await;
    let inside = theatre.buyer(50_000).await;
    let (waiting, _) = theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await;
    let follower = waiting.clone();
    let following = tokio::spawn(async move { tickets(&follower, 3).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = inside.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    inside.pay(&text(&held, "reservation_id")).await.expect(201);
    waiting.until("active").await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    waiting.delete("/api/queue_tokens/current").await.expect(204);

    let (told, said) = following.await.unwrap();
    let states: Vec<_> = told.iter().map(|ticket| ticket["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["waiting", "active", "expired"]);
    assert_eq!(told[0]["position"], 1);
    assert!(said.starts_with("retry: ") && said.contains("event: ticket\n"));

    let again = waiting.get("/api/queue_tokens/current/events").await;
    assert_eq!(again.status, 204);
}

#[tokio::test]
async fn only_so_many_streams_are_open_and_a_forged_token_opens_none() {
    let few = crate::harness::Installation::new().with("STREAMS_MAX", 1);
    let theatre = Theatre::open_in(few, 1, 1).await;
    let one = theatre.buyer(0).await;
    let (other, _) = theatre.server.user("other").await.join(Some(&theatre.concert.id)).await;
    let path = "/api/queue_tokens/current/events";
    let open = one.request(Method::GET, path).send().await.unwrap();
    let full = other.get(path).await;
    assert_eq!(full.headers["retry-after"], "1");
    full.refused(503, "unavailable");
    drop(open);
    let anyone = theatre.server.anyone();
    anyone.with_token("q1.x").get(path).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_and_is_gone_in_time() {
    let theatre = Theatre::open(1, 1).await;
    let buyer = theatre.buyer(0).await;
    let follower = buyer.clone();
    let following = tokio::spawn(async move { tickets(&follower, 99).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    theatre.server.terminate();
    let ended = tokio::time::timeout(Duration::from_secs(9), following).await.unwrap().unwrap();
    assert_eq!(ended.0.len(), 1);
    assert!(theatre.server.ended_well());
}
