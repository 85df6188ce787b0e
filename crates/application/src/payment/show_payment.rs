use std::sync::Arc;

use domain::ids::{PaymentId, UserId};
use domain::payment::Receipt;
use domain::ports::{Orders, UpdateError};
use domain::refusal::Refusal;

/// Somebody looks at a payment of theirs.
pub struct ShowPayment {
    orders: Arc<dyn Orders>,
}

impl ShowPayment {
    /// Over this port.
    #[must_use]
    pub fn new(orders: Arc<dyn Orders>) -> Self {
        Self { orders }
    }

    /// # Errors
    /// [`Refusal::NotFound`] for another user's as for nobody's.
    pub async fn execute(&self, user_id: UserId, id: PaymentId) -> Result<Receipt, UpdateError> {
        let receipt = self.orders.payment(id).await?;
        let own = receipt.filter(|receipt| receipt.payment.user_id == user_id);
        Ok(own.ok_or(Refusal::NotFound)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockOrders;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_its_own_user_sees_a_payment() {
        let mut records = world_with_hold().0;
        let ask = domain::payment::PayRequest {
            id: uuid::Uuid::from_u128(8).into(),
            entry_id: unknown(),
            user_id: buyer_id(),
            token_id: claims().token_id,
            reservation_id: reservation_id(),
        };
        let receipt = domain::payment::pay(&mut records, &ask, None).unwrap();
        let found = receipt.clone();
        let mut orders = MockOrders::new();
        orders.expect_payment().returning(move |id| Ok((id == ask.id).then(|| found.clone())));
        let show = ShowPayment::new(Arc::new(orders));
        assert_eq!(show.execute(buyer_id(), ask.id).await.unwrap(), receipt);
        assert_refused(show.execute(operator_id(), ask.id).await, &Refusal::NotFound);
        assert_refused(show.execute(buyer_id(), unknown()).await, &Refusal::NotFound);
    }
}
