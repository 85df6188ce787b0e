//! Somebody in a rush, with a connection of their own, and what all of them were told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{CONCERTS, SEATS};
use crate::harness::{Concert, text};

/// How often somebody comes back who is told to.
const TRIES_MAX: usize = 600;

/// What somebody came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Was let in before.
    Inside,
    /// Took a place in line before.
    InLine,
    /// Takes one now.
    Newcomer,
}

impl Role {
    pub(super) const ALL: [Self; 3] = [Self::Inside, Self::InLine, Self::Newcomer];

    pub(super) const fn asks(self) -> &'static [Ask] {
        match self {
            Self::Inside => &[Ask::Concerts, Ask::Concert, Ask::Dates, Ask::Seats, Ask::Poll],
            Self::InLine => &[Ask::Concerts, Ask::Concert, Ask::Poll],
            Self::Newcomer => &[Ask::Concerts, Ask::Concert, Ask::Join],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    Concerts,
    Concert,
    Dates,
    Seats,
    Poll,
    Join,
}

/// What everybody was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How often what was answered.
    answers: BTreeMap<(Ask, u16, String), usize>,
    /// What should not have been told.
    pub(super) faults: Vec<String>,
    /// A hash of the seats of each concert's show, as whoever looked first was given them.
    pub(super) maps: BTreeMap<usize, u64>,
}

/// Somebody with a connection.
pub(super) struct Person {
    pub(super) role: Role,
    /// The access token.
    pub(super) access: String,
    /// For which concert.
    pub(super) concert: usize,
    /// The queue token.
    place: Option<String>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The code of a problem.
    fn code(&self) -> String {
        if self.status < 400 {
            return String::new();
        }
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Person {
    pub(super) const fn new(access: String, concert: usize) -> Self {
        Self { role: Role::Newcomer, access, concert, place: None, connection: None }
    }

    /// Takes note of the place that was taken.
    pub(super) fn placed(&mut self, place: &Value) {
        self.place = Some(text(place, "token"));
        self.role = if place["state"] == "active" { Role::Inside } else { Role::InLine };
    }

    pub(super) async fn connect(&mut self, address: &str) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (connection, driver) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver);
        self.connection = Some(connection);
    }

    /// Asks until there is an answer. Whoever is told that a limit is reached, and when to come back,
    /// comes back.
    pub(super) async fn ask(&mut self, ask: Ask, concerts: &[Concert], told: &Mutex<Told>) {
        for _ in 0..TRIES_MAX {
            let answer = match self.send(ask, &concerts[self.concert]).await {
                Ok(answer) => answer,
                Err(error) => {
                    told.lock().unwrap().faults.push(format!("{ask:?}: {error:?}"));
                    return;
                }
            };
            let code = answer.code();
            let is_limit = answer.status == 503 && code == "overloaded";
            *told.lock().unwrap().answers.entry((ask, answer.status, code)).or_default() += 1;
            match answer.retry_after {
                Some(seconds) if is_limit => tokio::time::sleep(Duration::from_secs(seconds)).await,
                _ => return self.hear(ask, &answer, concerts, told),
            }
        }
        told.lock().unwrap().faults.push(format!("{ask:?} is never answered"));
    }

    async fn send(&mut self, ask: Ask, concert: &Concert) -> hyper::Result<Answer> {
        let (method, path) = match ask {
            Ask::Concerts => (Method::GET, "/api/concerts".to_owned()),
            Ask::Concert => (Method::GET, format!("/api/concerts/{}", concert.id)),
            Ask::Dates => (Method::GET, "/api/concerts/available_dates".to_owned()),
            Ask::Seats => (Method::GET, format!("/api/shows/{}/seats", concert.show)),
            Ask::Poll => (Method::GET, "/api/queue_tokens/current".to_owned()),
            Ask::Join => (Method::POST, "/api/queue_tokens".to_owned()),
        };
        let (body, token) = match ask {
            Ask::Join => (json!({ "concert_id": concert.id }).to_string(), &self.access),
            _ => (String::new(), self.place.as_ref().unwrap_or(&self.access)),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("accept-encoding", "gzip")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(body))
            .unwrap();
        let connection = self.connection.as_mut().unwrap();
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer { status, retry_after, body: answer.into_body().collect().await?.to_bytes() })
    }

    /// Takes note of an answer, which must be the right one.
    fn hear(&mut self, ask: Ask, answer: &Answer, concerts: &[Concert], told: &Mutex<Told>) {
        let concert = &concerts[self.concert];
        let body = if ask == Ask::Seats { Value::Null } else { answer.json() };
        let is_right = answer.status / 100 == 2
            && match ask {
                Ask::Concerts => {
                    body["concerts"].as_array().is_some_and(|all| all.len() == CONCERTS)
                }
                Ask::Concert => body["concert_id"] == *concert.id,
                Ask::Dates => body["available_dates"][0]["available_seat_count"] == SEATS,
                Ask::Seats => self.sees_what_others_see(&answer.body, told),
                Ask::Poll if self.role == Role::Inside => body["state"] == "active",
                Ask::Poll => body["state"] == "waiting" && body["position"].as_u64() >= Some(1),
                Ask::Join => body["status"] == "issued",
            };
        if !is_right {
            let said = if ask == Ask::Seats { String::new() } else { body.to_string() };
            told.lock().unwrap().faults.push(format!("{ask:?}: {} {said}", answer.status));
        } else if ask == Ask::Join {
            self.placed(&body);
        }
    }

    fn sees_what_others_see(&self, map: &Bytes, told: &Mutex<Told>) -> bool {
        let mut hasher = DefaultHasher::new();
        map.hash(&mut hasher);
        let seen = hasher.finish();
        *told.lock().unwrap().maps.entry(self.concert).or_insert(seen) == seen && !map.is_empty()
    }
}
