use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use application::Application;
use application::queue::{PlaceRequest, Ticket};
use chrono::{DateTime, NaiveDate, Utc};
use domain::line::IfExists;
use domain::waiting_token::Standing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Body;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakePlace {
    /// For which concert; without it, the site-wide room.
    concert_id: Option<Uuid>,
    /// For its show on this date at the venue.
    date: Option<NaiveDate>,
    #[serde(default)]
    if_exists: IfExistsBody,
}

/// What to do for who has a place already: `return` gives it again, `conflict` answers 409.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "snake_case")]
#[schema(as = IfExists)]
pub(crate) enum IfExistsBody {
    #[default]
    Return,
    Conflict,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
pub(crate) struct PlaceBody {
    /// `issued` for a new place, `existing` for the one that you had.
    status: &'static str,
    /// Says who you are *and* which place is yours, in `Authorization: Bearer …`.
    token: String,
    #[serde(flatten)]
    ticket: TicketBody,
}

/// A place in a waiting room.
#[derive(Serialize, ToSchema, PartialEq, Eq, Clone)]
#[schema(as = Ticket)]
pub(crate) struct TicketBody {
    token_id: Uuid,
    room_id: Uuid,
    /// The ticket's number in its room, counted from 1.
    number: Option<u64>,
    /// `waiting`, `active`, `done` or `expired`.
    state: &'static str,
    /// 1 for the next to be let in; `null` unless waiting.
    position: Option<u64>,
    /// In how many seconds you may be let in; `null` unless waiting and known.
    eta_seconds: Option<u64>,
    /// When to ask again, in seconds.
    poll_after_seconds: u32,
    /// When an active ticket runs out; `null` while waiting.
    expires_at: Option<DateTime<Utc>>,
    /// How many seats are free in all that this room sells, at most 5 s old; `null` in the
    /// site-wide room.
    seats_left: Option<u64>,
}

impl From<Ticket> for TicketBody {
    fn from(ticket: Ticket) -> Self {
        let (state, expires_at) = match ticket.standing {
            Standing::Waiting => ("waiting", None),
            Standing::Active { expires_at } => ("active", Some(expires_at)),
            Standing::Done => ("done", None),
            Standing::Expired => ("expired", None),
        };
        Self {
            token_id: ticket.token_id.into(),
            room_id: ticket.room_id.into(),
            number: Some(ticket.number),
            state,
            position: ticket.position,
            eta_seconds: ticket.eta_seconds,
            poll_after_seconds: ticket.poll_after_seconds,
            expires_at,
            seats_left: ticket.seats_left,
        }
    }
}

impl TicketBody {
    /// Whether nothing will change any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, "done" | "expired")
    }

    /// What a follower is told of at once when it changes.
    pub(super) const fn state_and_end(&self) -> (&'static str, Option<DateTime<Utc>>) {
        (self.state, self.expires_at)
    }
}

/// Take a place in a waiting room, or get the one that is yours.
#[utoipa::path(post, path = "/api/queue_tokens", tag = "waiting room", request_body = TakePlace,
    security(("access_token" = [])), responses(
    (status = 201, description = "A new place: `issued`", body = PlaceBody),
    (status = 200, description = "You wait or are active there: `existing`", body = PlaceBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`; `invalid_user`: no such user any more", body = ProblemBody),
    (status = 404, description = "`invalid_concert`; `invalid_datetime`: no show on that date", body = ProblemBody),
    (status = 409, description = "`token_exists`, when `if_exists` is `conflict`", body = ProblemBody),
))]
pub(crate) async fn take_place(
    app: Data<Application>,
    bearer: Bearer,
    body: Body,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.access(&app)?;
    let ask: TakePlace = body.json()?;
    let if_exists = match ask.if_exists {
        IfExistsBody::Return => IfExists::Return,
        IfExistsBody::Conflict => IfExists::Conflict,
    };
    let concert_id = ask.concert_id.map(Into::into);
    let request = PlaceRequest { user_id, concert_id, date: ask.date, if_exists };
    let place = app.take_place.execute(request).await?;
    let (mut answer, status) = if place.issued {
        (HttpResponse::Created(), "issued")
    } else {
        (HttpResponse::Ok(), "existing")
    };
    Ok(answer.json(PlaceBody { status, token: place.token, ticket: place.ticket.into() }))
}

/// How far your place got. Ask every `poll_after_seconds`; who is not heard of loses the place.
#[utoipa::path(get, path = "/api/queue_tokens/current", tag = "waiting room",
    security(("queue_token" = [])), responses(
    (status = 200, body = TicketBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`: genuine, but its record is gone", body = ProblemBody),
))]
pub(crate) async fn show_ticket(
    app: Data<Application>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    Ok(HttpResponse::Ok().json(TicketBody::from(app.show_ticket.execute(&claims).await?)))
}

/// Give your place up.
#[utoipa::path(delete, path = "/api/queue_tokens/current", tag = "waiting room",
    security(("queue_token" = [])), responses(
    (status = 204, description = "The place is given up"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`: genuine, but its record is gone", body = ProblemBody),
))]
pub(crate) async fn leave(
    app: Data<Application>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    app.leave.execute(&claims).await?;
    Ok(HttpResponse::NoContent())
}
