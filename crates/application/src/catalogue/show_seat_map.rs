use std::sync::Arc;

use chrono::NaiveDate;
use domain::concert::Concert;
use domain::ids::{ConcertId, ShowId};
use domain::ports::{Clock, QueueClaims, UpdateError};
use domain::refusal::Refusal;
use domain::show::the_only_one;

use super::{Performance, Programme, SeatMap, SeatMaps};
use crate::queue::Gate;

/// Somebody who was let in looks at the seats of a show.
pub struct ShowSeatMap {
    gate: Arc<Gate>,
    programme: Arc<Programme>,
    seat_maps: Arc<SeatMaps>,
    clock: Arc<dyn Clock>,
}

/// Which show is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowChoice {
    /// The one of that id.
    ById(ShowId),
    /// The one of a concert, or of the concert that the token was issued for, on a date.
    ByDate {
        /// Which concert.
        concert_id: Option<ConcertId>,
        /// Which date.
        date: NaiveDate,
    },
}

/// A show's seats at some moment.
#[derive(Debug, Clone)]
pub struct SeatsOfShow {
    /// The show, with its concert.
    pub performance: Arc<Performance>,
    /// Its seats.
    pub map: Arc<SeatMap>,
}

impl ShowSeatMap {
    /// Over these ports.
    #[must_use]
    pub fn new(
        gate: Arc<Gate>,
        programme: Arc<Programme>,
        seat_maps: Arc<SeatMaps>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { gate, programme, seat_maps, clock }
    }

    /// # Errors
    /// What the gate refuses; [`Refusal::InvalidShow`]; or, by date, [`Refusal::ConcertRequired`],
    /// [`Refusal::InvalidConcert`], [`Refusal::InvalidDate`], [`Refusal::AmbiguousDate`].
    pub async fn execute(
        &self,
        claims: &QueueClaims,
        choice: ShowChoice,
    ) -> Result<SeatsOfShow, UpdateError> {
        let found = find_show(&self.programme, claims, choice).await;
        let performance = match found {
            Err(UpdateError::Refused(refusal)) => {
                self.gate.admit_to_anything(claims).await?;
                return Err(refusal.into());
            }
            found => found?,
        };
        self.gate.admit(claims, &[performance.room()]).await?;
        let map = self.seat_maps.of_show(performance.show.id, self.clock.cutoff()).await?;
        Ok(SeatsOfShow { performance, map })
    }
}

/// The show that is meant, with its concert.
///
/// # Errors
/// [`Refusal::InvalidShow`]; or [`Refusal::ConcertRequired`], [`Refusal::InvalidConcert`],
/// [`Refusal::InvalidDate`], [`Refusal::AmbiguousDate`].
pub(crate) async fn find_show(
    programme: &Programme,
    claims: &QueueClaims,
    choice: ShowChoice,
) -> Result<Arc<Performance>, UpdateError> {
    match choice {
        ShowChoice::ById(id) => Ok(programme.show(id).await?.ok_or(Refusal::InvalidShow)?),
        ShowChoice::ByDate { concert_id, date } => {
            let concert_id = concert_id.or(claims.concert_id).ok_or(Refusal::ConcertRequired)?;
            let concert = programme.concert(concert_id).await?.ok_or(Refusal::InvalidConcert)?;
            let shows = programme.shows_on(concert_id, date).await?;
            let show = the_only_one(&shows)?.clone();
            Ok(Arc::new(Performance { show, concert: Concert::clone(&concert) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCatalogue;
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    fn show_seat_map(catalogue: Arc<MockCatalogue>, token: WaitingToken) -> ShowSeatMap {
        let gate = Arc::new(gate(lines(Some(token), 6)));
        let maps = Arc::new(SeatMaps::new(catalogue.clone()));
        ShowSeatMap::new(gate, programme(catalogue), maps, clock())
    }

    async fn ask(token: WaitingToken, choice: ShowChoice) -> Result<SeatsOfShow, UpdateError> {
        show_seat_map(catalogue(), token).execute(&claims(), choice).await
    }

    fn on(date: NaiveDate) -> ShowChoice {
        ShowChoice::ByDate { concert_id: None, date }
    }

    #[tokio::test]
    async fn a_show_can_be_meant_by_its_id_or_by_its_date() {
        for choice in [ShowChoice::ById(show().id), on(show().date)] {
            let seats = ask(active_token(), choice).await.unwrap();
            assert_eq!((&seats.performance.show, seats.map.seats.len()), (&show(), 2));
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_to_who_is_let_in_only() {
        let concert_id = Some(unknown());
        let date = show().date;
        for (choice, refusal) in [
            (ShowChoice::ById(unknown()), Refusal::InvalidShow),
            (ShowChoice::ByDate { concert_id, date }, Refusal::InvalidConcert),
            (on(NaiveDate::MIN), Refusal::InvalidDate),
        ] {
            assert_refused(ask(active_token(), choice).await, &refusal);
            let waits = Refusal::NotAdmitted { position: Some(7) };
            assert_refused(ask(waiting_token(), choice).await, &waits);
        }
    }

    #[tokio::test]
    async fn a_token_that_names_no_concert_needs_one_in_the_path() {
        let nameless = QueueClaims { concert_id: None, ..claims() };
        let asked = show_seat_map(catalogue(), active_token());
        let refused = asked.execute(&nameless, on(show().date)).await;
        assert_refused(refused, &Refusal::ConcertRequired);
    }

    #[tokio::test]
    async fn a_date_with_two_shows_names_both() {
        let mut two = MockCatalogue::new();
        two.expect_concert().returning(|_| Ok(Some(concert())));
        two.expect_shows().returning(|_| Ok(vec![show(), show()]));
        let asked = show_seat_map(Arc::new(two), active_token());
        let shows = vec![(show().id, show().starts_at); 2];
        let refused = asked.execute(&claims(), on(show().date)).await;
        assert_refused(refused, &Refusal::AmbiguousDate { shows });
    }

    #[tokio::test]
    async fn a_token_of_another_room_sees_no_seats() {
        let elsewhere = WaitingToken { room_id: other_room(), ..active_token() };
        let refused = ask(elsewhere, ShowChoice::ById(show().id)).await;
        assert_refused(refused, &Refusal::WrongRoom);
    }
}
