use actix_web::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE};
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder};

use crate::problem::{Problem, ProblemBody, page};
use crate::request_id;

/// What a problem's code means: where its `type` leads to.
#[utoipa::path(get, path = "/problems/{code}", tag = "problems",
    params(("code" = String, Path, example = "seat_already_reserved")), responses(
    (status = 200, content_type = "text/html", body = String, description = "For people, in the language that `Accept-Language` asks for"),
    (status = 404, description = "`not_found`: no such code", body = ProblemBody),
))]
pub(crate) async fn explain(path: Path<String>) -> Result<impl Responder, Problem> {
    let (page, language) = page(&path, request_id::language()).ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_LANGUAGE, language.name()))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header(("Vary", "Accept-Language"))
        .body(page))
}
