use std::sync::Arc;

use domain::ids::ReservationId;
use domain::ports::{Clock, DueWork, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::reservation::free_returned;

use super::parts::Parts;
use super::{BATCH, was_full};

/// Frees seats that come back from payments that were given back.
pub struct ReturnSeats {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    clock: Arc<dyn Clock>,
}

impl ReturnSeats {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, due_work: Arc<dyn DueWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, due_work, clock }
    }

    /// Returns of how many reservations seats were freed.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let mut returned = 0;
        loop {
            let due = self.due_work.returning_seats(self.clock.cutoff(), BATCH).await?;
            let full = was_full(due.len());
            let (mut parts, mut count) = (Parts::of(due), 0);
            while let Some(part) = parts.next() {
                count += parts.came_to(self.free(part).await)?;
            }
            parts.end()?;
            returned += count;
            // Where none of a batch could be freed, it would be found again.
            if !full || count == 0 {
                return Ok(returned);
            }
        }
    }

    async fn free(&self, due: Vec<ReservationId>) -> Result<usize, UpdateError> {
        let scope = due.iter().fold(Scope::new(), |scope, id| scope.reservation(*id));
        let decide = move |records: &mut Records| {
            Ok(due.iter().filter(|id| free_returned(records, **id)).count())
        };
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::{RefundPolicy, RefundRequest, pay, refund};
    use domain::ports::MockDueWork;
    use domain::seat::SeatStatus;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn seats_come_back_when_it_is_time_and_once() {
        let mut records = world_with_hold().0;
        let ask = domain::payment::PayRequest {
            id: payment_id(),
            entry_id: unknown(),
            user_id: buyer_id(),
            token_id: claims().token_id,
            reservation_id: reservation_id(),
        };
        pay(&mut records, &ask, None).unwrap();
        let ask = RefundRequest {
            payment_id: payment_id(),
            entry_id: uuid::Uuid::from_u128(77).into(),
            user_id: buyer_id(),
            returns_after: seconds(30),
        };
        refund(&mut records, &ask, RefundPolicy { until_hours: 24 }, SETTLING).unwrap();
        let (store, kept) = store_that_keeps(records);
        let sweep = || {
            let mut due_work = MockDueWork::new();
            due_work.expect_returning_seats().returning(|_, _| Ok(vec![reservation_id()]));
            ReturnSeats::new(store.clone(), Arc::new(due_work), clock())
        };
        let status = || kept.lock().unwrap().seats.get(&seat_id(1)).unwrap().status(now());
        assert_eq!((sweep().execute().await.unwrap(), status()), (0, SeatStatus::Sold));
        kept.lock().unwrap().go_on_to(now() + seconds(30));
        assert_eq!((sweep().execute().await.unwrap(), status()), (1, SeatStatus::Available));
        assert_eq!(sweep().execute().await.unwrap(), 0);
    }
}
