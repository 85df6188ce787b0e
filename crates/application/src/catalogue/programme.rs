use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::NaiveDate;
use domain::concert::Concert;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::page::{Page, PageRequest};
use domain::ports::{Catalogue, Clock, CommitObserver, Unavailable};
use domain::records::Records;
use domain::show::{Grade, Show};

use crate::read_through::{Lifetime, ReadThrough};

/// Concerts and shows, of which those that people ask for most are kept in memory. Once entered,
/// neither ever changes; one that could would have to be dropped here by the commit that changes
/// it, as [`SeatMaps`](super::SeatMaps) does. Lists of them grow: what was entered at this server is in
/// them at once, and what was entered at others within a second.
pub struct Programme {
    catalogue: Arc<dyn Catalogue>,
    concerts: ReadThrough<ConcertId, Arc<Concert>>,
    shows: ReadThrough<ShowId, Arc<Performance>>,
    pages: ReadThrough<PageRequest<ConcertId>, Page<Concert, ConcertId>>,
    shows_of: ReadThrough<ConcertId, Arc<[Show]>>,
    grades: ReadThrough<ShowId, Arc<[Grade]>>,
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

/// How many concerts, how many shows, and how many lists of either are kept in memory.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// Of how many shows the grades are kept, which are few and take a look at all seats to find.
const GRADES_MAX: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

impl Programme {
    /// Over these ports.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: Arc<dyn Clock>) -> Self {
        Self {
            catalogue,
            concerts: ReadThrough::new(KEPT_MAX, Lifetime::Ever),
            shows: ReadThrough::new(KEPT_MAX, Lifetime::Ever),
            pages: ReadThrough::new(KEPT_MAX, Lifetime::Moment(clock.clone())),
            shows_of: ReadThrough::new(KEPT_MAX, Lifetime::Moment(clock)),
            grades: ReadThrough::new(GRADES_MAX, Lifetime::Ever),
        }
    }

    /// Concerts, those entered last first; none where what they should come after is none of them.
    ///
    /// # Errors
    /// [`Unavailable`] when they are not in memory and the store does not answer.
    pub async fn concerts(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Option<Page<Concert, ConcertId>>, Unavailable> {
        let catalogue = self.catalogue.clone();
        self.pages.get(page, || async move { catalogue.concerts(page).await }).await
    }

    /// The concert of that id.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not in memory and the store does not answer.
    pub async fn concert(&self, id: ConcertId) -> Result<Option<Arc<Concert>>, Unavailable> {
        let catalogue = self.catalogue.clone();
        let read = || async move { Ok(catalogue.concert(id).await?.map(Arc::new)) };
        self.concerts.get(id, read).await
    }

    /// The show of that id, with its concert.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not in memory and the store does not answer.
    pub async fn show(&self, id: ShowId) -> Result<Option<Arc<Performance>>, Unavailable> {
        let catalogue = self.catalogue.clone();
        let read = || async move {
            let found = catalogue.show(id).await?;
            Ok(found.map(|(show, concert)| Arc::new(Performance { show, concert })))
        };
        self.shows.get(id, read).await
    }

    /// The concert's shows, earliest first.
    ///
    /// # Errors
    /// [`Unavailable`] when they are not in memory and the store does not answer.
    pub async fn shows(&self, id: ConcertId) -> Result<Arc<[Show]>, Unavailable> {
        let catalogue = self.catalogue.clone();
        let read = || async move { Ok(Some(catalogue.shows(id).await?.into())) };
        Ok(self.shows_of.get(id, read).await?.unwrap_or_default())
    }

    /// The grades of the show's seats, the dearest first.
    ///
    /// # Errors
    /// [`Unavailable`] when they are not in memory and the store does not answer.
    pub async fn grades(&self, id: ShowId) -> Result<Arc<[Grade]>, Unavailable> {
        let catalogue = self.catalogue.clone();
        let read = || async move { Ok(Some(catalogue.grades(id).await?.into())) };
        Ok(self.grades.get(id, read).await?.unwrap_or_default())
    }

    /// The concert's shows on a date, earliest first.
    ///
    /// # Errors
    /// [`Unavailable`] when they are not in memory and the store does not answer.
    pub async fn shows_on(&self, id: ConcertId, date: NaiveDate) -> Result<Vec<Show>, Unavailable> {
        let shows = self.shows(id).await?;
        Ok(shows.iter().filter(|show| show.date == date).cloned().collect())
    }
}

impl CommitObserver for Programme {
    fn committed(&self, changes: &Records) {
        if changes.concerts.changes().next().is_some() {
            self.pages.forget_all();
        }
        if changes.shows.changes().next().is_some() {
            self.shows_of.forget_all();
        }
        // Whoever is answered after this commit is told of the show from memory: what was committed is
        // not to be followed by a question that could fail.
        for (reservation, _) in changes.reservations.changes() {
            let show = changes.shows.get(&reservation.show_id);
            let concert = show.and_then(|show| changes.concerts.get(&show.concert_id));
            if let Some((show, concert)) = show.zip(concert) {
                let (show, concert) = (show.clone(), concert.clone());
                self.shows.keep(show.id, || Arc::new(Performance { show, concert }));
            }
        }
    }

    fn began_anew(&self, _: u64) {
        self.concerts.forget_all();
        self.shows.forget_all();
        self.pages.forget_all();
        self.shows_of.forget_all();
        self.grades.forget_all();
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
        let programme = Programme::new(Arc::new(catalogue), clock());
        for _ in 0..2 {
            let found = programme.show(show().id).await.unwrap().unwrap();
            assert_eq!((&found.show, &found.concert), (&show(), &concert()));
            assert_eq!(programme.show(unknown()).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn the_show_of_a_reservation_that_was_just_committed_is_in_memory() {
        let programme = Programme::new(Arc::new(MockCatalogue::new()), clock());
        let mut changes = world();
        let reservation = world_with_hold().1;
        changes.reservations.insert(reservation.clone());
        programme.committed(&changes);
        let found = programme.show(reservation.show_id).await.unwrap().unwrap();
        assert_eq!(found.concert, concert());
    }

    #[tokio::test]
    async fn what_was_entered_here_is_listed_at_once() {
        let mut catalogue = MockCatalogue::new();
        let page = Page { items: vec![concert()], next: None };
        catalogue.expect_concerts().times(2).returning(move |_| Ok(Some(page.clone())));
        catalogue.expect_shows().times(2).returning(|_| Ok(vec![show()]));
        let programme = Programme::new(Arc::new(catalogue), ticking_clock());
        let mut entered = empty();
        entered.concerts.insert(concert());
        entered.shows.insert(show());
        let first_page = PageRequest { limit: 1, after: None };
        for _ in 0..2 {
            programme.concerts(first_page).await.unwrap();
            programme.shows(concert().id).await.unwrap();
            programme.committed(&entered);
        }
    }
}
