use std::sync::Arc;

use domain::ids::{PaymentId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::payment::Receipt;
use domain::ports::{Orders, UpdateError};

/// Somebody looks at all their payments.
pub struct ListPayments {
    orders: Arc<dyn Orders>,
}

impl ListPayments {
    /// Over this port.
    #[must_use]
    pub fn new(orders: Arc<dyn Orders>) -> Self {
        Self { orders }
    }

    /// # Errors
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after nothing of the list's.
    pub async fn execute(
        &self,
        user_id: UserId,
        page: PageRequest<PaymentId>,
    ) -> Result<Page<Receipt, PaymentId>, UpdateError> {
        Ok(found(self.orders.payments(user_id, page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockOrders;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_user_sees_their_own_payments() {
        let mut orders = MockOrders::new();
        orders
            .expect_payments()
            .withf(|user_id, page| *user_id == buyer_id() && page.limit == 20)
            .returning(|_, _| Ok(Some(Page { items: vec![], next: None })));
        let list = ListPayments::new(Arc::new(orders));
        let page = PageRequest { limit: 20, after: None };
        assert_eq!(list.execute(buyer_id(), page).await.unwrap().items, []);
    }
}
