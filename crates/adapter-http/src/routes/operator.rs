use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use application::operator::{NewShow, RoomReport};
use chrono::{DateTime, NaiveDate, Utc};
use domain::concert::ConcertDetails;
use domain::ids::{ConcertId, RoomId};
use domain::money::{Amount, Currency};
use domain::refusal::Refusal;
use domain::seat::Place;
use domain::seat_plan::{SeatPlan, Section};
use domain::show::Show;
use domain::waiting_room::{Door, PolicyChange};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::concerts::ConcertBody;
use super::path_id;
use crate::body::Body;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::origin;
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConcert {
    title: String,
    venue: String,
    /// IANA name of the venue's time zone.
    #[schema(example = "Asia/Seoul")]
    time_zone: String,
    /// ISO 4217; the currency of all cash accounts.
    #[schema(example = "KRW")]
    currency: String,
    /// Nothing is sold before this time; `null`: sold from the start.
    sale_opens_at: Option<DateTime<Utc>>,
    /// Nothing is sold from this time on; `null`: until a show begins.
    sale_closes_at: Option<DateTime<Utc>>,
    max_seats_per_user: u32,
    /// Gives the concert a waiting room of its own.
    room: Option<RoomPolicyBody>,
}

/// What of a room's policy is to be other than it is.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoomPolicy)]
pub(crate) struct RoomPolicyBody {
    /// How many may be inside at once.
    capacity: Option<u32>,
    /// How many are let in a minute at the most; `null`: as many as fit.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    admissions_per_minute: Option<Option<u32>>,
    /// How long somebody may stay inside.
    active_ttl_seconds: Option<u32>,
    /// After how long without a sign of life somebody loses a place in line.
    idle_ttl_seconds: Option<u32>,
    /// Whether nobody is let in for now.
    paused: Option<bool>,
    /// When the room opens; who comes before gets a number by lot, right then. `null`, or without it in
    /// a new room: with the sale where `sale_opens_at` is yet to come, else now. Cannot be changed once
    /// the room has opened.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    opens_at: Option<Option<DateTime<Utc>>>,
}

/// Tells `null` from a field that is not there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<RoomPolicyBody> for PolicyChange {
    fn from(body: RoomPolicyBody) -> Self {
        Self {
            capacity: body.capacity,
            admissions_per_minute: body.admissions_per_minute,
            active_ttl_seconds: body.active_ttl_seconds,
            idle_ttl_seconds: body.idle_ttl_seconds,
            paused: body.paused,
            opens_at: body.opens_at,
        }
    }
}

