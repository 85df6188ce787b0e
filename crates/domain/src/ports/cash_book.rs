use async_trait::async_trait;

use super::Unavailable;
use crate::cash::{CashAccount, CashEntry};
use crate::ids::{EntryId, TopUpId, UserId};
use crate::page::{Page, PageRequest};
use crate::top_up::TopUp;

/// Looks up cash accounts.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait CashBook: Send + Sync {
    /// The user's account; none for who never charged.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn account(&self, user_id: UserId) -> Result<Option<CashAccount>, Unavailable>;

    /// The entries of a user's account, the highest number first; none where what they should come
    /// after is none of them.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn entries(
        &self,
        user_id: UserId,
        page: PageRequest<EntryId>,
    ) -> Result<Option<Page<CashEntry, EntryId>>, Unavailable>;

    /// The top-up of that id, whoever's it is.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn top_up(&self, id: TopUpId) -> Result<Option<TopUp>, Unavailable>;

    /// A user's top-ups, those asked for last first; none where what they should come after is none of
    /// them.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn top_ups(
        &self,
        user_id: UserId,
        page: PageRequest<TopUpId>,
    ) -> Result<Option<Page<TopUp, TopUpId>>, Unavailable>;

    /// Top-ups of all users about which the provider owes an answer, those asked for last first.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn unsettled_top_ups(
        &self,
        page: PageRequest<TopUpId>,
    ) -> Result<Option<Page<TopUp, TopUpId>>, Unavailable>;
}
