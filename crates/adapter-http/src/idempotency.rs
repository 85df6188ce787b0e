//! The header `Idempotency-Key`: the IETF draft's quoted string, or bare.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use domain::idempotency::{IdempotencyKey, IdempotentRequest};
use domain::ids::UserId;
use serde::Serialize;

use crate::problem::Problem;

/// What the API's document says of the header.
pub(crate) const KEY_ABOUT: &str = "1 to 255 visible ASCII characters of your own. The same request with \
    the same key gets the same answer and takes effect once, for a day in which the service was up.";

/// The key that a request came with, if it came with one.
pub(crate) struct Key(Option<String>);

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut headers = request.headers().get_all("Idempotency-Key");
        let key = match (headers.next(), headers.next()) {
            (None, _) => Ok(Self(None)),
            (Some(header), None) => {
                let key = header.to_str().ok().map(str::trim).and_then(unquoted);
                key.map(|key| Self(Some(key.to_owned()))).ok_or(())
            }
            (Some(_), Some(_)) => Err(()),
        };
        let message = "must be one key of 1 to 255 visible ASCII characters, quoted or bare";
        ready(key.map_err(|()| Problem::invalid("Idempotency-Key", message)))
    }
}

fn unquoted(header: &str) -> Option<&str> {
    let bare = match header.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => header,
    };
    let is_fit =
        (1..=255).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic());
    is_fit.then_some(bare)
}

impl Key {
    /// The key of this user and call, with a digest of what the request says: the object that the
    /// path names, and the body as it was understood, so that spaces and the order of its fields
    /// make no other request of it.
    pub(crate) fn of<T: Serialize>(
        self,
        user_id: UserId,
        call: &str,
        object: &str,
        body: &T,
    ) -> Option<IdempotentRequest> {
        let mut digest = blake3::Hasher::new();
        digest.update(object.as_bytes()).update(b"\n");
        digest.update(&serde_json::to_vec(body).unwrap_or_default());
        let key = IdempotencyKey { user_id, call: call.to_owned(), key: self.0? };
        Some(IdempotentRequest { key, fingerprint: *digest.finalize().as_bytes() })
    }
}

/// An answer that says so when it was given before.
pub(crate) fn answer<T: Serialize>(
    mut answer: HttpResponseBuilder,
    replayed: bool,
    body: &T,
) -> HttpResponse {
    if replayed {
        answer.insert_header(("Idempotent-Replayed", "true"));
    }
    answer.json(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_quoted_or_bare_and_visible_ascii() {
        assert_eq!(unquoted("\"8e03978e\""), Some("8e03978e"));
        assert_eq!(unquoted("8e03978e"), Some("8e03978e"));
        let long = "k".repeat(256);
        for wrong in ["", "\"\"", "\"open", "two words", "열쇠", long.as_str()] {
            assert_eq!(unquoted(wrong), None, "{wrong}");
        }
    }
}
