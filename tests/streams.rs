//! The event stream of a place in line.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::harness::{Caller, Theatre, text};

/// An open stream.
struct Events {
    response: reqwest::Response,
    said: String,
}

impl Events {
    async fn open(caller: &Caller) -> Self {
        let request = caller.request(Method::GET, "/api/queue_tokens/current/events");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, said: String::new() }
    }

    /// The next ticket that is not in `state` any more: of one that is, other things may be told anew.
    async fn next_but(&mut self, state: &str) -> Option<Value> {
        loop {
            match self.next().await {
                Some(ticket) if ticket["state"] == state => {}
                other => return other,
            }
        }
    }

    /// The next ticket, or nothing at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.said.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.said = rest;
                let Some(json) = block.strip_prefix("event: ticket\ndata: ") else { continue };
                return Some(serde_json::from_str(json).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.unwrap();
            // A server that is gone cuts the stream; that is an end, too.
            self.said.push_str(std::str::from_utf8(&chunk.ok().flatten()?).unwrap());
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_stream_tells_at_once_and_of_every_change_and_ends_with_the_place() {
    // One seat is left: a room that has sold everything lets nobody in.
    let theatre = Theatre::open(1, 2).await;
    let inside = theatre.buyer(50_000).await;
    let (waiting, _) = theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await;
    let mut events = Events::open(&waiting).await;
    let first = events.next().await.unwrap();
    assert_eq!((&first["state"], &first["position"]), (&"waiting".into(), &1.into()));
    let held = inside.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    inside.pay(&text(&held, "reservation_id")).await.expect(201);
    assert_eq!(events.next_but("waiting").await.unwrap()["state"], "active");
    waiting.delete("/api/queue_tokens/current").await.expect(204);
    assert_eq!(events.next_but("active").await.unwrap()["state"], "expired");
    assert_eq!(events.next().await, None);

    let again = waiting.get("/api/queue_tokens/current/events").await;
    assert_eq!(again.status, 204);
}

#[tokio::test]
async fn clients_are_told_to_come_back_at_different_times() {
    let theatre = Theatre::open(5, 1).await;
    let mut pauses = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut events = Events::open(&theatre.buyer(0).await).await;
        let chunk = events.response.chunk().await.unwrap().unwrap();
        let opening = std::str::from_utf8(&chunk).unwrap();
        let pause = opening.lines().next().unwrap().strip_prefix("retry: ").unwrap();
        pauses.insert(pause.parse::<u32>().unwrap());
    }
    assert_eq!(pauses.len(), 4, "{pauses:?}");
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
    full.refused(503, "overloaded");
    drop(open);
    let anyone = theatre.server.anyone();
    anyone.with_token("q1.x").get(path).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_and_is_gone_in_time() {
    let theatre = Theatre::open(1, 1).await;
    let buyer = theatre.buyer(0).await;
    let mut events = Events::open(&buyer).await;
    assert_eq!(events.next().await.unwrap()["state"], "active");
    theatre.server.terminate();
    assert_eq!(events.next().await, None);
    assert!(theatre.server.ended_well());
}
