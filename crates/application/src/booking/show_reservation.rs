use std::sync::Arc;

use domain::ids::{ReservationId, UserId};
use domain::ports::{Orders, UpdateError};
use domain::refusal::Refusal;
use domain::reservation::Reservation;

/// Somebody looks at a reservation of theirs.
pub struct ShowReservation {
    orders: Arc<dyn Orders>,
}

impl ShowReservation {
    /// Over this port.
    #[must_use]
    pub fn new(orders: Arc<dyn Orders>) -> Self {
        Self { orders }
    }

    /// # Errors
    /// [`Refusal::NotFound`] for another user's as for nobody's.
    pub async fn execute(
        &self,
        user_id: UserId,
        id: ReservationId,
    ) -> Result<Reservation, UpdateError> {
        let reservation = self.orders.reservation(id).await?.ok_or(Refusal::NotFound)?;
        reservation.ensure_owned_by(user_id)?;
        Ok(reservation)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockOrders;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_its_own_user_sees_a_reservation() {
        let held = world_with_hold().1;
        let found = held.clone();
        let mut orders = MockOrders::new();
        orders
            .expect_reservation()
            .returning(move |id| Ok((id == reservation_id()).then(|| found.clone())));
        let show = ShowReservation::new(Arc::new(orders));
        assert_eq!(show.execute(buyer_id(), reservation_id()).await.unwrap(), held);
        assert_refused(show.execute(operator_id(), reservation_id()).await, &Refusal::NotFound);
        assert_refused(show.execute(buyer_id(), unknown()).await, &Refusal::NotFound);
    }
}
