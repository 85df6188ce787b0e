//! The name of a request, by which an answer, a log line and a complaint find each other.

use std::rc::Rc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: Rc<str>;
}

/// The name of the request that is being answered.
pub(crate) fn current() -> String {
    CURRENT.try_with(ToString::to_string).unwrap_or_default()
}

/// Answers a request under its name.
pub(crate) async fn within<T>(id: Rc<str>, answer: impl Future<Output = T>) -> T {
    CURRENT.scope(id, answer).await
}

/// The caller's own name for the request, if it is a plain one, or a new one.
pub(crate) fn of(request: &ServiceRequest, new: impl Fn() -> String) -> Rc<str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let given = request.headers().get(X_REQUEST_ID).and_then(|id| id.to_str().ok());
    let given = given.filter(|id| (1..=64).contains(&id.len()) && id.chars().all(is_plain));
    given.map_or_else(|| new().into(), Rc::from)
}
