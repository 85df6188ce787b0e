//! The pages that people use, served as they are given: with a name for their version, compressed,
//! and so that no script but theirs runs in them.

use std::io::Write;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::problem::Problem;
use crate::route::{Route, method_not_allowed};

/// A file of the pages.
#[derive(Debug, Clone)]
pub struct PageFile {
    /// Where it is served.
    pub path: String,
    /// What it is.
    pub content_type: &'static str,
    /// All of it.
    pub body: Vec<u8>,
    /// Names this very body.
    pub version: String,
}

/// A file, ready to be sent.
pub(crate) struct Written {
    path: String,
    content_type: String,
    plain: Bytes,
    gzip: Option<Bytes>,
    etag: String,
    cache: &'static str,
    policy: &'static str,
}

impl From<&PageFile> for Written {
    fn from(file: &PageFile) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let _ = encoder.write_all(&file.body);
        Self {
            path: file.path.clone(),
            content_type: file.content_type.to_owned(),
            plain: file.body.clone().into(),
            gzip: encoder.finish().ok().map(Into::into),
            etag: format!("\"{}\"", file.version),
            cache: "no-cache",
            policy: POLICY,
        }
    }
}

impl Written {
    /// A document whose path names this very body, if `is_for_ever`.
    pub(crate) fn document(
        path: String,
        content_type: String,
        body: Bytes,
        is_for_ever: bool,
    ) -> Self {
        let etag = blake3::hash(&body).to_hex();
        Self {
            path,
            content_type,
            etag: format!("\"{}\"", etag.split_at(16).0),
            plain: body,
            gzip: None,
            cache: if is_for_ever { "public, max-age=31536000, immutable" } else { "no-cache" },
            policy: DOCUMENTS_POLICY,
        }
    }
}

#[cfg(test)]
impl Written {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain
    }
}

/// Serves these files.
pub(crate) fn configure(app: &mut ServiceConfig, pages: &[Arc<Written>]) {
    for page in pages {
        let served = Arc::clone(page);
        let resource = web::resource(page.path.as_str()).app_data(Route::named("(page)"));
        app.service(resource.route(web::to(move |request: HttpRequest| {
            let page = Arc::clone(&served);
            async move { answer(&request, &page) }
        })));
    }
}

/// Only what comes from here is loaded and called, and nobody shows these pages within theirs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// The browsable documentation writes styles of its own.
const DOCUMENTS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                                frame-ancestors 'none'";

fn answer(request: &HttpRequest, page: &Written) -> Result<HttpResponse, Problem> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Err(method_not_allowed(request.method(), "GET, HEAD"));
    }
    let headers = request.headers();
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((ETAG, page.etag.as_str()))
        .insert_header((CACHE_CONTROL, page.cache))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((CONTENT_SECURITY_POLICY, page.policy))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if names(headers, &IF_NONE_MATCH, &page.etag) {
        return Ok(answer.status(actix_web::http::StatusCode::NOT_MODIFIED).finish());
    }
    answer.content_type(page.content_type.as_str());
    if let Some(gzip) = page.gzip.as_ref().filter(|_| names(headers, &ACCEPT_ENCODING, "gzip")) {
        return Ok(answer.insert_header((CONTENT_ENCODING, "gzip")).body(gzip.clone()));
    }
    Ok(answer.body(page.plain.clone()))
}

/// Whether a header's list names `wanted`.
fn names(headers: &HeaderMap, header: &actix_web::http::header::HeaderName, wanted: &str) -> bool {
    let lists = headers.get_all(header).filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let name = item.split(';').next().unwrap_or_default().trim();
        name == wanted || name.strip_prefix("W/") == Some(wanted)
    })
}
