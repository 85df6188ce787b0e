use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use application::booking::SeatChoice;
use application::catalogue::ShowChoice;
use chrono::{DateTime, NaiveDate, Utc};
use domain::Timestamp;
use domain::ids::ReservationId;
use domain::refusal::Refusal;
use domain::reservation::{Reservation, ReservationStatus, ReservedSeat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::path_id;
use super::performances::{PerformanceBody, performance};
use crate::body::Body;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::words;

/// Seats by their ids at a show, or by their numbers on a date.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    /// With `seat_ids`.
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_ids: Option<Vec<Uuid>>,
    /// With `date` and `seat_numbers`; without it, the concert that the token was issued for.
    #[serde(skip_serializing_if = "Option::is_none")]
    concert_id: Option<Uuid>,
    /// The show's date at its venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seat_numbers: Option<Vec<String>>,
}

impl Hold {
    fn choice(&self) -> Result<SeatChoice, Refusal> {
        match (self.show_id, &self.seat_ids, self.concert_id, self.date, &self.seat_numbers) {
            (Some(show_id), Some(ids), None, None, None) => {
                let seat_ids = ids.iter().copied().map(Into::into).collect();
                Ok(SeatChoice::ByIds { show_id: show_id.into(), seat_ids })
            }
            (None, None, concert_id, Some(date), Some(seat_numbers)) => {
                let concert_id = concert_id.map(Into::into);
                let show = ShowChoice::ByDate { concert_id, date };
                Ok(SeatChoice::ByNumbers { show, seat_numbers: seat_numbers.clone() })
            }
            _ => {
                let forms = "takes {show_id, seat_ids} or {concert_id?, date, seat_numbers}";
                Err(Refusal::invalid("body", forms))
            }
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reservation)]
pub(crate) struct ReservationBody {
    reservation_id: Uuid,
    /// `held`, `confirmed`, `expired`, `cancelled` or `refunded`.
    #[schema(schema_with = words::reservation_status)]
    status: ReservationStatus,
    show_id: Uuid,
    #[serde(flatten)]
    performance: PerformanceBody,
    /// The show's date at its venue.
    date: NaiveDate,
    seats: Vec<ReservedSeatBody>,
    /// In minor units.
    total_amount: i64,
    /// ISO 4217.
    currency: String,
    held_until: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

/// A seat at the price it had when it was held.
#[derive(Serialize, ToSchema)]
#[schema(as = ReservedSeat)]
pub(crate) struct ReservedSeatBody {
    seat_id: Uuid,
    seat_number: String,
    section: String,
    row: String,
    grade: String,
    /// In minor units.
    price: i64,
}

impl From<&ReservedSeat> for ReservedSeatBody {
    fn from(seat: &ReservedSeat) -> Self {
        Self {
            seat_id: seat.id.into(),
            seat_number: seat.place.number.clone(),
            section: seat.place.section.clone(),
            row: seat.place.row.clone(),
            grade: seat.place.grade.clone(),
            price: seat.place.price.into(),
        }
    }
}

impl ReservationBody {
    /// The reservation as of `cutoff`.
    async fn of(
        reservation: &Reservation,
        app: &Application,
        cutoff: Timestamp,
    ) -> Result<Self, Problem> {
        let performance = performance(app, reservation.show_id).await?;
        Ok(Self {
            reservation_id: reservation.id.into(),
            status: reservation.status(cutoff),
            show_id: reservation.show_id.into(),
            performance: PerformanceBody::from(&*performance),
            date: reservation.date,
            seats: reservation.seats.iter().map(ReservedSeatBody::from).collect(),
            total_amount: reservation.total_amount.into(),
            currency: app.policies.currency.to_string(),
            held_until: reservation.held_until,
            created_at: reservation.created_at,
        })
    }
}

/// Hold seats for five minutes: all of them or none.
#[utoipa::path(post, path = "/api/reservations", tag = "reservations", request_body = Hold,
    params(("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("queue_token" = [])), responses(
    (status = 201, body = ReservationBody),
    (status = 400, description = "`invalid_request`; `concert_required`: neither the body nor the token names one", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
    (status = 404, description = "`invalid_seat` with `seat_ids` or `seat_numbers`; `invalid_show`; `invalid_concert`; `invalid_date`", body = ProblemBody),
    (status = 409, description = "`seat_already_reserved` with `seat_numbers`; `seat_let_go` with `seat_numbers`: you held them and let them go; `chosen_too_often`: you gave back too many of others; `seat_limit_exceeded` with `limit`; `not_on_sale`; `ambiguous_date` with `shows`", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn hold(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    body: Body,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    let ask: Hold = body.json()?;
    let request = key.of(claims.user_id, "POST /api/reservations", "", &ask);
    let held = app.hold_seats.execute(&claims, ask.choice()?, request).await?;
    // As it was when it was held, the second time too.
    let body = ReservationBody::of(&held.value, &app, held.value.created_at).await?;
    Ok(answer(HttpResponse::Created(), held.replayed, &body))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reservations)]
pub(crate) struct ReservationsBody {
    reservations: Vec<ReservationBody>,
    next_cursor: Option<String>,
}

/// Your reservations, newest first. Those that ended unpaid are in the list for a while only, 90 days
/// unless the operator chose otherwise.
#[utoipa::path(get, path = "/api/reservations", operation_id = "list_reservations", tag = "reservations", params(PageQuery),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = ReservationsBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<ReservationId>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let page = app.list_reservations.execute(user_id, page.0).await?;
    let now = app.clock.cutoff();
    let mut reservations = Vec::with_capacity(page.items.len());
    for reservation in &page.items {
        reservations.push(ReservationBody::of(reservation, &app, now).await?);
    }
    Ok(HttpResponse::Ok().json(ReservationsBody { reservations, next_cursor: next_cursor(&page) }))
}

/// A reservation of yours; one that ended unpaid, for as long as it is listed.
#[utoipa::path(get, path = "/api/reservations/{reservation_id}", operation_id = "show_reservation", tag = "reservations",
    params(("reservation_id" = Uuid, Path)),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = ReservationBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn show(
    app: Data<Application>,
    bearer: Bearer,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let id = path_id(&path, Refusal::NotFound)?;
    let reservation = app.show_reservation.execute(user_id, id).await?;
    let body = ReservationBody::of(&reservation, &app, app.clock.cutoff()).await?;
    Ok(HttpResponse::Ok().json(body))
}

/// Give a held reservation back.
#[utoipa::path(delete, path = "/api/reservations/{reservation_id}", tag = "reservations",
    params(("reservation_id" = Uuid, Path)),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 204, description = "Its seats are free"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_held`", body = ProblemBody),
))]
pub(crate) async fn cancel(
    app: Data<Application>,
    bearer: Bearer,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.user(&app).await?;
    app.cancel_reservation.execute(user_id, path_id(&path, Refusal::NotFound)?).await?;
    Ok(HttpResponse::NoContent())
}
