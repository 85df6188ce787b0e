use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::queue::{PlaceRequest, Ticket};
use chrono::{DateTime, NaiveDate, Utc};
use domain::line::IfExists;
use domain::ports::WorkDone;
use domain::waiting_token::Standing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Body;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;
use crate::words;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakePlace {
    /// For which concert; without it, the site-wide room.
    concert_id: Option<Uuid>,
    /// For its shows on this date at the venue, where they have one room.
    date: Option<NaiveDate>,
    /// For this show; `concert_id` and `date` may be left out then.
    show_id: Option<Uuid>,
    #[serde(default)]
    if_exists: IfExistsBody,
    /// The work that a 428 `work_required` asked for.
    work: Option<WorkBody>,
}

/// Work that was done: the SHA-256 of `challenge` and then `nonce`, both as text, begins with as
/// many zero bits as were asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Work)]
pub(crate) struct WorkBody {
    /// As it was given.
    challenge: String,
    /// What you found, 64 characters at the most.
    nonce: String,
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
    #[schema(schema_with = words::place_status)]
    status: &'static str,
    /// Says who you are *and* which place is yours, in `Authorization: Bearer …`.
    token: String,
    #[serde(flatten)]
    ticket: TicketBody,
}

/// More than the JSON of a ticket takes, and of a token.
const TICKET_LENGTH: usize = 384;
const TOKEN_LENGTH: usize = 256;

/// A place in a waiting room.
#[derive(Serialize, ToSchema, PartialEq, Eq, Clone)]
#[schema(as = Ticket)]
pub(crate) struct TicketBody {
    token_id: Uuid,
    room_id: Uuid,
    /// The ticket's number in its room, counted from 1; `null` before the draw of a room that has
    /// not opened yet.
    number: Option<u64>,
    /// `waiting`, `active`, `done` or `expired`.
    #[schema(schema_with = words::ticket_state)]
    state: &'static str,
    /// 1 for the next to be let in; `null` unless waiting, before the draw, and where it is not known
    /// just now.
    position: Option<u64>,
    /// In how many seconds you may be let in; `null` unless waiting and known.
    eta_seconds: Option<u64>,
    /// When to ask again, in seconds.
    poll_after_seconds: u32,
    /// When an active ticket runs out; `null` while waiting.
    expires_at: Option<DateTime<Utc>>,
    /// How many seats are free in all that this room sells, at most 5 s old; `null` in the
    /// site-wide room, and where it is not known just now.
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
            number: ticket.number,
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
    /// The ticket as JSON. Written much more often than anything else, so the text has room for
    /// all of it from the start.
    pub(crate) fn text(&self) -> Vec<u8> {
        written(self, TICKET_LENGTH)
    }

    /// Whether nothing will change any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, "done" | "expired")
    }

    /// What a follower is told of at once when it changes: how far the place got, its number, and
    /// that there is nothing left to wait for.
    pub(crate) fn urgent(&self) -> impl PartialEq + use<> {
        (self.state, self.expires_at, self.number, self.seats_left == Some(0))
    }
}

/// A body as JSON, in one piece of memory.
fn written(body: &impl Serialize, length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length);
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut text, body);
    text
}

/// Take a place in a waiting room, or get the one that is yours.
#[utoipa::path(post, path = "/api/queue_tokens", tag = "waiting room", request_body = TakePlace,
    security(("access_token" = [])), responses(
    (status = 201, description = "A new place: `issued`", body = PlaceBody),
    (status = 200, description = "You wait or are active there: `existing`", body = PlaceBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`; `invalid_user`: no such user any more", body = ProblemBody),
    (status = 404, description = "`invalid_concert`; `invalid_show`: no such show, or of another concert; `invalid_datetime`: no show, or not this one, on that date", body = ProblemBody),
    (status = 409, description = "`token_exists`, when `if_exists` is `conflict`; `ambiguous_date` with `shows: [{show_id, starts_at}]`: they have several rooms, name one by `show_id`", body = ProblemBody),
    (status = 428, description = "`work_required`: find a nonce for `challenge` so that the SHA-256 \
        of both begins with `bits` zero bits, and come back with it", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn take_place(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    bearer: Bearer,
    body: Body,
) -> Result<impl Responder, Problem> {
    // First who it is, which asks nobody: forged tokens use up nobody else's share of an address.
    let user_id = bearer.access(&app)?;
    shared.limits.join(&http)?;
    shared.limits.join_as(user_id)?;
    let ask: TakePlace = body.json()?;
    let if_exists = match ask.if_exists {
        IfExistsBody::Return => IfExists::Return,
        IfExistsBody::Conflict => IfExists::Conflict,
    };
    let concert_id = ask.concert_id.map(Into::into);
    let work = ask.work.map(|work| WorkDone { challenge: work.challenge, nonce: work.nonce });
    let work_bits = shared.join_rates.bits(&shared.limits, &http, work.is_some());
    let show_id = ask.show_id.map(Into::into);
    let date = ask.date;
    let request = PlaceRequest { user_id, concert_id, date, show_id, if_exists, work_bits, work };
    let place = app.take_place.execute(request).await?;
    let (mut answer, status) = if place.issued {
        (HttpResponse::Created(), "issued")
    } else {
        (HttpResponse::Ok(), "existing")
    };
    let body = PlaceBody { status, token: place.token, ticket: place.ticket.into() };
    let text = written(&body, TOKEN_LENGTH + TICKET_LENGTH);
    Ok(answer.content_type("application/json").body(text))
}

/// How far your place got. Ask every `poll_after_seconds`; who is not heard of loses the place. The
/// record of a place that is `done` or `expired` is kept for 90 days, unless the operator chose otherwise.
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
    let ticket = TicketBody::from(app.show_ticket.execute(&claims).await?);
    Ok(HttpResponse::Ok().content_type("application/json").body(ticket.text()))
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
