use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::catalogue::{AvailableDate, ConcertOnOffer, ShowOnOffer};
use chrono::{DateTime, NaiveDate, Utc};
use domain::concert::Concert;
use domain::ids::ConcertId;
use domain::money::Amount;
use domain::refusal::Refusal;
use domain::show::{Availability, Grade, SaleStatus};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::path_id;
use super::seats::is_known;
use crate::credentials::Bearer;
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};

#[derive(Serialize, ToSchema)]
#[schema(as = Concert)]
pub(crate) struct ConcertBody {
    concert_id: Uuid,
    title: String,
    venue: String,
    /// IANA name of the venue's time zone, which a show's date is in.
    #[schema(example = "Asia/Seoul")]
    time_zone: &'static str,
    /// ISO 4217.
    #[schema(example = "KRW")]
    currency: String,
    sale_opens_at: Option<DateTime<Utc>>,
    sale_closes_at: Option<DateTime<Utc>>,
    max_seats_per_user: u32,
}

impl From<&Concert> for ConcertBody {
    fn from(concert: &Concert) -> Self {
        let details = &concert.details;
        Self {
            concert_id: concert.id.into(),
            title: details.title.clone(),
            venue: details.venue.clone(),
            time_zone: details.time_zone.name(),
            currency: details.currency.to_string(),
            sale_opens_at: details.sale_opens_at,
            sale_closes_at: details.sale_closes_at,
            max_seats_per_user: details.max_seats_per_user,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Concerts)]
pub(crate) struct ConcertsBody {
    concerts: Vec<ConcertBody>,
    next_cursor: Option<String>,
}

/// What is played, newest first.
#[utoipa::path(get, path = "/api/concerts", operation_id = "list_concerts", tag = "concerts", params(PageQuery), responses(
    (status = 200, body = ConcertsBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    page: Paging<ConcertId>,
) -> Result<impl Responder, Problem> {
    let page = app.list_concerts.execute(page.0).await?;
    let next_cursor = next_cursor(&page);
    let concerts = page.items.iter().map(ConcertBody::from).collect();
    Ok(HttpResponse::Ok().json(ConcertsBody { concerts, next_cursor }))
}

/// A concert, and what there is of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConcertWithShows {
    #[serde(flatten)]
    concert: ConcertBody,
    /// Earliest first.
    shows: Vec<ShowSummary>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ShowSummary {
    show_id: Uuid,
    starts_at: DateTime<Utc>,
    /// The show's date at its venue.
    date: NaiveDate,
    /// `upcoming` before the sale opens, `closed` once it has closed or the show has begun.
    #[schema(value_type = SaleStatusBody)]
    status: SaleStatus,
    /// The dearest first.
    grades: Vec<GradeBody>,
    /// How many seats are free, at most 4 s ago: `few` are a tenth of all or less; `none` also where
    /// `status` is `closed`.
    #[schema(value_type = AvailabilityBody)]
    availability: Availability,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Grade)]
pub(crate) struct GradeBody {
    #[schema(example = "VIP")]
    grade: String,
    /// In minor units.
    #[schema(value_type = i64, minimum = 0)]
    price: Amount,
}

/// Whether seats of a show are sold.
#[derive(ToSchema)]
#[schema(as = SaleStatus, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum SaleStatusBody {
    Upcoming,
    OnSale,
    Closed,
}

/// How many seats are free.
#[derive(ToSchema)]
#[schema(as = Availability, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum AvailabilityBody {
    Many,
    Few,
    None,
}

impl From<&ConcertOnOffer> for ConcertWithShows {
    fn from(on_offer: &ConcertOnOffer) -> Self {
        let concert = ConcertBody::from(&*on_offer.concert);
        Self { concert, shows: on_offer.shows.iter().map(ShowSummary::from).collect() }
    }
}

