//! Refusals and faults as RFC 9457 problem details.

pub(crate) mod codes;
mod korean;
mod page;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use domain::ports::{Unavailable, UpdateError};
use domain::refusal::{FieldError, Refusal};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::language::Language;
use crate::request_id;
use crate::words;
use korean::korean;
pub(crate) use page::page;

/// Why a call was refused or failed (RFC 9457). Some codes come with fields of their own, which
/// are told where the code is.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// `/problems/<code>`.
    #[schema(example = "/problems/seat_already_reserved")]
    r#type: String,
    /// The code in words.
    title: String,
    status: u16,
    /// What happened, for a person, in the language that `Accept-Language` asks for: English or Korean.
    detail: String,
    /// What happened, for a program. Never changes.
    #[schema(example = "seat_already_reserved", schema_with = words::code)]
    code: &'static str,
    /// The answer's `X-Request-Id`, to be quoted in a complaint.
    request_id: String,
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
}

/// A call that was refused or failed, on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    more: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    allow: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            more: Map::new(),
            retry_after_seconds: None,
            allow: None,
        }
    }

    pub(crate) fn not_found() -> Self {
        Refusal::NotFound.into()
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Refusal::invalid(field, message).into()
    }

    /// The same, to be tried again after so many seconds.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// The same, saying which methods go there.
    pub(crate) fn allowing(self, methods: &str) -> Self {
        Self { allow: Some(methods.to_owned()), ..self }
    }

    /// Something is broken or away.
    pub(crate) fn unavailable(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).after(1)
    }

    /// A limit of this server is reached: nothing is broken, and nothing was begun.
    pub(crate) fn overloaded(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).after(1)
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.more.insert(field.to_owned(), value);
        self
    }
}

/// After how long somebody may try again who has too many top-ups pending: a provider answers within about
/// that time.
const TOP_UP_RETRY_SECONDS: u64 = 5;

