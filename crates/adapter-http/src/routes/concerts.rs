use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use application::catalogue::AvailableDate;
use chrono::{DateTime, NaiveDate, Utc};
use domain::concert::Concert;
use domain::ids::ConcertId;
use domain::refusal::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::path_id;
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

impl From<Concert> for ConcertBody {
    fn from(concert: Concert) -> Self {
        let details = concert.details;
        Self {
            concert_id: concert.id.into(),
            title: details.title,
            venue: details.venue,
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
    let concerts = page.items.into_iter().map(ConcertBody::from).collect();
    Ok(HttpResponse::Ok().json(ConcertsBody { concerts, next_cursor }))
}

/// A concert.
#[utoipa::path(get, path = "/api/concerts/{concert_id}", operation_id = "show_concert", tag = "concerts",
    params(("concert_id" = Uuid, Path)), responses(
    (status = 200, body = ConcertBody),
    (status = 404, description = "`invalid_concert`", body = ProblemBody),
))]
pub(crate) async fn show(
    app: Data<Application>,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let id = path_id(&path, Refusal::InvalidConcert)?;
    Ok(HttpResponse::Ok()
        .json(ConcertBody::from(Concert::clone(&*app.show_concert.execute(id).await?))))
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
