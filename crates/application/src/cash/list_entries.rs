use std::sync::Arc;

use domain::cash::CashEntry;
use domain::ids::{EntryId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::ports::{CashBook, UpdateError};

/// Somebody asks what changed their balance.
pub struct ListEntries {
    cash_book: Arc<dyn CashBook>,
}

impl ListEntries {
    /// Over this port.
    #[must_use]
    pub fn new(cash_book: Arc<dyn CashBook>) -> Self {
        Self { cash_book }
    }

    /// # Errors
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after nothing of the list's.
    pub async fn execute(
        &self,
        user_id: UserId,
        page: PageRequest<EntryId>,
    ) -> Result<Page<CashEntry, EntryId>, UpdateError> {
        Ok(found(self.cash_book.entries(user_id, page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCashBook;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_user_sees_their_own_entries() {
        let mut cash_book = MockCashBook::new();
        cash_book
            .expect_entries()
            .withf(|user_id, page| *user_id == buyer_id() && page.limit == 5)
            .returning(|_, _| Ok(Some(Page { items: vec![], next: None })));
        let list = ListEntries::new(Arc::new(cash_book));
        let page = PageRequest { limit: 5, after: None };
        assert_eq!(list.execute(buyer_id(), page).await.unwrap().items, []);
    }
}
