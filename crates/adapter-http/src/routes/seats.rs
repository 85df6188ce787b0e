//! Seat maps, shown to who is let in.

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    VARY,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::catalogue::{SeatMap, SeatsOfShow, ShowChoice};
use chrono::NaiveDate;
use domain::ids::ShowId;
use domain::refusal::Refusal;
use uuid::Uuid;

use super::path_id;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};
use crate::seat_map_bodies::SeatMapBody;
use crate::shared::Shared;

/// The path of a show's seats, which has a [shortcut](crate::shortcut).
pub(crate) const OF_SHOW: &str = "/api/shows/{show_id}/seats";

/// The seats of a show.
#[utoipa::path(get, path = "/api/shows/{show_id}/seats", tag = "concerts",
    params(("show_id" = Uuid, Path), ("If-None-Match" = Option<String>, Header)),
    security(("queue_token" = [])), responses(
    (status = 200, body = SeatMapBody, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed since the `ETag` of `If-None-Match`"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
    (status = 404, description = "`invalid_show`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn of_show(
    app: Data<Application>,
    shared: Data<Shared>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let id = path_id(&path, Refusal::InvalidShow).unwrap_or(ShowId::from(Uuid::nil()));
    answer(&app, &shared, &request, ShowChoice::ById(id)).await
}

/// The seats of a concert's show on a date.
#[utoipa::path(get, path = "/api/concerts/{concert_id}/dates/{date}/seats", tag = "concerts",
    params(("concert_id" = Uuid, Path), ("date" = NaiveDate, Path), ("If-None-Match" = Option<String>, Header)),
    security(("queue_token" = [])), responses(
    (status = 200, body = SeatMapBody, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed since the `ETag` of `If-None-Match`"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
    (status = 404, description = "`invalid_concert`, `invalid_date`", body = ProblemBody),
    (status = 409, description = "`ambiguous_date` with `shows: [{show_id, starts_at}]`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn of_date(
    app: Data<Application>,
    shared: Data<Shared>,
    request: HttpRequest,
    path: Path<(String, String)>,
) -> Result<impl Responder, Problem> {
    let (concert, date) = path.into_inner();
    let id = path_id(&concert, Refusal::InvalidConcert).unwrap_or(Uuid::nil().into());
    let choice = ShowChoice::ByDate { concert_id: Some(id), date: path_date(&date) };
    answer(&app, &shared, &request, choice).await
}

/// The seats of the show on a date, of the concert that your token was issued for.
#[utoipa::path(get, path = "/api/concerts/{date}/seats", tag = "concerts",
    params(("date" = NaiveDate, Path), ("If-None-Match" = Option<String>, Header)),
    security(("queue_token" = [])), responses(
    (status = 200, body = SeatMapBody, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed since the `ETag` of `If-None-Match`"),
    (status = 400, description = "`concert_required`: the token names none", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
    (status = 404, description = "`invalid_date`", body = ProblemBody),
    (status = 409, description = "`ambiguous_date` with `shows: [{show_id, starts_at}]`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn of_own_date(
    app: Data<Application>,
    shared: Data<Shared>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let choice = ShowChoice::ByDate { concert_id: None, date: path_date(&path) };
    answer(&app, &shared, &request, choice).await
}

/// A date from a path. What is no date is one on which nothing is ever played.
fn path_date(segment: &str) -> NaiveDate {
    NaiveDate::parse_from_str(segment, "%Y-%m-%d").unwrap_or(NaiveDate::MIN)
}

/// Shows the seats of the show that is meant to who is let in.
pub(crate) async fn answer(
    app: &Application,
    shared: &Shared,
    request: &HttpRequest,
    choice: ShowChoice,
) -> Result<HttpResponse, Problem> {
    let claims = Bearer::of(request).queue(app)?;
    shared.limits.look_at_seats(request, claims.user_id)?;
    let seats = app.show_seat_map.execute(&claims, choice).await?;
    let etag = etag(&seats);
    let known = is_known(request, &etag);
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")))
        .insert_header((VARY, HeaderValue::from_static("Accept-Encoding, Authorization")));
    if known {
        return Ok(answer.finish());
    }
    let body = shared.seat_maps.body(seats).await?;
    let takes_gzip = header(request, &ACCEPT_ENCODING).is_some_and(accepts_gzip);
    answer.content_type("application/json");
    if takes_gzip {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
        return Ok(answer.body(body.gzip()));
    }
    Ok(answer.body(body.plain.clone()))
}

fn header<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The tag of what is shown: which show, in which history of the store, and as of which change. Weak,
/// since a seat map is sent plain or compressed.
fn etag(seats: &SeatsOfShow) -> String {
    let (show, mut text) = (Uuid::from(seats.performance.show.id), Uuid::encode_buffer());
    let show: &str = show.hyphenated().encode_lower(&mut text);
    let SeatMap { history, version, .. } = &*seats.map;
    ["W/\"", show, "-", &history.to_string(), "-", &version.to_string(), "\""].concat()
}

/// Whether the caller has what this tag is of.
pub(super) fn is_known(request: &HttpRequest, etag: &str) -> bool {
    header(request, &IF_NONE_MATCH).is_some_and(|tags| names(tags, etag))
}

/// Whether an `If-None-Match` names the tag, by weak comparison (RFC 9110, section 13.1.2).
fn names(header: &str, etag: &str) -> bool {
    fn weak(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    // Browsers send one tag, and as they got it.
    header == etag || header.trim() == "*" || header.split(',').any(|tag| weak(tag) == weak(etag))
}

/// Whether an `Accept-Encoding` takes gzip.
fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| part.trim_start_matches("q=").parse() == Ok(0.0_f32));
        is_gzip && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_named_weakly_in_a_list_or_by_a_star() {
        let etag = "W/\"s-7\"";
        for header in ["W/\"s-7\"", "\"s-7\"", "\"s-6\", W/\"s-7\"", "*"] {
            assert!(names(header, etag), "{header}");
        }
        for header in ["", "\"s-77\"", "s-7"] {
            assert!(!names(header, etag), "{header}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        assert!(accepts_gzip("deflate, GZIP;q=0.5"));
        for header in ["", "br", "gzip;q=0", "gzip; q=0.0"] {
            assert!(!accepts_gzip(header), "{header}");
        }
    }
}
