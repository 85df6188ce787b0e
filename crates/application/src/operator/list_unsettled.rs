use std::sync::Arc;

use domain::ids::{PaymentId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::payment::Receipt;
use domain::ports::{Orders, UpdateError, Users};

use super::ensure_operator;

/// An operator looks at the payments that the payment provider owes an answer about.
pub struct ListUnsettled {
    orders: Arc<dyn Orders>,
    users: Arc<dyn Users>,
}

impl ListUnsettled {
    /// Over these ports.
    #[must_use]
    pub fn new(orders: Arc<dyn Orders>, users: Arc<dyn Users>) -> Self {
        Self { orders, users }
    }

    /// # Errors
    /// [`Forbidden`](domain::refusal::Refusal::Forbidden) for who is no operator;
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after no payment.
    pub async fn execute(
        &self,
        operator: UserId,
        page: PageRequest<PaymentId>,
    ) -> Result<Page<Receipt, PaymentId>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        Ok(found(self.orders.unsettled_payments(page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockOrders;
    use domain::refusal::Refusal;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_an_operator_sees_what_is_unsettled() {
        let receipt = pending_payment().1;
        let listed = receipt.clone();
        let mut orders = MockOrders::new();
        orders
            .expect_unsettled_payments()
            .returning(move |_| Ok(Some(Page { items: vec![listed.clone()], next: None })));
        let list = ListUnsettled::new(Arc::new(orders), users(vec![buyer(), operator()]));
        let page = PageRequest { limit: 20, after: None };
        assert_eq!(list.execute(operator_id(), page).await.unwrap().items, [receipt]);
        let page = PageRequest { limit: 20, after: None };
        assert_refused(list.execute(buyer_id(), page).await, &Refusal::Forbidden);
    }
}
