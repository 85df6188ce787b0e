//! The route table. Each file holds some calls with their bodies.

mod accounts;
mod audit_log;
mod cash;
mod concerts;
mod credits;
mod draw;
mod notices;
mod operator;
mod payments;
mod performances;
mod problems;
mod queue_events;
mod queue_tokens;
mod reservations;
mod running;
mod sales;
pub(crate) mod seats;
mod sessions;
mod top_ups;
mod unsettled;
mod users;

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, delete, get, patch, post, put};
use actix_web::{Error, HttpRequest, Resource};

pub(crate) use openapi_paths::ApiDoc;
pub(crate) use queue_tokens::TicketBody;
pub use sessions::reset_secret;

use crate::gate;
use crate::operations;
use crate::pages::{self, Written};
use crate::problem::Problem;
use crate::route::{Route, method_not_allowed};

mod openapi_paths;

/// Every call there is.
pub(crate) fn configure(app: &mut ServiceConfig, pages: &[Arc<Written>]) {
    let date_seats = "/api/concerts/{concert_id}/dates/{date}/seats";
    let room = "/api/admin/rooms/{room_id}";
    // Paths are tried in this order, so what is asked for most in a rush comes first, and a path
    // without a parameter, which is quicker to tell, before one with.
    app.service(
        at("/api/queue_tokens/current")
            .route(get().to(queue_tokens::show_ticket))
            .route(delete().to(queue_tokens::leave)),
    )
    .service(at("/api/queue_tokens").route(post().to(queue_tokens::take_place)))
    .service(
        at("/api/reservations")
            .route(get().to(reservations::list))
            .route(post().to(reservations::hold)),
    )
    .service(at("/api/payments").route(get().to(payments::list)).route(post().to(payments::pay)))
    .service(at(seats::OF_SHOW).route(get().to(seats::of_show)))
    .service(at("/api/users").route(post().to(accounts::sign_up)))
    .service(
        at("/api/sessions")
            .route(delete().to(sessions::sign_out_everywhere))
            .route(post().to(sessions::sign_in)),
    )
    .service(at("/api/sessions/current").route(delete().to(sessions::sign_out)))
    .service(at("/api/users/me/password").route(put().to(sessions::change_password)))
    .service(at("/api/password-resets").route(post().to(sessions::reset_password)))
    .service(at("/api/users/me").route(get().to(accounts::show_me)))
    .service(
        at("/api/users/balance").route(get().to(cash::show_balance)).route(post().to(cash::charge)),
    )
    .service(at("/api/users/balance/entries").route(get().to(cash::list_entries)))
    .service(at("/api/users/balance/top_ups").route(get().to(top_ups::list)))
    .service(at("/api/users/balance/top_ups/{top_up_id}").route(get().to(top_ups::show)))
    .service(at("/api/queue_tokens/current/events").route(get().to(queue_events::events)))
    .service(at("/api/rooms/{room_id}").route(get().to(draw::show_notice)))
    .service(at("/api/rooms/{room_id}/draw").route(get().to(draw::show_draw)))
    .service(at("/api/concerts").route(get().to(concerts::list)))
    .service(at("/api/concerts/available_dates").route(get().to(concerts::own_dates)))
    .service(at("/api/concerts/{concert_id}").route(get().to(concerts::show)))
    .service(at("/api/concerts/{concert_id}/available_dates").route(get().to(concerts::dates)))
    .service(at("/api/concerts/{date}/seats").route(get().to(seats::of_own_date)))
    .service(at(date_seats).route(get().to(seats::of_date)))
    .service(
        at("/api/reservations/{reservation_id}")
            .route(get().to(reservations::show))
            .route(delete().to(reservations::cancel)),
    )
    .service(at("/api/payments/{payment_id}").route(get().to(payments::show)))
    .service(at("/api/payments/{payment_id}/refund").route(post().to(payments::refund)))
    .service(at("/api/admin/concerts").route(post().to(operator::create_concert)))
    .service(
        at("/api/admin/concerts/{concert_id}/shows")
            .route(get().to(sales::list))
            .route(post().to(operator::create_show)),
    )
    .service(at("/api/admin/rooms").route(get().to(operator::list_rooms)))
    .service(at(room).route(get().to(operator::show_room)).route(patch().to(operator::change_room)))
    .service(at("/api/admin/payments").route(get().to(unsettled::list)))
    .service(at("/api/admin/payments/{payment_id}/undo").route(post().to(unsettled::undo)))
    .service(at("/api/admin/audit-log").route(get().to(audit_log::list)))
    .service(at("/api/admin/users/{user_id}/disable").route(post().to(users::disable)))
    .service(at("/api/admin/users/{user_id}/enable").route(post().to(users::enable)))
    .service(
        at("/api/admin/users/{user_id}/password-reset")
            .route(post().to(users::make_password_reset)),
    )
    .service(at("/api/admin/top_ups").route(get().to(top_ups::list_unsettled)))
    .service(at("/api/admin/top_ups/{top_up_id}/undo").route(post().to(top_ups::undo)))
    .service(at("/api/admin/users/{user_id}/credits").route(post().to(credits::credit)))
    .service(at("/api/gateway/notices").route(post().to(notices::hear)))
    .service(at("/problems/{code}").route(get().to(problems::explain)))
    .service(at("/livez").route(get().to(running::livez)))
    .service(at("/readyz").route(get().to(running::readyz)))
    .service(at("/metrics").route(get().to(running::metrics)));
    pages::configure(app, pages);
    app.default_service(web::to(async || Err::<&str, _>(Problem::not_found())));
}

/// A path whose requests pass the [gate](gate::pass), and whose other methods are told so.
fn at(
    pattern: &'static str,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let operations = operations::of(pattern);
    let other = web::to(async |request: HttpRequest| {
        Err::<&str, _>(method_not_allowed(request.method(), &operations::allowed(operations)))
    });
    web::resource(pattern)
        .app_data(Route::named(pattern))
        .default_service(other)
        .wrap(from_fn(|request, next| gate::pass(operations, request, next)))
}

/// An id from a path; what is no id names nothing.
fn path_id<Id: From<uuid::Uuid>>(
    segment: &str,
    missing: impl Into<Problem>,
) -> Result<Id, Problem> {
    segment.parse::<uuid::Uuid>().map(Id::from).map_err(|_| missing.into())
}
