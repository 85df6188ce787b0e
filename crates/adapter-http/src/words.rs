//! The words that answers say how things are in, as the OpenAPI document lists them.

use domain::audit_log::AuditKind;
use domain::cash::Charging;
use domain::reservation::ReservationStatus;
use domain::seat::SeatStatus;
use domain::user::Role;
use serde::Serialize;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};

use crate::problem::codes;

/// What an account may do.
pub(crate) fn role() -> RefOr<Schema> {
    one_of([Role::Buyer, Role::Admin].map(Role::name))
}

/// What an entry of the audit log tells of.
pub(crate) fn audit_kind() -> RefOr<Schema> {
    one_of(AuditKind::ALL.iter().map(|kind| kind.name()))
}

/// How far a reservation is.
pub(crate) fn reservation_status() -> RefOr<Schema> {
    use ReservationStatus::{Cancelled, Confirmed, Expired, Held, Refunded};
    one_of([Held, Confirmed, Expired, Cancelled, Refunded].map(as_told))
}

/// How far a payment is.
pub(crate) fn payment_status() -> RefOr<Schema> {
    one_of(["succeeded", "failed", "pending", "refunded"])
}

/// How far a payment is about which the payment provider owes an answer.
pub(crate) fn unsettled_status() -> RefOr<Schema> {
    payment_status()
}

/// How far a top-up is.
pub(crate) fn top_up_status() -> RefOr<Schema> {
    one_of(["pending", "succeeded", "failed", "undone"])
}

/// Where cash comes from.
pub(crate) fn charging() -> RefOr<Schema> {
    one_of([Charging::Open, Charging::Provider, Charging::Operators].map(Charging::name))
}

/// Whether a seat can be held.
pub(crate) fn seat_status() -> RefOr<Schema> {
    one_of([SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold].map(as_told))
}

/// Whether a place is new.
pub(crate) fn place_status() -> RefOr<Schema> {
    one_of(["issued", "existing"])
}

/// How far a place got.
pub(crate) fn ticket_state() -> RefOr<Schema> {
    one_of(["waiting", "active", "done", "expired"])
}

/// What changed a balance.
pub(crate) fn entry_kind() -> RefOr<Schema> {
    one_of(["charge", "payment", "refund"])
}

/// What a problem is.
pub(crate) fn code() -> RefOr<Schema> {
    one_of(codes::ALL.iter().map(|(code, _)| *code))
}

/// What serde writes for a name.
fn as_told(name: impl Serialize) -> String {
    let told = serde_json::to_value(name).ok();
    told.as_ref().and_then(|told| told.as_str()).unwrap_or_default().to_owned()
}

fn one_of<T: Into<String>>(words: impl IntoIterator<Item = T>) -> RefOr<Schema> {
    let words = words.into_iter().map(|word| serde_json::Value::String(word.into()));
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    RefOr::T(schema.enum_values(Some(words)).build().into())
}
