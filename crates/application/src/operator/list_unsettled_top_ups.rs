use std::sync::Arc;

use domain::ids::{TopUpId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::ports::{CashBook, UpdateError, Users};
use domain::top_up::TopUp;

use super::ensure_operator;

/// An operator looks at the top-ups that the payment provider owes an answer about.
pub struct ListUnsettledTopUps {
    cash_book: Arc<dyn CashBook>,
    users: Arc<dyn Users>,
}

impl ListUnsettledTopUps {
    /// Over these ports.
    #[must_use]
    pub fn new(cash_book: Arc<dyn CashBook>, users: Arc<dyn Users>) -> Self {
        Self { cash_book, users }
    }

    /// # Errors
    /// [`Forbidden`](domain::refusal::Refusal::Forbidden) for who is no operator;
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after no top-up.
    pub async fn execute(
        &self,
        operator: UserId,
        page: PageRequest<TopUpId>,
    ) -> Result<Page<TopUp, TopUpId>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        Ok(found(self.cash_book.unsettled_top_ups(page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCashBook;
    use domain::refusal::Refusal;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_an_operator_sees_what_is_unsettled() {
        let asked = pending_top_up().1;
        let items = vec![asked.clone()];
        let mut cash_book = MockCashBook::new();
        cash_book
            .expect_unsettled_top_ups()
            .returning(move |_| Ok(Some(Page { items: items.clone(), next: None })));
        let known = users(vec![buyer(), operator()]);
        let list = ListUnsettledTopUps::new(Arc::new(cash_book), known);
        let page = PageRequest { limit: 20, after: None };
        assert_eq!(list.execute(operator_id(), page).await.unwrap().items, [asked]);
        assert_refused(list.execute(buyer_id(), page).await, &Refusal::Forbidden);
    }
}
