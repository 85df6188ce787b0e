use async_trait::async_trait;

use super::Unavailable;
use crate::Timestamp;
use crate::ids::{ChargeId, ReservationId, UserId};
use crate::money::{Amount, Currency};
use crate::provider_charge::Verdict;

/// What a provider is asked to charge, or to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// Names the charge: asked again by the same id, the provider charges nothing more.
    pub charge_id: ChargeId,
    /// Who pays.
    pub user_id: UserId,
    /// For what; none for a top-up, which is for the user's own account.
    pub reservation_id: Option<ReservationId>,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
}

/// An outside payment provider. Each call answers within a time limit; without an answer nothing is
/// known, and it is asked again.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// Has the bill charged, once however often asked.
    ///
    /// # Errors
    /// [`Unavailable`] without an answer in time: it may have charged or not.
    async fn authorise(&self, bill: &Bill) -> Result<Verdict, Unavailable>;

    /// Asks what became of a charge.
    ///
    /// # Errors
    /// [`Unavailable`] without an answer in time.
    async fn ask(&self, id: ChargeId) -> Result<Verdict, Unavailable>;

    /// Has what was charged for the bill given back, once however often asked. When it says
    /// [`Verdict::Returned`], nothing is charged for it, and never will be: not even by a request
    /// that is still on its way.
    ///
    /// # Errors
    /// [`Unavailable`] without an answer in time: it may have given it back or not.
    async fn give_back(&self, bill: &Bill) -> Result<Verdict, Unavailable>;

    /// What proves in `signature` that the provider sent `body`, a short while before `now`; in one
    /// spelling, so that the very same notice is known again however its header is written.
    fn prove(&self, signature: &str, body: &[u8], now: Timestamp) -> Option<String>;
}
