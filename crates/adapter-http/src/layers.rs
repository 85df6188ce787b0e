//! What every request passes through: a name, a log line, a measurement, and headers that keep
//! browsers from harm.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use crate::body::Incoming;
use crate::insiders::Insiders;
use crate::language::Language;
use crate::listening::Connection;
use crate::problem::Problem;
use crate::request_id::{self, X_REQUEST_ID};
use crate::route::{Route, method_label};
use crate::sending::Sending;
use crate::shared::Shared;

/// Names the request, answers it, logs and measures it, and sets the headers that every answer has.
pub(crate) async fn around(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<Sending>, Error> {
    let started = Instant::now();
    let incoming = Incoming::of(&mut request);
    if let Some(incoming) = &incoming {
        request.extensions_mut().insert(incoming.clone());
    }
    let sending =
        |answer: ServiceResponse<BoxBody>| answer.map_body(|_, body| Sending::new(body, incoming));
    let Some(shared) = request.app_data::<web::Data<Shared>>().cloned() else {
        return next.call(request).await.map(|answer| sending(answer.map_into_boxed_body()));
    };
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.speaks();
    }
    let name = HeaderValue::try_from(shared.request_names.next());
    let name = name.unwrap_or(HeaderValue::from_static("unnamed"));
    let language = Language::wanted_by(request.headers());
    let household = shared.limits.household(request.request());
    let answering = async {
        if Insiders::is_out_of_place(&request) {
            let (request, _) = request.into_parts();
            return Ok(ServiceResponse::from_err(Problem::not_found(), request));
        }
        next.call(request).await.map(ServiceResponse::map_into_boxed_body)
    };
    let mut answer = request_id::within(name.clone(), language, household, answering).await?;

    // What has not changed keeps the headers that it came with (RFC 9111, section 3.2).
    if answer.status() != StatusCode::NOT_MODIFIED {
        set_headers(answer.headers_mut());
    }
    if shared.is_stopping() {
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let (method, path) = (answer.request().method(), answer.request().path());
    let (status, seconds) = (answer.status().as_u16(), started.elapsed().as_secs_f64());
    let request_id = name.to_str().unwrap_or_default();
    let client_request_id = request_id::given_by_client(answer.request().headers());
    let ms = seconds * 1_000.0;
    if is_worth_telling(answer.status()) || seconds >= SLOW_SECONDS {
        tracing::info!(request_id, client_request_id, %method, path, status, ms, "answered");
    } else {
        tracing::debug!(request_id, client_request_id, %method, path, status, ms, "answered");
    }
    // Asking actix for the pattern would match the path once more.
    match answer.request().app_data::<Route>() {
        Some(route) => route.answered(&shared.metrics, method, status, seconds),
        None => shared.metrics.series(method_label(method), "(none)", status).answered(seconds),
    }
    answer.headers_mut().insert(X_REQUEST_ID, name);
    Ok(sending(answer))
}

/// From when on an answer is slow.
const SLOW_SECONDS: f64 = 1.0;

/// Whether an operator should know of an answer of this status, though there may be thousands like
/// it: that the server failed, or turned somebody away who came too often. Other refusals are what
/// clients do wrong, and everyday.
fn is_worth_telling(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn set_headers(headers: &mut HeaderMap) {
    // Pages and documents say for themselves what they may; nothing else is looked at in a browser.
    let is_page = headers.contains_key(CONTENT_SECURITY_POLICY);
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    if !is_page {
        set(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    }
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
