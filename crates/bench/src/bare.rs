//! The least that a server of the same kind can do: handlers that give out what is ready.

use std::sync::mpsc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    VARY,
};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::{Context, Result};
use bytes::Bytes;

/// Starts it with a compressed body of that size at `/body`, a tiny JSON at `/tiny`, and at
/// `/unmodified` a 304 with the headers that a seat map's has; returns its address. It ends with the
/// process.
pub(crate) fn start(body: Bytes, workers: usize) -> Result<String> {
    start_with(body, Some("gzip"), workers)
}

/// Starts it with that JSON at `/body`.
pub(crate) fn start_with_json(body: Bytes, workers: usize) -> Result<String> {
    start_with(body, None, workers)
}

fn start_with(body: Bytes, encoding: Option<&'static str>, workers: usize) -> Result<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let body = body.clone();
                let tiny = || async {
                    HttpResponse::Ok().content_type("application/json").body(r#"{"hello":"world"}"#)
                };
                let large = move || {
                    let body = body.clone();
                    async move {
                        let mut answer = HttpResponse::Ok();
                        answer.insert_header((CONTENT_TYPE, "application/json"));
                        if let Some(encoding) = encoding {
                            answer.insert_header((CONTENT_ENCODING, encoding));
                        }
                        answer.body(body)
                    }
                };
                App::new()
                    .route("/tiny", web::get().to(tiny))
                    .route("/body", web::get().to(large))
                    .route("/unmodified", web::get().to(unmodified))
            });
            let bound = server.workers(workers).disable_signals().bind(("127.0.0.1", 0));
            let Ok(bound) = bound else { return };
            if let Some(address) = bound.addrs().first() {
                let _ = tell.send(address.to_string());
            }
            let _ = bound.run().await;
        });
    });
    told.recv().context("the bare server does not start")
}

async fn unmodified(request: HttpRequest) -> HttpResponse {
    let mut answer = HttpResponse::NotModified();
    if let Some(etag) = request.headers().get(IF_NONE_MATCH) {
        answer.insert_header((ETAG, etag.clone()));
    }
    let set = |name, value| (name, HeaderValue::from_static(value));
    answer
        .insert_header(set(CACHE_CONTROL, "private, no-cache"))
        .insert_header(set(VARY, "Accept-Encoding, Authorization"))
        .insert_header(set(HeaderName::from_static("x-request-id"), "0123456789abcdef-1234567"))
        .finish()
}
