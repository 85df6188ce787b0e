use async_trait::async_trait;

use super::{Unavailable, Unsettled};
use crate::Timestamp;
use crate::idempotency::IdempotencyKey;
use crate::ids::{PaymentId, ReservationId, RoomId, TokenId, TopUpId};
use crate::uptime::Outage;

/// Finds what a sweeper should look at. What it finds may have changed before the sweeper comes
/// to it, so every decision looks again. A method with a `limit` returns at most so many ids, those
/// longest due first; each fails with [`Unavailable`] when the store does not answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DueWork: Send + Sync {
    /// Reservations written down as held whose time is over at `now`.
    async fn lapsed_holds(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable>;

    /// Reservations of which seats are to come back by `now`, and are not written down as free.
    async fn returning_seats(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable>;

    /// Tokens written down as active whose time is over at `now`.
    async fn run_out_tokens(&self, now: Timestamp, limit: u32)
    -> Result<Vec<TokenId>, Unavailable>;

    /// All tokens written down as active, in order of their ids. May take its time.
    async fn active_tokens(&self) -> Result<Vec<TokenId>, Unavailable>;

    /// All reservations written down as held, in order of their ids. May take its time.
    async fn held_reservations(&self) -> Result<Vec<ReservationId>, Unavailable>;

    /// Waiting tokens of a room last heard of before `heard_before`.
    async fn silent_tokens(
        &self,
        room_id: RoomId,
        heard_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable>;

    /// Rooms in which somebody with a number waits and a place is free, and which are neither
    /// paused nor sold out.
    async fn rooms_with_places(&self, now: Timestamp) -> Result<Vec<RoomId>, Unavailable>;

    /// Rooms that have opened and whose lobby is not drawn to its end.
    async fn rooms_to_draw(&self, now: Timestamp) -> Result<Vec<RoomId>, Unavailable>;

    /// The waiting tokens of a room with the lowest numbers, lowest first.
    async fn next_in_line(&self, room_id: RoomId, limit: u32) -> Result<Vec<TokenId>, Unavailable>;

    /// Payments about which the provider is to be asked at `now`.
    async fn payments_to_ask(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PaymentId>, Unavailable>;

    /// Top-ups about which the provider is to be asked at `now`.
    async fn top_ups_to_ask(&self, now: Timestamp, limit: u32)
    -> Result<Vec<TopUpId>, Unavailable>;

    /// How many payments and top-ups the provider owes an answer about at `now`.
    async fn unsettled(&self, now: Timestamp) -> Result<Unsettled, Unavailable>;

    /// All outages on record.
    async fn outages(&self) -> Result<Vec<Outage>, Unavailable>;

    /// Rooms with a token to forget: the one with the lowest number that is kept past the lobby was over
    /// by `ended_by`.
    async fn rooms_with_old_tokens(&self, ended_by: Timestamp) -> Result<Vec<RoomId>, Unavailable>;

    /// The tokens of a room with the lowest numbers that are kept past its lobby, lowest first, up to the
    /// first that was not over by `ended_by`, or with which a payment was made that the provider owes an
    /// answer about.
    async fn old_tokens(
        &self,
        room_id: RoomId,
        ended_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable>;

    /// Reservations that had ended by `ended_by` without having been paid for.
    async fn old_reservations(
        &self,
        ended_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable>;

    /// Answers kept since before `kept_before`.
    async fn old_answers(
        &self,
        kept_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<IdempotencyKey>, Unavailable>;
}
