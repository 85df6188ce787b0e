use std::sync::Arc;

use domain::ids::{TopUpId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::ports::{CashBook, UpdateError};
use domain::top_up::TopUp;

/// Somebody looks at all their top-ups.
pub struct ListTopUps {
    cash_book: Arc<dyn CashBook>,
}

impl ListTopUps {
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
        page: PageRequest<TopUpId>,
    ) -> Result<Page<TopUp, TopUpId>, UpdateError> {
        Ok(found(self.cash_book.top_ups(user_id, page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCashBook;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_user_sees_their_own_top_ups() {
        let asked = pending_top_up().1;
        let items = vec![asked.clone()];
        let mut cash_book = MockCashBook::new();
        cash_book.expect_top_ups().returning(move |user_id, _| {
            let items = if user_id == buyer_id() { items.clone() } else { vec![] };
            Ok(Some(Page { items, next: None }))
        });
        let list = ListTopUps::new(Arc::new(cash_book));
        let page = PageRequest { limit: 20, after: None };
        assert_eq!(list.execute(buyer_id(), page).await.unwrap().items, [asked]);
        assert_eq!(list.execute(operator_id(), page).await.unwrap().items, []);
    }
}
