use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use domain::concert::Concert;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::ports::{Catalogue, Unavailable};
use domain::show::Show;
use lru::LruCache;

use crate::single_flight::SingleFlight;

/// Concerts and shows, of which those that people ask for most are kept in memory. Once entered,
/// neither ever changes; one that could would have to be dropped here by the commit that changes
/// it, as [`SeatMaps`](super::SeatMaps) does.
pub struct Programme {
    catalogue: Arc<dyn Catalogue>,
    shows: Arc<Mutex<LruCache<ShowId, Arc<Performance>>>>,
    flights: SingleFlight<ShowId, Option<Arc<Performance>>>,
}

/// A show and the concert that it is a performance of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performance {
    /// The show.
    pub show: Show,
    /// Its concert.
    pub concert: Concert,
}

impl Performance {
    /// The room in front of it.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.show.room(&self.concert)
    }
}

/// How many shows are kept in memory.
const SHOWS_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

impl Programme {
    /// Over this port.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        let shows = Arc::new(Mutex::new(LruCache::new(SHOWS_MAX)));
        Self { catalogue, shows, flights: SingleFlight::default() }
    }

    /// The show of that id, with its concert.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not in memory and the store does not answer.
    pub async fn show(&self, id: ShowId) -> Result<Option<Arc<Performance>>, Unavailable> {
        let kept = self.shows.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if kept.is_some() {
            return Ok(kept);
        }
        let (catalogue, shows) = (self.catalogue.clone(), self.shows.clone());
        let ask = || async move {
            let found = catalogue.show(id).await?;
            let found = found.map(|(show, concert)| Arc::new(Performance { show, concert }));
            if let Some(found) = found.clone() {
                shows.lock().unwrap_or_else(PoisonError::into_inner).put(id, found);
            }
            Ok(found)
        };
        self.flights.run(id, ask).await
    }

    /// The store may have another history now, in which what is kept never was.
    pub fn forget_all(&self) {
        self.flights.forget_all();
        self.shows.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The concert of that id.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn concert(&self, id: ConcertId) -> Result<Option<Concert>, Unavailable> {
        self.catalogue.concert(id).await
    }

    /// The concert's shows on a date, earliest first.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn shows(&self, id: ConcertId, date: NaiveDate) -> Result<Vec<Show>, Unavailable> {
        self.catalogue.shows(id, Some(date)).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCatalogue;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn the_store_is_asked_for_a_show_once_and_for_an_unknown_one_each_time() {
        let mut catalogue = MockCatalogue::new();
        catalogue
            .expect_show()
            .times(3)
            .returning(|id| Ok((id == show().id).then(|| (show(), concert()))));
        let programme = Programme::new(Arc::new(catalogue));
        for _ in 0..2 {
            let found = programme.show(show().id).await.unwrap().unwrap();
            assert_eq!((&found.show, &found.concert), (&show(), &concert()));
            assert_eq!(programme.show(unknown()).await.unwrap(), None);
        }
    }
}
