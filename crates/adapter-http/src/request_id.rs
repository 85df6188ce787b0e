//! The name of a request, by which an answer, a log line and a complaint find each other. It is the
//! server's: what the client calls the request is only noted beside it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::language::Language;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: (HeaderValue, Language, Option<IpAddr>);
}

/// Names requests: by the server's own name, and counted.
pub(crate) struct RequestNames {
    server: String,
    count: AtomicU64,
}

impl RequestNames {
    /// Names that begin with those of a server.
    pub(crate) fn of_server(id: Uuid) -> Self {
        // The end of an id is as much as another's as the whole of it is.
        let (_, end) = id.as_u64_pair();
        Self { server: format!("{end:016x}-"), count: AtomicU64::new(0) }
    }

    /// A new name.
    pub(crate) fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        [&self.server, count.to_string().as_str()].concat()
    }
}

/// What the client calls the request, if it is a plain name.
pub(crate) fn given_by_client(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(X_REQUEST_ID).filter(|given| is_plain(given))?;
    Some(given.to_str().ok()?.to_owned())
}

fn is_plain(name: &HeaderValue) -> bool {
    let is_plain = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.as_bytes().iter().all(is_plain)
}

/// The name of the request that is being answered.
pub(crate) fn current() -> String {
    let name = CURRENT.try_with(|(name, ..)| name.to_str().unwrap_or_default().to_owned());
    name.unwrap_or_default()
}

/// The language that it is to be answered in.
pub(crate) fn language() -> Language {
    CURRENT.try_with(|(_, language, _)| *language).unwrap_or(Language::English)
}

/// The household that it comes from.
pub(crate) fn household() -> Option<IpAddr> {
    CURRENT.try_with(|(.., household)| *household).ok().flatten()
}

/// Answers a request under its name and in its language, to that household.
pub(crate) async fn within<T>(
    name: HeaderValue,
    language: Language,
    household: Option<IpAddr>,
    answer: impl Future<Output = T>,
) -> T {
    CURRENT.scope((name, language, household), answer).await
}
