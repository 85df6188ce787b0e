use std::num::NonZeroUsize;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::concert::Concert;
use domain::ids::ConcertId;
use domain::ports::{Clock, CommitObserver, Unavailable, UpdateError};
use domain::records::Records;
use domain::refusal::Refusal;
use domain::show::{Availability, Grade, SaleStatus, Show};

use super::{Programme, SeatCounts};
use crate::read_through::{Lifetime, ReadThrough};

/// Anyone asks about a concert: when it is played, what a seat costs, and whether any are left. Without
/// a place in line nobody is told how many, or which.
pub struct ShowConcert {
    programme: Arc<Programme>,
    clock: Arc<dyn Clock>,
    on_offer: Arc<OnOffer>,
}

/// What there is of concerts, kept for [`AGE_MAX`]: anybody may ask for it, however often.
pub struct OnOffer {
    programme: Arc<Programme>,
    seat_counts: Arc<SeatCounts>,
    shows: ReadThrough<ConcertId, Arc<[Offer]>>,
}

/// A show, and what there is of it.
struct Offer {
    show: Show,
    grades: Arc<[Grade]>,
    free: u32,
}

/// A concert as anyone may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcertOnOffer {
    /// The concert.
    pub concert: Arc<Concert>,
    /// Its shows, earliest first.
    pub shows: Vec<ShowOnOffer>,
}

/// A show as anyone may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowOnOffer {
    /// The show.
    pub show: Show,
    /// Whether its seats are sold.
    pub status: SaleStatus,
    /// Its grades, the dearest first.
    pub grades: Arc<[Grade]>,
    /// How many of its seats are free.
    pub availability: Availability,
}

/// How old it may be.
const AGE_MAX: TimeDelta = TimeDelta::seconds(2);
/// Of how many concerts it is kept.
const CONCERTS_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

impl ShowConcert {
    /// Over what is played, and what there is of it.
    #[must_use]
    pub const fn new(
        programme: Arc<Programme>,
        clock: Arc<dyn Clock>,
        on_offer: Arc<OnOffer>,
    ) -> Self {
        Self { programme, clock, on_offer }
    }

    /// # Errors
    /// [`Refusal::InvalidConcert`].
    pub async fn execute(&self, id: ConcertId) -> Result<ConcertOnOffer, UpdateError> {
        let concert = self.programme.concert(id).await?.ok_or(Refusal::InvalidConcert)?;
        let offers = self.on_offer.of_concert(id).await?;
        let now = self.clock.now();
        let shows = offers.iter().map(|offer| offer.at(&concert, now)).collect();
        Ok(ConcertOnOffer { concert, shows })
    }
}

impl OnOffer {
    /// Over what is played and what is left of it.
    #[must_use]
    pub fn new(
        programme: Arc<Programme>,
        seat_counts: Arc<SeatCounts>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shows = ReadThrough::new(CONCERTS_MAX, Lifetime::Span(clock, AGE_MAX));
        Self { programme, seat_counts, shows }
    }

    async fn of_concert(&self, id: ConcertId) -> Result<Arc<[Offer]>, Unavailable> {
        let (programme, seat_counts) = (self.programme.clone(), self.seat_counts.clone());
        let read = || async move {
            let shows = programme.shows(id).await?;
            let counts = seat_counts.of_concert(id).await?;
            let mut offers = Vec::with_capacity(shows.len());
            for show in shows.iter() {
                let grades = programme.grades(show.id).await?;
                let free = counts.get(&show.id).copied().unwrap_or(0);
                offers.push(Offer { show: show.clone(), grades, free });
            }
            Ok(Some(offers.into()))
        };
        Ok(self.shows.get(id, read).await?.unwrap_or_default())
    }
}

impl CommitObserver for OnOffer {
    /// A show that was entered here is shown at once.
    fn committed(&self, changes: &Records) {
        if changes.shows.changes().next().is_some() {
            self.shows.forget_all();
        }
    }

    fn began_anew(&self, _: u64) {
        self.shows.forget_all();
    }
}

impl Offer {
    fn at(&self, concert: &Concert, now: domain::Timestamp) -> ShowOnOffer {
        let status = self.show.sale_status(concert, now);
        let availability = match status {
            SaleStatus::Closed => Availability::None,
            SaleStatus::Upcoming | SaleStatus::OnSale => self.show.availability(self.free),
        };
        ShowOnOffer { show: self.show.clone(), status, grades: self.grades.clone(), availability }
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;
    use domain::ports::MockCatalogue;

    use super::*;
    use crate::testing::*;

    fn grades() -> Vec<Grade> {
        vec![Grade { name: "R".into(), price: Amount::new(50_000).unwrap() }]
    }

    fn show_concert(mut catalogue: MockCatalogue) -> ShowConcert {
        catalogue.expect_concert().returning(|id| Ok((id == concert().id).then(concert)));
        catalogue.expect_grades().times(0..=1).returning(|_| Ok(grades()));
        let catalogue = Arc::new(catalogue);
        let programme = programme(catalogue.clone());
        let counts = Arc::new(SeatCounts::new(catalogue, clock()));
        let on_offer = Arc::new(OnOffer::new(programme.clone(), counts, clock()));
        ShowConcert::new(programme, clock(), on_offer)
    }

    #[tokio::test]
    async fn a_concert_is_shown_with_what_there_is_of_it_and_the_store_is_asked_once() {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_shows().times(1).returning(|_| Ok(vec![show()]));
        catalogue
            .expect_available_seat_counts()
            .times(1)
            .returning(|_, _| Ok(vec![(show().id, 2)]));
        let show_concert = show_concert(catalogue);
        for _ in 0..2 {
            let told = show_concert.execute(concert().id).await.unwrap();
            assert_eq!(*told.concert, concert());
            let [only] = &told.shows[..] else { panic!("{told:?}") };
            assert_eq!((&only.show, &*only.grades), (&show(), &*grades()));
            assert_eq!((only.status, only.availability), (SaleStatus::OnSale, Availability::Many));
        }
    }

    #[tokio::test]
    async fn of_a_show_that_began_or_is_sold_nothing_is_left() {
        for (starts_at, free, status) in [
            (now(), vec![(show().id, 2)], SaleStatus::Closed),
            (now() + seconds(1), vec![], SaleStatus::OnSale),
        ] {
            let mut catalogue = MockCatalogue::new();
            catalogue.expect_shows().returning(move |_| Ok(vec![Show { starts_at, ..show() }]));
            catalogue.expect_available_seat_counts().returning(move |_, _| Ok(free.clone()));
            let told = show_concert(catalogue).execute(concert().id).await.unwrap();
            let told = (told.shows[0].status, told.shows[0].availability);
            assert_eq!(told, (status, Availability::None));
        }
    }

    #[tokio::test]
    async fn an_unknown_concert_is_refused() {
        let show_concert = show_concert(MockCatalogue::new());
        assert_refused(show_concert.execute(unknown()).await, &Refusal::InvalidConcert);
    }
}
