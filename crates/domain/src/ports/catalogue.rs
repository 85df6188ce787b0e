use async_trait::async_trait;
use chrono::NaiveDate;

use super::Unavailable;
use crate::Timestamp;
use crate::concert::Concert;
use crate::ids::{ConcertId, RoomId, ShowId};
use crate::page::{Page, PageRequest};
use crate::seat::Seat;
use crate::show::Show;

/// Looks up what is played and what of it is left. Every method fails with [`Unavailable`] when
/// the store does not answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Concerts, newest first.
    async fn concerts(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Page<Concert, ConcertId>, Unavailable>;

    /// The concert of that id.
    async fn concert(&self, id: ConcertId) -> Result<Option<Concert>, Unavailable>;

    /// The show of that id, with its concert.
    async fn show(&self, id: ShowId) -> Result<Option<(Show, Concert)>, Unavailable>;

    /// The concert's shows on a date, or all of them, earliest first.
    async fn shows(
        &self,
        concert_id: ConcertId,
        date: Option<NaiveDate>,
    ) -> Result<Vec<Show>, Unavailable>;

    /// How many seats each of a concert's shows has that can be held at `now`.
    async fn available_seat_counts(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<(ShowId, u32)>, Unavailable>;

    /// Every seat of a show, in the order of its plan.
    async fn seats(&self, show_id: ShowId) -> Result<Vec<Seat>, Unavailable>;

    /// How many seats can be held at `now` in all that the room stands in front of.
    async fn seats_left(&self, room_id: RoomId, now: Timestamp) -> Result<u64, Unavailable>;
}
