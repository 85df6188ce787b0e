//! Request bodies: bounded in size and time, strict JSON, every mistake named.

use std::cell::RefCell;
use std::future::{Ready, poll_fn, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;
use crate::strict_json::Strict;

/// A body is at most this long.
const BYTES_MAX: usize = 64 * 1024;
/// A body arrives within this time.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// What a mistake is told in at most.
const MESSAGE_MAX: usize = 300;

/// How much the bodies that are read just now may take together, beyond [`FREE`] bytes each.
const UNDER_WAY_MAX: usize = 32 * 1024 * 1024;
/// So much of a body is read without a share in what all may take: no call of ours that buys a ticket says
/// more, and those who say little are not held up by those who say much.
const FREE: usize = 4 * 1024;

/// Room for the bodies that are under way.
pub(crate) struct BodyRoom(Arc<Semaphore>);

impl Default for BodyRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNDER_WAY_MAX)))
    }
}

/// A body that has not been read yet. It belongs to the answer, too, until that is out: the server reads
/// on what nobody owns, without an end, but closes the connection if the rest still has an owner.
#[derive(Clone)]
pub(crate) struct Incoming(Rc<RefCell<Payload>>);

impl Incoming {
    /// That of a request, if it has one.
    pub(crate) fn of(request: &mut ServiceRequest) -> Option<Self> {
        match request.take_payload() {
            Payload::None => None,
            payload => Some(Self(Rc::new(RefCell::new(payload)))),
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// A [`Problem`] where it is too long or too slow, breaks off, or where there is no room for it.
    pub(crate) async fn read(&self, room: &BodyRoom) -> Result<Body, Problem> {
        let body = tokio::time::timeout(ARRIVES_WITHIN, self.read_all(room)).await;
        body.unwrap_or_else(|_| {
            let status = StatusCode::REQUEST_TIMEOUT;
            Err(Problem::new(status, "request_timeout", "the body did not arrive in time"))
        })
    }

    async fn read_all(&self, room: &BodyRoom) -> Result<Body, Problem> {
        let (mut body, mut share) = (BytesMut::new(), None);
        while let Some(chunk) = poll_fn(|cx| self.0.borrow_mut().poll_next_unpin(cx)).await {
            let chunk = chunk.map_err(|error| Problem::invalid("body", error.to_string()))?;
            let length = body.len() + chunk.len();
            if length > BYTES_MAX {
                let detail = format!("a body has at most {BYTES_MAX} bytes");
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Problem::new(status, "payload_too_large", detail));
            }
            if length > FREE && share.is_none() {
                share = Some(room.share()?);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Body { bytes: body.freeze(), _share: share.map(Rc::new) })
    }
}

impl BodyRoom {
    /// Room for the longest body.
    fn share(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let most = u32::try_from(BYTES_MAX).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.0).try_acquire_many_owned(most);
        share.map_err(|_| Problem::overloaded("too many long bodies are under way; try again"))
    }
}

/// A request's body as it came, read by the [gate](crate::gate).
#[derive(Clone, Default)]
pub(crate) struct Body {
    bytes: Bytes,
    _share: Option<Rc<OwnedSemaphorePermit>>,
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions_mut().remove::<Self>().unwrap_or_default()))
    }
}

impl Body {
    /// The body as it came, for who has to prove where it came from.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as what it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut json = serde_json::Deserializer::from_slice(&self.bytes);
        let strict = Strict(&mut json);
        let value = serde_path_to_error::deserialize(strict).map_err(|error| {
            let path = error.path().to_string();
            let message = error.into_inner().to_string();
            Problem::invalid(field(&path, &message), shortened(&message))
        })?;
        json.end().map_err(|error| Problem::invalid("body", shortened(&error.to_string())))?;
        Ok(value)
    }
}

/// The field that a message is about: serde names a missing or unknown one in the message, and
/// any other in the path.
fn field(path: &str, message: &str) -> String {
    let is_about_name =
        message.starts_with("missing field") || message.starts_with("unknown field");
    let name = message.split('`').nth(1).filter(|_| is_about_name);
    // serde has no path for what it cannot read at all.
    let path = if path == "?" { "." } else { path };
    match (path, name) {
        (".", Some(name)) => shortened(name),
        (path, Some(name)) if path.ends_with(name) => shortened(path),
        (path, Some(name)) => shortened(&format!("{path}.{name}")),
        (".", None) => "body".to_owned(),
        (path, None) => shortened(path),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Charge {
        #[expect(dead_code, reason = "only whether it is read matters")]
        amount: i64,
    }

    fn complaint(body: &str) -> String {
        let body = Body { bytes: Bytes::from(body.to_owned()), _share: None };
        let problem = body.json::<Charge>().unwrap_err();
        format!("{problem:?}")
    }

    #[test]
    fn every_mistake_names_its_field() {
        for (body, field) in [
            ("{}", "amount"),
            (r#"{"amount": "1"}"#, "amount"),
            (r#"{"amount": 1.5}"#, "amount"),
            (r#"{"amount": 1, "tip": 2}"#, "tip"),
            (r#"{"amount": 1} 2"#, "body"),
            ("[1", "body"),
            ("[1]", "body"),
            ("", "body"),
            ("\u{0}", "body"),
        ] {
            let said = complaint(body);
            let named = format!("\"field\": String(\"{field}\")");
            assert!(said.contains("invalid_request") && said.contains(&named), "{body}: {said}");
        }
    }
}
