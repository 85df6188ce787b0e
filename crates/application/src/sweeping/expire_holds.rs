use std::sync::Arc;

use domain::ids::ReservationId;
use domain::ports::{Clock, DueWork, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::reservation::expire;

use super::parts::Parts;
use super::{BATCH, was_full};

/// Ends holds that are over and frees their seats.
pub struct ExpireHolds {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    clock: Arc<dyn Clock>,
}

impl ExpireHolds {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, due_work: Arc<dyn DueWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, due_work, clock }
    }

    /// Returns how many were ended.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let mut expired = 0;
        loop {
            let lapsed = self.due_work.lapsed_holds(self.clock.cutoff(), BATCH).await?;
            let full = was_full(lapsed.len());
            let (mut parts, mut count) = (Parts::of(lapsed), 0);
            while let Some(part) = parts.next() {
                count += parts.came_to(self.expire(part).await)?;
            }
            parts.end()?;
            expired += count;
            // Where none of a batch could be ended, it would be found again.
            if !full || count == 0 {
                return Ok(expired);
            }
        }
    }

    async fn expire(&self, lapsed: Vec<ReservationId>) -> Result<usize, UpdateError> {
        let scope = lapsed.iter().fold(Scope::new(), |scope, id| scope.reservation(*id));
        let decide = move |records: &mut Records| {
            Ok(lapsed.iter().filter(|id| expire(records, **id)).count())
        };
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockDueWork;
    use domain::seat::SeatState;

    use super::*;
    use crate::testing::*;

    async fn sweep(records: Records, check: impl Fn(&Records) + Send + Sync + 'static) -> usize {
        let mut due_work = MockDueWork::new();
        due_work.expect_lapsed_holds().returning(|_, _| Ok(vec![reservation_id()]));
        let store = store_checked(records, check);
        ExpireHolds::new(store, Arc::new(due_work), clock()).execute().await.unwrap()
    }

    #[tokio::test]
    async fn a_hold_that_is_over_ends_and_its_seats_are_free() {
        let (mut records, held) = world_with_hold();
        records.go_on_to(held.held_until);
        let swept = sweep(records, |records| {
            assert_eq!(records.seats.get(&seat_id(1)).unwrap().state, SeatState::Available);
        });
        assert_eq!(swept.await, 1);
    }

    #[tokio::test]
    async fn a_hold_that_was_paid_for_meanwhile_is_left_alone() {
        let (mut records, held) = world_with_hold();
        let ask = domain::payment::PayRequest {
            id: unknown(),
            entry_id: unknown(),
            user_id: buyer_id(),
            token_id: claims().token_id,
            reservation_id: reservation_id(),
        };
        domain::payment::pay(&mut records, &ask, None).unwrap();
        records.go_on_to(held.held_until);
        assert_eq!(sweep(records, |_| ()).await, 0);
    }
}