impl From<&ShowOnOffer> for ShowSummary {
    fn from(on_offer: &ShowOnOffer) -> Self {
        let grade = |grade: &Grade| GradeBody { grade: grade.name.clone(), price: grade.price };
        Self {
            show_id: on_offer.show.id.into(),
            starts_at: on_offer.show.starts_at,
            date: on_offer.show.date,
            status: on_offer.status,
            grades: on_offer.grades.iter().map(grade).collect(),
            availability: on_offer.availability,
        }
    }
}

/// A concert: when it is played, what a seat costs, and whether any are left. No place in line is needed.
#[utoipa::path(get, path = "/api/concerts/{concert_id}", operation_id = "show_concert", tag = "concerts",
    params(("concert_id" = Uuid, Path), ("If-None-Match" = Option<String>, Header)), responses(
    (status = 200, body = ConcertWithShows, headers(("ETag" = String))),
    (status = 304, description = "Nothing changed since the `ETag` of `If-None-Match`"),
    (status = 404, description = "`invalid_concert`", body = ProblemBody),
))]
pub(crate) async fn show(
    app: Data<Application>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let id = path_id(&path, Refusal::InvalidConcert)?;
    let on_offer = app.show_concert.execute(id).await?;
    let body = serde_json::to_vec(&ConcertWithShows::from(&on_offer)).unwrap_or_default();
    // A tag of what is said, so that it is the same at every server.
    let digest = blake3::hash(&body).to_hex();
    let etag = ["\"", digest.get(..32).unwrap_or(&digest), "\""].concat();
    let known = is_known(&request, &etag);
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("public, max-age=2")));
    if known {
        return Ok(answer.finish());
    }
    Ok(answer.content_type("application/json").body(body))
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AvailableDates {
    available_dates: Vec<AvailableDateBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AvailableDate)]
pub(crate) struct AvailableDateBody {
    show_id: Uuid,
    /// The show's date at its venue.
    date: NaiveDate,
    starts_at: DateTime<Utc>,
    /// How many of its seats can be held, at most a second ago.
    available_seat_count: u32,
    total_seat_count: u32,
}

impl From<AvailableDate> for AvailableDateBody {
    fn from(available: AvailableDate) -> Self {
        Self {
            show_id: available.show.id.into(),
            date: available.show.date,
            starts_at: available.show.starts_at,
            available_seat_count: available.available_seat_count,
            total_seat_count: available.show.seat_count,
        }
    }
}

/// The shows of a concert that can be booked now.
#[utoipa::path(get, path = "/api/concerts/{concert_id}/available_dates", tag = "concerts",
    params(("concert_id" = Uuid, Path)), security(("queue_token" = [])), responses(
    (status = 200, body = AvailableDates),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
    (status = 404, description = "`invalid_concert`", body = ProblemBody),
))]
pub(crate) async fn dates(
    app: Data<Application>,
    bearer: Bearer,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    // What is no id names no concert; the use case says so to who is let in.
    let id = path_id(&path, Refusal::InvalidConcert).unwrap_or(ConcertId::from(Uuid::nil()));
    let dates = app.list_available_dates.execute(&claims, Some(id)).await?;
    Ok(HttpResponse::Ok().json(AvailableDates::from(dates)))
}

/// The shows of the concert that your token was issued for that can be booked now.
#[utoipa::path(get, path = "/api/concerts/available_dates", tag = "concerts",
    security(("queue_token" = [])), responses(
    (status = 200, body = AvailableDates),
    (status = 400, description = "`concert_required`: the token names none", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
))]
pub(crate) async fn own_dates(
    app: Data<Application>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    let dates = app.list_available_dates.execute(&claims, None).await?;
    Ok(HttpResponse::Ok().json(AvailableDates::from(dates)))
}

impl From<Vec<AvailableDate>> for AvailableDates {
    fn from(dates: Vec<AvailableDate>) -> Self {
        Self { available_dates: dates.into_iter().map(AvailableDateBody::from).collect() }
    }
}
