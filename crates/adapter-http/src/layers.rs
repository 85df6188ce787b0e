//! What every request passes through: a name, a log line, a measurement, and headers that keep
//! browsers from harm.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::request_id::{self, X_REQUEST_ID};
use crate::routes::Pattern;
use crate::shared::Shared;

/// Names the request, answers it, logs and measures it, and sets the headers that every answer has.
pub(crate) async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let shared = request.app_data::<web::Data<Shared>>().cloned();
    let id = request_id::of(&request, || match &shared {
        Some(shared) => shared.ids.next().to_string(),
        None => String::new(),
    });
    let method = request.method().clone();
    let path = request.path().to_owned();
    let mut answer = request_id::within(Rc::clone(&id), next.call(request)).await?;

    set_headers(answer.headers_mut(), &path);
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(X_REQUEST_ID, id);
    }
    let (status, seconds) = (answer.status().as_u16(), started.elapsed().as_secs_f64());
    tracing::info!(request_id = %id, %method, path = %path, status, ms = seconds * 1_000.0, "answered");
    if let Some(shared) = shared {
        // Asking actix for the pattern would match the path once more.
        let route = answer.request().app_data::<Pattern>().map_or("(none)", |pattern| pattern.0);
        shared.metrics.answered(method.as_str(), route, status, seconds);
    }
    Ok(answer)
}

fn set_headers(headers: &mut HeaderMap, path: &str) {
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    // The browsable documentation brings scripts of its own; nothing else is a page.
    let policy = if path.starts_with("/docs/") {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    default(CONTENT_SECURITY_POLICY, policy);
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(X_FRAME_OPTIONS, "DENY");
    default(REFERRER_POLICY, "no-referrer");
    default(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    default(CACHE_CONTROL, "no-store");
}