impl From<Refusal> for Problem {
    /// The one place that says how a refusal is answered. A new refusal does not compile without
    /// its answer.
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let problem = |status, code| Self::new(status, code, detail);
        match refusal {
            Refusal::Invalid(errors) => problem(StatusCode::BAD_REQUEST, "invalid_request")
                .with("errors", errors.iter().map(field_error).collect()),
            Refusal::InvalidCredentials => problem(StatusCode::UNAUTHORIZED, "invalid_credentials"),
            Refusal::TooManyGuesses { wait_seconds } => {
                let detail = format!(
                    "more wrong passwords than STAGEDOOR_WRONG_PASSWORDS_MAX lets through; try again in \
                     {wait_seconds} s"
                );
                let status = StatusCode::TOO_MANY_REQUESTS;
                Self::new(status, "too_many_requests", detail).after(wait_seconds)
            }
            Refusal::AccountDisabled => problem(StatusCode::FORBIDDEN, "account_disabled"),
            Refusal::InvalidReset => problem(StatusCode::BAD_REQUEST, "invalid_reset"),
            Refusal::EmailTaken => problem(StatusCode::CONFLICT, "email_taken"),
            Refusal::InvalidUser => problem(StatusCode::UNAUTHORIZED, "invalid_user"),
            Refusal::Forbidden => problem(StatusCode::FORBIDDEN, "forbidden"),
            Refusal::InvalidToken => problem(StatusCode::UNAUTHORIZED, "invalid_token"),
            Refusal::WrongRoom => problem(StatusCode::FORBIDDEN, "wrong_room"),
            Refusal::NotAdmitted { position } => {
                problem(StatusCode::FORBIDDEN, "not_admitted").with("position", json!(position))
            }
            Refusal::TokenExpired => problem(StatusCode::FORBIDDEN, "token_expired"),
            Refusal::TokenExists => problem(StatusCode::CONFLICT, "token_exists"),
            Refusal::WorkRequired { challenge, bits } => {
                problem(StatusCode::PRECONDITION_REQUIRED, "work_required")
                    .with("challenge", json!(challenge))
                    .with("bits", json!(bits))
            }
            Refusal::NotFound => problem(StatusCode::NOT_FOUND, "not_found"),
            Refusal::InvalidConcert => problem(StatusCode::NOT_FOUND, "invalid_concert"),
            Refusal::InvalidShow => problem(StatusCode::NOT_FOUND, "invalid_show"),
            Refusal::ShowExists { show_id } => {
                problem(StatusCode::CONFLICT, "show_exists").with("show_id", json!(show_id))
            }
            Refusal::InvalidDate => problem(StatusCode::NOT_FOUND, "invalid_date"),
            Refusal::InvalidDatetime => problem(StatusCode::NOT_FOUND, "invalid_datetime"),
            Refusal::AmbiguousDate { shows } => {
                let show = |(id, starts_at)| json!({ "show_id": id, "starts_at": starts_at });
                let shows = shows.into_iter().map(show).collect();
                problem(StatusCode::CONFLICT, "ambiguous_date").with("shows", shows)
            }
            Refusal::ConcertRequired => problem(StatusCode::BAD_REQUEST, "concert_required"),
            Refusal::InvalidSeat { seat_ids, seat_numbers } => {
                let problem = problem(StatusCode::NOT_FOUND, "invalid_seat");
                if seat_numbers.is_empty() {
                    problem.with("seat_ids", json!(seat_ids))
                } else {
                    problem.with("seat_numbers", json!(seat_numbers))
                }
            }
            Refusal::SeatAlreadyReserved { seat_numbers } => {
                problem(StatusCode::CONFLICT, "seat_already_reserved")
                    .with("seat_numbers", json!(seat_numbers))
            }
            Refusal::SeatLetGo { seat_numbers, wait_seconds } => {
                problem(StatusCode::CONFLICT, "seat_let_go")
                    .with("seat_numbers", json!(seat_numbers))
                    .after(wait_seconds)
            }
            Refusal::ChosenTooOften { wait_seconds } => {
                problem(StatusCode::CONFLICT, "chosen_too_often").after(wait_seconds)
            }
            Refusal::SeatLimitExceeded { limit } => {
                problem(StatusCode::CONFLICT, "seat_limit_exceeded").with("limit", json!(limit))
            }
            Refusal::NotOnSale => problem(StatusCode::CONFLICT, "not_on_sale"),
            Refusal::NotHeld => problem(StatusCode::CONFLICT, "not_held"),
            Refusal::InvalidAmount { max } => {
                problem(StatusCode::BAD_REQUEST, "invalid_amount").with("max", json!(max))
            }
            Refusal::ChargingClosed => problem(StatusCode::FORBIDDEN, "charging_closed"),
            Refusal::TooManyTopUps { limit } => {
                let about = "more top-ups are pending than STAGEDOOR_TOP_UPS_PENDING_MAX allows";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_top_ups", about)
                    .with("limit", json!(limit))
                    .after(TOP_UP_RETRY_SECONDS)
            }
            Refusal::TopUpFailed { top_up_id, reason } => {
                problem(StatusCode::PAYMENT_REQUIRED, "top_up_failed")
                    .with("top_up_id", json!(top_up_id))
                    .with("reason", json!(reason))
            }
            Refusal::InsufficientBalance { balance, amount } => {
                problem(StatusCode::PAYMENT_REQUIRED, "insufficient_balance")
                    .with("balance", json!(balance))
                    .with("amount", json!(amount))
            }
            Refusal::HoldExpired => problem(StatusCode::GONE, "hold_expired"),
            Refusal::AlreadyPaid { payment_id } => {
                problem(StatusCode::CONFLICT, "already_paid").with("payment_id", json!(payment_id))
            }
            Refusal::PaymentFailed { payment_id, reason } => {
                problem(StatusCode::PAYMENT_REQUIRED, "payment_failed")
                    .with("payment_id", json!(payment_id))
                    .with("reason", json!(reason))
            }
            Refusal::NotPending => problem(StatusCode::CONFLICT, "not_pending"),
            Refusal::NotRefundable => problem(StatusCode::CONFLICT, "not_refundable"),
            Refusal::InvalidSignature => problem(StatusCode::UNAUTHORIZED, "invalid_signature"),
            Refusal::NoticeReplayed => problem(StatusCode::CONFLICT, "notice_replayed"),
            Refusal::Interrupted => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable").after(1)
            }
            Refusal::IdempotencyKeyReused => {
                problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
            }
        }
    }
}

fn field_error(error: &FieldError) -> Value {
    json!({ "field": error.field, "message": error.message })
}

impl From<Unavailable> for Problem {
    fn from(fault: Unavailable) -> Self {
        if fault.is_overload() {
            tracing::warn!(request_id = request_id::current(), "{fault}");
            return Self::overloaded("more is asked for than can be done at once; try again");
        }
        log(&fault);
        Self::unavailable("this cannot be done just now; try again")
    }
}

impl From<UpdateError> for Problem {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Refused(refusal) => refusal.into(),
            UpdateError::Unavailable(fault) => fault.into(),
            UpdateError::Unknown(fault) => {
                log(&fault);
                let detail = "whether this took effect is not known; ask again with the same \
                              Idempotency-Key, or look before you repeat it";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "outcome_unknown", detail).after(1)
            }
        }
    }
}

