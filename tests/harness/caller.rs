//! Somebody who calls a server, and what is answered.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::Server;

const PATIENCE: Duration = Duration::from_secs(30);

/// A client of HTTP alone, though the program's own client is made for HTTPS, too, and wants to know
/// by which cryptography.
pub(crate) fn http_client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Somebody who calls, with or without a token.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    address: String,
    token: Option<String>,
    /// The access token with which a place in line was taken.
    access: Option<String>,
    key: Option<String>,
}

impl Caller {
    /// Somebody without a token.
    pub(crate) fn at_server(address: &str) -> Self {
        Self {
            client: http_client(),
            address: address.to_owned(),
            token: None,
            access: None,
            key: None,
        }
    }

    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Whoever took this place in line, with the access token.
    pub(crate) fn account(&self) -> Self {
        Self { token: self.access.clone(), ..self.clone() }
    }

    /// With an idempotency key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// The same one, at another server.
    pub(crate) fn at(&self, server: &Server) -> Self {
        self.at_address(&server.address)
    }

    pub(crate) fn at_address(&self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self.clone() }
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub(crate) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        request
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap()
    }

    /// Gets where the server may be gone before it answers.
    pub(crate) async fn try_get(&self, path: &str) -> reqwest::Result<Answer> {
        Ok(Answer::of(self.request(Method::GET, path).send().await?).await)
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_post(path, body).await.unwrap()
    }

    /// Posts where the server may be gone before it answers.
    pub(crate) async fn try_post(&self, path: &str, body: Value) -> reqwest::Result<Answer> {
        let answer = self.request(Method::POST, path).json(&body).send().await?;
        Ok(Answer::of(answer).await)
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body).send().await.unwrap()).await
    }

    /// Takes a place in line for a concert, and returns who holds the queue token, and the place.
    pub(crate) async fn join(&self, concert: Option<&str>) -> (Self, Value) {
        let place = self.post("/api/queue_tokens", json!({ "concert_id": concert })).await.body;
        let access = self.token.clone();
        (Self { access, ..self.with_token(text(&place, "token")) }, place)
    }

    /// Waits until the place in line has come to `state`.
    pub(crate) async fn until(&self, state: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let ticket = self.get("/api/queue_tokens/current").await.expect(200);
            if ticket["state"] == state {
                return ticket;
            }
            assert!(Instant::now() < end, "still {ticket}, not {state}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn charge(&self, amount: i64) -> Value {
        self.post("/api/users/balance", json!({ "amount": amount })).await.expect(200)
    }

    pub(crate) async fn hold(&self, show: &str, seats: &[&str]) -> Answer {
        self.post("/api/reservations", json!({ "show_id": show, "seat_ids": seats })).await
    }

    pub(crate) async fn pay(&self, reservation: &str) -> Answer {
        self.post("/api/payments", json!({ "reservation_id": reservation })).await
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    /// The body of a success of that status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// The body of a refusal of that status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let told = (self.status.as_u16(), self.body["code"].as_str());
        assert_eq!(told, (status, Some(code)), "{}", self.body);
        assert_eq!(self.body["type"], format!("/problems/{code}"));
        assert_eq!(self.body["status"], status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["x-request-id"], text(&self.body, "request_id"));
        self.body
    }
}

/// A text field of a body.
#[track_caller]
pub(crate) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}
