//! What one user or address may have of what all share. Each breach names its setting.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::harness::{Caller, Installation, Theatre};

/// That somebody was told to come back, and which setting says so.
async fn assert_turned_away(answer: Response, setting: &str) {
    assert_eq!(answer.status(), 429, "{setting}");
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let most = if setting.ends_with("_PER_HOUR") { 3_600 } else { 60 };
    assert!((1..=most).contains(&wait), "{setting}: {wait}");
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["code"], "too_many_requests");
    assert!(told["detail"].as_str().unwrap().contains(&format!("STAGEDOOR_{setting}")), "{told}");
}

async fn get(caller: &Caller, path: &str, address: &str) -> Response {
    let request = caller.request(Method::GET, path).header("X-Forwarded-For", address);
    request.send().await.unwrap()
}

async fn post(caller: &Caller, path: &str, address: &str, body: &Value) -> Response {
    let request = caller.request(Method::POST, path).header("X-Forwarded-For", address);
    request.json(body).send().await.unwrap()
}

fn behind_a_proxy() -> Installation {
    Installation::new().with("ADDRESS_HEADER", "X-Forwarded-For")
}

#[tokio::test]
async fn a_user_and_an_address_have_so_many_event_streams() {
    let limited = behind_a_proxy().with("STREAMS_PER_USER", 2).with("STREAMS_PER_ADDRESS", 3);
    let theatre = Theatre::open_in(limited, 5, 1).await;
    let (one, other) = (theatre.buyer(0).await, theatre.buyer(0).await);
    let path = "/api/queue_tokens/current/events";
    let open = [get(&one, path, "192.0.2.1").await, get(&one, path, "192.0.2.1").await];
    assert!(open.iter().all(|stream| stream.status() == 200));
    assert_turned_away(get(&one, path, "192.0.2.2").await, "STREAMS_PER_USER").await;
    let third = get(&other, path, "192.0.2.1").await;
    assert_eq!(third.status(), 200);
    assert_turned_away(get(&other, path, "192.0.2.1").await, "STREAMS_PER_ADDRESS").await;
    assert_eq!(get(&other, path, "192.0.2.2").await.status(), 200);
    drop((open, third));
    while get(&one, path, "192.0.2.1").await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_user_and_an_address_change_so_much_a_minute() {
    let limited = behind_a_proxy().with("WRITES_PER_USER", 3).with("WRITES_PER_ADDRESS", 5);
    let theatre = Theatre::open_in(limited, 5, 1).await;
    let server = &theatre.server;
    let (one, other) = (server.user("one").await, server.user("other").await);
    let (path, charge) = ("/api/users/balance", json!({ "amount": 1 }));
    for _ in 0..3 {
        assert_eq!(post(&one, path, "192.0.2.1", &charge).await.status(), 200);
    }
    let hold = json!({ "show_id": theatre.concert.show, "seat_ids": [theatre.seat(0)] });
    assert_turned_away(post(&one, path, "192.0.2.2", &charge).await, "WRITES_PER_USER").await;
    let (queue, _) = server.user("third").await.join(Some(&theatre.concert.id)).await;
    assert_eq!(post(&queue, "/api/reservations", "192.0.2.1", &hold).await.status(), 201);
    assert_eq!(post(&other, path, "192.0.2.1", &charge).await.status(), 200);
    assert_turned_away(post(&other, path, "192.0.2.1", &charge).await, "WRITES_PER_ADDRESS").await;
    assert_eq!(post(&other, path, "192.0.2.2", &charge).await.status(), 200);
    assert_eq!(one.get(path).await.expect(200)["balance"], 3);
}

#[tokio::test]
async fn a_user_and_an_address_look_at_seats_so_often_a_minute() {
    let limited = behind_a_proxy().with("SEAT_POLLS_PER_USER", 3).with("SEAT_POLLS_PER_ADDRESS", 4);
    let theatre = Theatre::open_in(limited, 5, 1).await;
    let (one, other) = (theatre.buyer(0).await, theatre.buyer(0).await);
    let show = format!("/api/shows/{}/seats", theatre.concert.show);
    let date = format!("/api/concerts/{}/seats", theatre.concert.date);
    for path in [&show, &date, &show] {
        assert_eq!(get(&one, path, "192.0.2.1").await.status(), 200);
    }
    for path in [&show, &date] {
        assert_turned_away(get(&one, path, "192.0.2.2").await, "SEAT_POLLS_PER_USER").await;
    }
    assert_eq!(get(&other, &show, "192.0.2.1").await.status(), 200);
    assert_turned_away(get(&other, &show, "192.0.2.1").await, "SEAT_POLLS_PER_ADDRESS").await;
    assert_eq!(get(&other, &show, "192.0.2.2").await.status(), 200);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_a_proxy_any_number() {
    for (installation, is_proxy) in [(Installation::new(), false), (behind_a_proxy(), true)] {
        let installation = installation.with("CONNECTIONS_PER_ADDRESS", 3);
        let server = installation.start();
        let address = server.address().trim_start_matches("http://");
        let connect = || {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        };
        let mut open: Vec<_> = (0..3).map(|_| connect()).collect();
        if is_proxy {
            server.anyone().get("/livez").await.expect(200);
            continue;
        }
        let mut said = String::new();
        connect().read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{said}");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("retry-after: "), "{head}");
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        let told: Value = serde_json::from_str(body).unwrap();
        assert!(told["detail"].as_str().unwrap().contains("STAGEDOOR_CONNECTIONS_PER_ADDRESS"));
        assert!(head.contains(&format!("x-request-id: {}", told["request_id"].as_str().unwrap())));
        // One that is closed makes room for another.
        open.pop();
        while server.anyone().try_get("/livez").await.map(|answer| answer.status.as_u16()).ok()
            != Some(200)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn every_other_limit_names_its_setting_too() {
    let once = ["SIGN_UPS_PER_ADDRESS", "SIGN_UPS_PER_HOUR", "SIGN_INS_PER_ADDRESS"];
    let once = [&once[..], &["JOINS_PER_ADDRESS", "JOINS_PER_USER", "DRAWS_PER_ADDRESS"]].concat();
    let person = json!({ "email": "p@example.com", "password": "a password of mine", "name": "p" });
    let session = json!({ "email": "p@example.com", "password": "a password of mine" });
    for setting in once {
        let installation = behind_a_proxy().with(setting, 1);
        let server = installation.start();
        let anyone = server.anyone();
        let here = "192.0.2.1";
        let mut caller = anyone.clone();
        let signs = setting.starts_with("SIGN");
        if !signs {
            caller = server.user("user").await;
        }
        let room = "/api/rooms/00000000-0000-0000-0000-000000000000/draw";
        let ask = async || match setting {
            _ if setting.starts_with("SIGN_UPS") => {
                post(&caller, "/api/users", here, &person).await
            }
            "DRAWS_PER_ADDRESS" => get(&caller, room, here).await,
            _ if signs => post(&caller, "/api/sessions", here, &session).await,
            _ => post(&caller, "/api/queue_tokens", here, &json!({})).await,
        };
        assert_ne!(ask().await.status(), 429);
        assert_turned_away(ask().await, setting).await;
    }
}
