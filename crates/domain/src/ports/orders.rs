use async_trait::async_trait;

use super::Unavailable;
use crate::ids::{PaymentId, ReservationId, UserId};
use crate::page::{Page, PageRequest};
use crate::payment::Receipt;
use crate::reservation::Reservation;

/// Looks up what users reserved and paid for. Every method fails with [`Unavailable`] when the
/// store does not answer; a page is none where what it should come after is nothing of the list's.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Orders: Send + Sync {
    /// The reservation of that id, whoever's it is.
    async fn reservation(&self, id: ReservationId) -> Result<Option<Reservation>, Unavailable>;

    /// A user's reservations, those held last first.
    async fn reservations(
        &self,
        user_id: UserId,
        page: PageRequest<ReservationId>,
    ) -> Result<Option<Page<Reservation, ReservationId>>, Unavailable>;

    /// The payment of that id, whoever's it is, and what it is for.
    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, Unavailable>;

    /// A user's payments, those paid last first.
    async fn payments(
        &self,
        user_id: UserId,
        page: PageRequest<PaymentId>,
    ) -> Result<Option<Page<Receipt, PaymentId>>, Unavailable>;

    /// Payments of all users about which the provider owes an answer, those paid last first.
    async fn unsettled_payments(
        &self,
        page: PageRequest<PaymentId>,
    ) -> Result<Option<Page<Receipt, PaymentId>>, Unavailable>;
}
