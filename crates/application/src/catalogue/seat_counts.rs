use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use domain::ids::{ConcertId, ShowId};
use domain::ports::{Catalogue, Clock, CommitObserver, Unavailable};
use domain::records::Records;

use crate::read_through::{Lifetime, ReadThrough};

/// How many seats of each show of a concert can be held: counted once for all who ask at the same time,
/// and kept for a moment. What is committed meanwhile is in the next count, half a second later at the
/// most.
pub struct SeatCounts {
    catalogue: Arc<dyn Catalogue>,
    clock: Arc<dyn Clock>,
    counts: ReadThrough<ConcertId, Arc<HashMap<ShowId, u32>>>,
}

/// Of how many concerts counts are kept.
const CONCERTS_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

impl SeatCounts {
    /// Over these ports.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: Arc<dyn Clock>) -> Self {
        let counts = ReadThrough::new(CONCERTS_MAX, Lifetime::Moment(clock.clone()));
        Self { catalogue, clock, counts }
    }

    /// The counts of a concert's shows; none of a show of which no seat can be held.
    ///
    /// # Errors
    /// [`Unavailable`] when they are not in memory and the store does not answer.
    pub async fn of_concert(
        &self,
        id: ConcertId,
    ) -> Result<Arc<HashMap<ShowId, u32>>, Unavailable> {
        let (catalogue, clock) = (self.catalogue.clone(), self.clock.clone());
        let count = || async move {
            let counts = catalogue.available_seat_counts(id, clock.cutoff()).await?;
            Ok(Some(Arc::new(counts.into_iter().collect())))
        };
        Ok(self.counts.get(id, count).await?.unwrap_or_default())
    }
}

impl CommitObserver for SeatCounts {
    /// A show that was entered here is counted at once.
    fn committed(&self, changes: &Records) {
        if changes.shows.changes().next().is_some() {
            self.counts.forget_all();
        }
    }

    fn began_anew(&self, _: u64) {
        self.counts.forget_all();
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCatalogue;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_thousand_who_ask_at_once_are_counted_for_once() {
        let mut catalogue = MockCatalogue::new();
        let counts = |_, _| Ok(vec![(show().id, 2)]);
        catalogue.expect_available_seat_counts().times(1).returning(counts);
        let counts = Arc::new(SeatCounts::new(Arc::new(catalogue), clock()));
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let counts = Arc::clone(&counts);
            asking.spawn(async move { counts.of_concert(concert().id).await.unwrap() });
        }
        let told = asking.join_all().await;
        assert!(told.into_iter().all(|counts| counts.get(&show().id) == Some(&2)));
    }

    #[tokio::test]
    async fn a_show_that_was_entered_here_is_counted_at_once() {
        let mut catalogue = MockCatalogue::new();
        let mut counted = 0;
        catalogue.expect_available_seat_counts().times(2).returning(move |_, _| {
            counted += 1;
            Ok(vec![(show().id, counted)])
        });
        let counts = SeatCounts::new(Arc::new(catalogue), ticking_clock());
        let mut entered = empty();
        entered.shows.insert(show());
        for _ in 0..2 {
            assert_eq!(counts.of_concert(concert().id).await.unwrap()[&show().id], 1);
        }
        counts.committed(&entered);
        assert_eq!(counts.of_concert(concert().id).await.unwrap()[&show().id], 2);
    }
}
