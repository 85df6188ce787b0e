//! What every operation asks of a request before its handler runs: first the credential, then that
//! nothing is said that would not be understood, then the body. What is refused here has changed nothing,
//! and of who has no credential no body is read.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use application::Application;
use domain::ids::UserId;
use serde::Deserialize;

use crate::body::{Body, Incoming};
use crate::credentials::Bearer;
use crate::operations::{Credential, Operation};
use crate::problem::Problem;
use crate::shared::Shared;

/// Lets a request through to its handler, or answers it.
pub(crate) async fn pass(
    operations: &'static [Operation],
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let operation = operations.iter().find(|operation| operation.method == *request.method());
    let checked = match operation {
        Some(operation) => check(operation, request.request()).await,
        // Another method is told so, whatever else it says.
        None => Ok(()),
    };
    match checked {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(ServiceResponse::from_err(problem, request.into_parts().0)),
    }
}

async fn check(operation: &Operation, request: &HttpRequest) -> Result<(), Problem> {
    let incoming = request.extensions().get::<Incoming>().cloned();
    let says_more = incoming.is_some()
        || !request.query_string().is_empty()
        || request.headers().contains_key("Idempotency-Key");
    if operation.method == Method::GET && !says_more {
        // Who asks for no more than the path says is known to the handler soon enough.
        return Ok(());
    }
    let state = || Problem::unavailable("the server is not there yet");
    let app = request.app_data::<web::Data<Application>>().ok_or_else(state)?;
    let shared = request.app_data::<web::Data<Shared>>().ok_or_else(state)?;
    let user_id = credential(operation, request, app).await?;
    if operation.method != Method::GET
        && !operation.is_operators
        && let Some(user_id) = user_id
    {
        shared.limits.write(request, user_id)?;
    }
    query(operation, request.query_string())?;
    let Some(incoming) = incoming else { return Ok(()) };
    let body = incoming.read(&shared.bodies).await?;
    is_understood(operation, request.headers(), &body)?;
    request.extensions_mut().insert(body);
    Ok(())
}

/// Who calls, as far as the token alone tells: a handler may still have something against it.
async fn credential(
    operation: &Operation,
    request: &HttpRequest,
    app: &Application,
) -> Result<Option<UserId>, Problem> {
    let bearer = Bearer::of(request);
    let user_id = match operation.credential {
        Credential::None => return Ok(None),
        Credential::Access => bearer.access(app)?,
        Credential::Queue => bearer.queue(app)?.user_id,
        Credential::Either => match bearer.queue(app) {
            Ok(claims) => claims.user_id,
            Err(_) => bearer.access(app)?,
        },
    };
    if operation.is_operators {
        app.show_me.execute(user_id).await?.ensure_operator()?;
    }
    Ok(Some(user_id))
}

fn query(operation: &Operation, query: &str) -> Result<(), Problem> {
    if query.is_empty() {
        return Ok(());
    }
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let pairs = pairs.map_err(|_| Problem::invalid("query", "cannot be read"))?;
    match pairs.iter().find(|(name, _)| !operation.query.contains(name)) {
        Some((name, _)) => Err(Problem::invalid(shortened(name), "is no parameter of this call")),
        None => Ok(()),
    }
}

/// A name as it is repeated to who wrote it.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}

/// What a call takes whose path says all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn is_understood(operation: &Operation, headers: &HeaderMap, body: &Body) -> Result<(), Problem> {
    if body.bytes().is_empty() {
        return Ok(());
    }
    if !is_json(headers) {
        return Err(Problem::invalid("Content-Type", "must be application/json"));
    }
    if operation.takes_body {
        return Ok(());
    }
    body.json::<Nothing>().map(drop)
}

/// Whether the headers say that a body is JSON, or do not say what it is.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE);
    let Some(told) = types.next() else { return true };
    let Some(told) = told.to_str().ok().filter(|_| types.next().is_none()) else { return false };
    let mut parts = told.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|part| match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => part.is_empty(),
        })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn json_is_told_as_json_or_not_at_all() {
        let told = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for told in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(told));
            }
            is_json(&headers)
        };
        for right in ["application/json", "Application/JSON; charset=UTF-8", "application/json;"] {
            assert!(told(&[right]), "{right}");
        }
        assert!(told(&[]));
        for wrong in ["text/plain", "application/jsonp", "", "application/json; charset=euc-kr"] {
            assert!(!told(&[wrong]), "{wrong}");
        }
        assert!(!told(&["application/json", "text/plain"]));
    }

    #[test]
    fn a_parameter_that_a_call_does_not_have_is_named() {
        let [list, hold] = crate::operations::of("/api/reservations") else { panic!() };
        assert!(query(list, "limit=5&cursor=x").is_ok() && query(hold, "").is_ok());
        for (operation, wrong, named) in
            [(list, "limit=5&page=2", "page"), (hold, "limit=5", "limit"), (hold, "a%20b", "a b")]
        {
            let problem = query(operation, wrong).unwrap_err();
            assert!(format!("{problem:?}").contains(&format!("\"{named}\"")), "{problem:?}");
        }
    }
}
