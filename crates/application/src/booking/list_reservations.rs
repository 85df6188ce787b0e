use std::sync::Arc;

use domain::ids::{ReservationId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::ports::{Orders, UpdateError};
use domain::reservation::Reservation;

/// Somebody looks at all their reservations.
pub struct ListReservations {
    orders: Arc<dyn Orders>,
}

impl ListReservations {
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
        page: PageRequest<ReservationId>,
    ) -> Result<Page<Reservation, ReservationId>, UpdateError> {
        Ok(found(self.orders.reservations(user_id, page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockOrders;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_user_sees_their_own_reservations() {
        let held = world_with_hold().1;
        let items = vec![held.clone()];
        let mut orders = MockOrders::new();
        orders.expect_reservations().returning(move |user_id, _| {
            let items = if user_id == buyer_id() { items.clone() } else { vec![] };
            Ok(Some(Page { items, next: None }))
        });
        let list = ListReservations::new(Arc::new(orders));
        let page = PageRequest { limit: 20, after: None };
        assert_eq!(list.execute(buyer_id(), page).await.unwrap().items, [held]);
        assert_eq!(list.execute(operator_id(), page).await.unwrap().items, []);
    }
}