/// What is told to nobody outside: which part failed, and how.
fn log(fault: &Unavailable) {
    let source = std::error::Error::source(fault).map(ToString::to_string).unwrap_or_default();
    tracing::error!(request_id = request_id::current(), source, "{fault}");
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let (body, language) = self.body(request_id::current(), request_id::language());
        let mut answer = HttpResponse::build(self.status);
        answer
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .insert_header((CONTENT_LANGUAGE, language.name()));
        if let Some(seconds) = self.retry_after_seconds {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = &self.allow {
            answer.insert_header((ALLOW, methods.as_str()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        answer.body(body)
    }
}

impl Problem {
    /// The problem as JSON, and the language that it is told in.
    fn body(&self, request_id: String, wanted: Language) -> (Vec<u8>, Language) {
        let korean = korean(self.code).filter(|_| wanted == Language::Korean);
        let (title, detail, language) = match korean {
            Some((title, detail)) => (title.to_owned(), detail.to_owned(), Language::Korean),
            None => (title(self.code), self.detail.clone(), Language::English),
        };
        let body = ProblemBody {
            r#type: format!("/problems/{}", self.code),
            title,
            status: self.status.as_u16(),
            detail,
            code: self.code,
            request_id,
            more: self.more.clone(),
        };
        (serde_json::to_vec(&body).unwrap_or_default(), language)
    }

    /// All of an answer, to who is not heard out, and the end of the connection.
    pub(crate) fn as_message(&self, request_id: &str) -> Vec<u8> {
        let (body, _) = self.body(request_id.to_owned(), Language::English);
        let again = self.retry_after_seconds.map(|after| format!("retry-after: {after}\r\n"));
        let head = format!(
            "HTTP/1.1 {}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
             content-length: {}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             x-request-id: {request_id}\r\n{}\r\n",
            self.status,
            body.len(),
            again.unwrap_or_default(),
        );
        [head.into_bytes(), body].concat()
    }
}

/// `seat_already_reserved` as "Seat already reserved".
fn title(code: &str) -> String {
    let mut letters = code.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).map(|c| if c == '_' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_title_is_the_code_in_words() {
        assert_eq!(title("seat_already_reserved"), "Seat already reserved");
    }

    /// Every code in this crate follows the status that it comes with.
    fn codes_in_the_source() -> BTreeSet<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut folders = vec![std::path::PathBuf::from(folder)];
        let mut codes = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(path).unwrap();
                for call in ["problem(StatusCode::", "Problem::new(", "Self::new("] {
                    let calls = source.split(call).skip(1);
                    let quoted = calls.filter_map(|call| call.split(['"', ';']).nth(1));
                    let is_code =
                        |text: &&str| text.chars().all(|c| c == '_' || c.is_ascii_lowercase());
                    codes.extend(quoted.filter(is_code).map(str::to_owned));
                }
            }
        }
        codes.remove("");
        codes
    }

    #[test]
    fn every_code_is_explained_and_has_its_words_in_korean() {
        let codes = codes_in_the_source();
        assert!(codes.len() > 35, "{codes:?}");
        for code in &codes {
            assert!(codes::explained(code).is_some(), "{code} is not explained");
            assert!(korean(code).is_some(), "{code} has no words in Korean");
        }
        for (code, about) in codes::ALL {
            assert!(codes.contains(*code), "{code} is nobody's");
            let (page, _) = page(code, Language::English).unwrap();
            assert!(page.contains(about) && !about.contains(['<', '&']), "{code}");
        }
        let sorted = codes::ALL.iter().map(|(code, _)| code).is_sorted();
        assert!(sorted && page("no_such_code", Language::English).is_none());
    }

    /// Every code that the OpenAPI document tells of begins a line of what is refused.
    #[test]
    fn every_code_that_is_told_of_is_there() {
        let document: Value = serde_json::from_str(&crate::openapi_json().unwrap()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let calls = paths.flat_map(|path| path.as_object().unwrap().values());
        let answers = calls.flat_map(|call| call["responses"].as_object().unwrap().values());
        let told = answers.flat_map(|answer| answer["description"].as_str().unwrap().split(';'));
        let codes = told.filter_map(|part| part.trim().strip_prefix('`')?.split('`').next());
        let codes: BTreeSet<_> = codes.filter(|code| code.contains('_')).collect();
        assert!(codes.len() > 30, "{codes:?}");
        for code in codes {
            assert!(codes::explained(code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_fault_says_when_to_come_back_and_nothing_of_what_broke() {
        let fault = Unavailable::because("password of the database is wrong");
        let problem = Problem::from(UpdateError::Unavailable(fault));
        let answer = problem.error_response();
        assert_eq!(answer.headers().get(RETRY_AFTER).unwrap(), "1");
        assert!(!problem.detail.contains("password"));
    }

    #[test]
    fn a_limit_that_is_reached_is_told_from_what_is_broken() {
        let overload = Unavailable::overloaded("too many wait to write");
        let problem = Problem::from(UpdateError::Unavailable(overload));
        assert_eq!((problem.code, problem.retry_after_seconds), ("overloaded", Some(1)));
    }

    #[test]
    fn who_is_not_known_is_told_how_to_be() {
        let answer = Problem::from(Refusal::InvalidToken).error_response();
        assert_eq!(answer.headers().get(WWW_AUTHENTICATE).unwrap(), "Bearer");
    }
}
