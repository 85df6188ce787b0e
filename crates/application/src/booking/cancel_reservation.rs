use std::sync::Arc;

use domain::ids::{ReservationId, UserId};
use domain::ports::{Store, UpdateError};
use domain::records::{Records, Scope};
use domain::reservation::{BookingPolicy, cancel};

/// Somebody gives a hold back.
pub struct CancelReservation {
    store: Arc<dyn Store>,
    policy: BookingPolicy,
}

impl CancelReservation {
    /// Over this port, by this policy.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, policy: BookingPolicy) -> Self {
        Self { store, policy }
    }

    /// # Errors
    /// What [`domain::reservation::cancel`] refuses.
    pub async fn execute(&self, user_id: UserId, id: ReservationId) -> Result<(), UpdateError> {
        let policy = self.policy;
        let decide = move |records: &mut Records| cancel(records, id, user_id, policy);
        self.store.decide(Scope::new().reservation(id), decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::refusal::Refusal;
    use domain::seat::SeatStatus;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_hold_that_is_given_back_frees_its_seats() {
        let store = store_checked(world_with_hold().0, |records| {
            let seat = records.seats.get(&seat_id(1)).unwrap();
            assert_eq!(seat.status(now()), SeatStatus::Available);
        });
        CancelReservation::new(store, BOOKING).execute(buyer_id(), reservation_id()).await.unwrap();
    }

    #[tokio::test]
    async fn another_users_hold_is_not_found_and_stays() {
        let cancel = CancelReservation::new(store_with(world_with_hold().0), BOOKING);
        let others = cancel.execute(operator_id(), reservation_id()).await;
        assert_refused(others, &Refusal::NotFound);
        assert_refused(cancel.execute(buyer_id(), unknown()).await, &Refusal::NotFound);
    }

    #[tokio::test]
    async fn a_hold_that_is_over_cannot_be_given_back() {
        let (mut records, held) = world_with_hold();
        records.go_on_to(held.held_until);
        let over = CancelReservation::new(store_with(records), BOOKING);
        assert_refused(over.execute(buyer_id(), reservation_id()).await, &Refusal::NotHeld);
    }
}