/// Enter a concert.
#[utoipa::path(post, path = "/api/admin/concerts", tag = "operators", request_body = NewConcert,
    params(("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = [])), responses(
    (status = 201, body = ConcertBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn create_concert(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    from: origin::From,
    body: Body,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let ask: NewConcert = body.json()?;
    let request = key.of(operator, "POST /api/admin/concerts", "", &ask);
    let unknown = |_| Refusal::invalid("time_zone", "must be an IANA time zone, as Asia/Seoul");
    let no_code =
        |error: domain::money::NotACurrency| Refusal::invalid("currency", error.to_string());
    let details = ConcertDetails {
        title: ask.title,
        venue: ask.venue,
        time_zone: ask.time_zone.parse().map_err(unknown)?,
        currency: ask.currency.parse::<Currency>().map_err(no_code)?,
        sale_opens_at: ask.sale_opens_at,
        sale_closes_at: ask.sale_closes_at,
        max_seats_per_user: ask.max_seats_per_user,
    };
    let room = ask.room.map(PolicyChange::from);
    let made = app.create_concert.execute(operator, details, room, request, &from.0).await?;
    Ok(answer(HttpResponse::Created(), made.replayed, &ConcertBody::from(&made.value)))
}

/// Who may not do this is told so before the body is looked into.
pub(super) async fn ensure_operator(
    app: &Application,
    id: domain::ids::UserId,
) -> Result<(), Problem> {
    Ok(app.show_me.execute(id).await?.ensure_operator()?)
}

/// A show's seats, as sections or one by one.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShow)]
pub(crate) struct NewShowBody {
    starts_at: DateTime<Utc>,
    sections: Option<Vec<SectionBody>>,
    seats: Option<Vec<NewSeat>>,
    /// Gives the show a waiting room of its own.
    room: Option<RoomPolicyBody>,
}

/// Equal rows of equal seats, numbered `<name>-<row>-<seat>` from 1.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Section)]
pub(crate) struct SectionBody {
    #[schema(example = "A")]
    name: String,
    #[schema(example = "VIP")]
    grade: String,
    /// In minor units.
    #[schema(value_type = i64, minimum = 0)]
    price: Amount,
    rows: u32,
    seats_per_row: u32,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSeat {
    seat_number: String,
    section: String,
    row: String,
    grade: String,
    /// In minor units.
    #[schema(value_type = i64, minimum = 0)]
    price: Amount,
}

impl NewShowBody {
    fn plan(
        sections: Option<Vec<SectionBody>>,
        seats: Option<Vec<NewSeat>>,
        seats_max: u32,
    ) -> Result<SeatPlan, Refusal> {
        match (sections, seats) {
            (Some(sections), None) => {
                let section = |s: SectionBody| Section {
                    name: s.name,
                    grade: s.grade,
                    price: s.price,
                    rows: s.rows,
                    seats_per_row: s.seats_per_row,
                };
                let sections: Vec<_> = sections.into_iter().map(section).collect();
                SeatPlan::of_sections(&sections, seats_max)
            }
            (None, Some(seats)) => {
                let place = |s: NewSeat| Place {
                    number: s.seat_number,
                    section: s.section,
                    row: s.row,
                    grade: s.grade,
                    price: s.price,
                };
                SeatPlan::of_seats(seats.into_iter().map(place).collect(), seats_max)
            }
            _ => Err(Refusal::invalid("body", "takes sections or seats")),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Show)]
pub(crate) struct ShowBody {
    show_id: Uuid,
    concert_id: Uuid,
    starts_at: DateTime<Utc>,
    /// The show's date at its venue.
    date: NaiveDate,
    total_seat_count: u32,
}

impl From<Show> for ShowBody {
    fn from(show: Show) -> Self {
        Self {
            show_id: show.id.into(),
            concert_id: show.concert_id.into(),
            starts_at: show.starts_at,
            date: show.date,
            total_seat_count: show.seat_count,
        }
    }
}

/// Enter a show and its seats.
#[utoipa::path(post, path = "/api/admin/concerts/{concert_id}/shows", tag = "operators",
    params(("concert_id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    request_body = NewShowBody,
    security(("access_token" = [])), responses(
    (status = 201, body = ShowBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`invalid_concert`", body = ProblemBody),
    (status = 409, description = "`show_exists` with `show_id`: the concert has a show that begins then", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn create_show(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    from: origin::From,
    path: Path<String>,
    body: Body,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let concert_id: ConcertId = path_id(&path, Refusal::InvalidConcert)?;
    let ask: NewShowBody = body.json()?;
    let call = "POST /api/admin/concerts/{id}/shows";
    let request = key.of(operator, call, &concert_id.to_string(), &ask);
    let plan = NewShowBody::plan(ask.sections, ask.seats, app.policies.seats_per_show_max)?;
    let room = ask.room.map(PolicyChange::from);
    let new_show = NewShow { concert_id, starts_at: ask.starts_at, plan, room };
    let made = app.create_show.execute(operator, new_show, request, &from.0).await?;
    Ok(answer(HttpResponse::Created(), made.replayed, &ShowBody::from(made.value)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Room)]
pub(crate) struct RoomBody {
    room_id: Uuid,
    /// The concert it stands in front of, if it is a concert's.
    concert_id: Option<Uuid>,
    /// The show it stands in front of, if it is a show's.
    show_id: Option<Uuid>,
    capacity: u32,
    admissions_per_minute: Option<u32>,
    active_ttl_seconds: u32,
    idle_ttl_seconds: u32,
    paused: bool,
    opens_at: Option<DateTime<Utc>>,
    /// When the last number of the lobby was drawn.
    drawn_at: Option<DateTime<Utc>>,
    /// Whether all is sold, so that nobody is let in until something comes back.
    sold_out: bool,
    waiting_count: u64,
    active_count: u64,
    admitted_last_minute: u64,
}

/// The concert or the show that a room stands in front of.
pub(super) fn door_ids(door: Door) -> (Option<Uuid>, Option<Uuid>) {
    match door {
        Door::Site => (None, None),
        Door::Concert(id) => (Some(id.into()), None),
        Door::Show(id) => (None, Some(id.into())),
    }
}

impl From<RoomReport> for RoomBody {
    fn from(report: RoomReport) -> Self {
        let (concert_id, show_id) = door_ids(report.room.door);
        let policy = report.room.policy;
        Self {
            room_id: report.room.id.into(),
            concert_id,
            show_id,
            capacity: policy.capacity,
            admissions_per_minute: policy.admissions_per_minute,
            active_ttl_seconds: policy.active_ttl_seconds,
            idle_ttl_seconds: policy.idle_ttl_seconds,
            paused: policy.paused,
            opens_at: policy.opens_at,
            drawn_at: report.room.lobby.drawn_at,
            sold_out: report.room.sold_out,
            waiting_count: report.head_count.waiting,
            active_count: report.head_count.active,
            admitted_last_minute: report.head_count.admitted_last_minute,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Rooms {
    rooms: Vec<RoomBody>,
    next_cursor: Option<String>,
}

/// All waiting rooms, newest first.
#[utoipa::path(get, path = "/api/admin/rooms", tag = "operators", params(PageQuery),
    security(("access_token" = [])), responses(
    (status = 200, body = Rooms),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
))]
pub(crate) async fn list_rooms(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<RoomId>,
) -> Result<impl Responder, Problem> {
    let page = app.list_rooms.execute(bearer.access(&app)?, page.0).await?;
    let next_cursor = next_cursor(&page);
    let rooms = page.items.into_iter().map(RoomBody::from).collect();
    Ok(HttpResponse::Ok().json(Rooms { rooms, next_cursor }))
}

/// A waiting room.
#[utoipa::path(get, path = "/api/admin/rooms/{room_id}", tag = "operators",
    params(("room_id" = Uuid, Path)), security(("access_token" = [])), responses(
    (status = 200, body = RoomBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn show_room(
    app: Data<Application>,
    bearer: Bearer,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let id = path_id(&path, Refusal::NotFound)?;
    Ok(HttpResponse::Ok().json(RoomBody::from(app.show_room.execute(operator, id).await?)))
}

/// Change a waiting room's policy while it runs. Nobody inside is thrown out.
#[utoipa::path(patch, path = "/api/admin/rooms/{room_id}", tag = "operators",
    params(("room_id" = Uuid, Path)), request_body = RoomPolicyBody,
    security(("access_token" = [])), responses(
    (status = 200, body = RoomBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn change_room(
    app: Data<Application>,
    bearer: Bearer,
    from: origin::From,
    path: Path<String>,
    body: Body,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let id = path_id(&path, Refusal::NotFound)?;
    let change: RoomPolicyBody = body.json()?;
    let report = app.change_room.execute(operator, id, change.into(), &from.0).await?;
    Ok(HttpResponse::Ok().json(RoomBody::from(report)))
}
