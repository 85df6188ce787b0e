use async_trait::async_trait;

use super::Unavailable;
use crate::cash::{CashAccount, CashEntry};
use crate::ids::{EntryId, UserId};
use crate::page::{Page, PageRequest};

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
}
