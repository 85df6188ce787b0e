//! Which calls the OpenAPI document tells of: all of them.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    accounts, cash, concerts, operator, payments, queue_events, queue_tokens, reservations,
    running, seats,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagedoor",
        description = "Concert tickets for sales where far more people come than there are seats. \
            Take a place in a waiting room, be let in, pick a date and seats, hold them for five \
            minutes, pay from a prepaid balance. Errors are RFC 9457 problem details with a stable \
            `code`; any answer may also be 429 or 503 with `Retry-After`.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        accounts::sign_up,
        accounts::sign_in,
        accounts::show_me,
        queue_tokens::take_place,
        queue_tokens::show_ticket,
        queue_tokens::leave,
        queue_events::events,
        concerts::list,
        concerts::show,
        concerts::dates,
        concerts::own_dates,
        seats::of_show,
        seats::of_date,
        seats::of_own_date,
        reservations::hold,
        reservations::list,
        reservations::show,
        reservations::cancel,
        cash::show_balance,
        cash::charge,
        cash::list_entries,
        payments::pay,
        payments::list,
        payments::show,
        payments::refund,
        operator::create_concert,
        operator::create_show,
        operator::list_rooms,
        operator::show_room,
        operator::change_room,
        running::livez,
        running::readyz,
        running::metrics,
    ),
    modifiers(&Credentials)
)]
pub(crate) struct ApiDoc;

/// The two kinds of token.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut bearer = |name: &str, description: &str| {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(description.to_owned());
            let components = openapi.components.get_or_insert_default();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        };
        bearer("access_token", "Who you are. From `POST /api/sessions`.");
        bearer(
            "queue_token",
            "Who you are and your place in one waiting room. From `POST /api/queue_tokens`.",
        );
    }
}
