use async_trait::async_trait;

use super::Unavailable;
use crate::Timestamp;
use crate::concert::Concert;
use crate::ids::{ConcertId, RoomId, ShowId};
use crate::money::Amount;
use crate::page::{Page, PageRequest};
use crate::seat::Seat;
use crate::show::{Grade, Show};

/// Looks up what is played and what of it is left. Every method fails with [`Unavailable`] when
/// the store does not answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Concerts, those entered last first; none where what they should come after is none of them.
    async fn concerts(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Option<Page<Concert, ConcertId>>, Unavailable>;

    /// The concert of that id.
    async fn concert(&self, id: ConcertId) -> Result<Option<Concert>, Unavailable>;

    /// The show of that id, with its concert.
    async fn show(&self, id: ShowId) -> Result<Option<(Show, Concert)>, Unavailable>;

    /// The concert's shows, earliest first.
    async fn shows(&self, concert_id: ConcertId) -> Result<Vec<Show>, Unavailable>;

    /// How many seats each of a concert's shows has that can be held at `now`.
    async fn available_seat_counts(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<(ShowId, u32)>, Unavailable>;

    /// Every seat of a show, in the order of its plan.
    async fn seats(&self, show_id: ShowId) -> Result<Vec<Seat>, Unavailable>;

    /// The grades of a show's seats, each with its price, the dearest first.
    async fn grades(&self, show_id: ShowId) -> Result<Vec<Grade>, Unavailable>;

    /// How the concert's shows sell at `now`, the first to begin first.
    async fn sales(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<ShowSales>, Unavailable>;

    /// What there is at `now` in all that the room stands in front of.
    async fn stock(&self, room_id: RoomId, now: Timestamp) -> Result<Stock, Unavailable>;
}

/// How a show sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowSales {
    /// Which show.
    pub show: Show,
    /// How many of its seats can be held.
    pub available: u32,
    /// How many are held.
    pub held: u32,
    /// How many are sold.
    pub sold: u32,
    /// What the sold ones came to.
    pub income: Amount,
}

/// The seats behind a room's door at some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock {
    /// How many there are, at shows gone by, too.
    pub total: u64,
    /// How many can be held, now or when the sale opens.
    pub available: u64,
    /// How many are held, and so may come back.
    pub held: u64,
}

impl Stock {
    /// Whether there was something, and nothing is left that could be had.
    #[must_use]
    pub const fn is_sold_out(&self) -> bool {
        self.total > 0 && self.available == 0 && self.held == 0
    }
}
