//! Request bodies: bounded in size and time, strict JSON, every mistake named.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body is at most this long.
const BYTES_MAX: usize = 64 * 1024;
/// A body arrives within this time.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// What a mistake is told in at most.
const MESSAGE_MAX: usize = 300;

/// A request's body as it came. A handler asks who is there before it looks inside.
pub(crate) struct Body(Bytes);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = payload.take();
        Box::pin(async move {
            let body = tokio::time::timeout(ARRIVES_WITHIN, read(payload)).await;
            let late = |_| {
                let status = StatusCode::REQUEST_TIMEOUT;
                Problem::new(status, "request_timeout", "the body did not arrive in time")
            };
            body.map_err(late)?.map(Self)
        })
    }
}

async fn read(mut payload: Payload) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::invalid("body", error.to_string()))?;
        if body.len() + chunk.len() > BYTES_MAX {
            let detail = format!("a body has at most {BYTES_MAX} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl Body {
    /// The body as it came, for who has to prove where it came from.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The body as what it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut json = serde_json::Deserializer::from_slice(&self.0);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
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
        let problem = Body(Bytes::from(body.to_owned())).json::<Charge>().unwrap_err();
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
            ("", "body"),
            ("\u{0}", "body"),
        ] {
            let said = complaint(body);
            let named = format!("\"field\": String(\"{field}\")");
            assert!(said.contains("invalid_request") && said.contains(&named), "{body}: {said}");
        }
    }
}
