//! Which calls the OpenAPI document tells of: all of them.

use actix_web::http::StatusCode;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::{
    accounts, audit_log, cash, concerts, credits, draw, notices, operator, payments, problems,
    queue_events, queue_tokens, reservations, running, sales, seats, sessions, top_ups, unsettled,
    users,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagedoor",
        description = "Concert tickets for sales where far more people come than there are seats. \
            Take a place in a waiting room, be let in, pick a date and seats, hold them for five \
            minutes, pay from a prepaid balance. Errors are RFC 9457 problem details with a stable \
            `code`. Any answer may also be 429 or 503 with `Retry-After`: 503 is `unavailable` where \
            something is broken or away, and `overloaded` where more is asked for than a limit of the \
            server lets wait; nothing was begun then.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        accounts::sign_up,
        sessions::sign_in,
        sessions::sign_out,
        sessions::sign_out_everywhere,
        sessions::change_password,
        sessions::reset_password,
        accounts::show_me,
        queue_tokens::take_place,
        queue_tokens::show_ticket,
        queue_tokens::leave,
        queue_events::events,
        draw::show_draw,
        draw::show_notice,
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
        top_ups::list,
        top_ups::show,
        payments::pay,
        payments::list,
        payments::show,
        payments::refund,
        operator::create_concert,
        operator::create_show,
        sales::list,
        operator::list_rooms,
        operator::show_room,
        operator::change_room,
        unsettled::list,
        unsettled::undo,
        audit_log::list,
        users::disable,
        users::enable,
        users::make_password_reset,
        top_ups::list_unsettled,
        top_ups::undo,
        credits::credit,
        notices::hear,
        problems::explain,
        running::livez,
        running::readyz,
        running::metrics,
    ),
    modifiers(&Credentials, &Answers)
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
            "Your place in one waiting room. From `POST /api/queue_tokens`. Where an access token does as well, \
             it is good while it waits or is active; and to look, for an hour after it is done.",
        );
    }
}

/// What any call may be answered before it is looked at.
const AT_THE_GATE: [(&str, &str); 5] = [
    ("400", "`invalid_request`: something is said that this call does not understand"),
    ("408", "`request_timeout`: the body did not arrive in time"),
    ("413", "`payload_too_large`"),
    ("429", "`too_many_requests`"),
    ("503", "`unavailable`; `overloaded`"),
];

fn problem(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", body)
        .build()
}

/// What is said once here instead of at every call.
struct Answers;

impl Modify for Answers {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let operations = openapi.paths.paths.values_mut().flat_map(|path| {
            let methods =
                [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
            methods.into_iter().flatten()
        });
        for operation in operations {
            for (status, description) in AT_THE_GATE {
                let responses = &mut operation.responses.responses;
                responses.entry(status.to_owned()).or_insert_with(|| problem(description).into());
            }
            for (status, answer) in &mut operation.responses.responses {
                let RefOr::T(answer) = answer else { continue };
                if answer.description.is_empty() {
                    let status: Option<StatusCode> = status.parse().ok();
                    let reason = status.and_then(|status| status.canonical_reason());
                    answer.description = reason.unwrap_or("Done").to_owned();
                }
                if is_problem(answer)
                    && let Some(problem) = answer.content.shift_remove("application/json")
                {
                    answer.content.insert("application/problem+json".to_owned(), problem);
                }
            }
        }
    }
}

/// Whether an answer's body is a problem, by the name of its schema.
fn is_problem(answer: &Response) -> bool {
    let schemas = answer.content.values().filter_map(|content| match content {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    });
    let mut names = schemas.filter_map(|schema| match schema {
        RefOr::Ref(schema) => Some(schema.ref_location.as_str()),
        RefOr::T(_) => None,
    });
    names.any(|name| name.ends_with("/Problem"))
}
