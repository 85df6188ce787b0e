use std::sync::Arc;

use domain::ids::ConcertId;
use domain::ports::{Clock, QueueClaims, UpdateError};
use domain::refusal::Refusal;
use domain::show::Show;

use super::{Programme, SeatCounts};
use crate::queue::Gate;

/// Somebody who was let in asks on which dates a concert can be booked.
pub struct ListAvailableDates {
    gate: Arc<Gate>,
    programme: Arc<Programme>,
    seat_counts: Arc<SeatCounts>,
    clock: Arc<dyn Clock>,
}

/// A show that can be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableDate {
    /// The show.
    pub show: Show,
    /// How many of its seats can be held, as of a moment ago.
    pub available_seat_count: u32,
}

impl ListAvailableDates {
    /// Over what is played and what is left of it.
    #[must_use]
    pub fn new(
        gate: Arc<Gate>,
        programme: Arc<Programme>,
        seat_counts: Arc<SeatCounts>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { gate, programme, seat_counts, clock }
    }

    /// The shows that can be booked now, earliest first, of `concert_id` or of the concert that
    /// the token was issued for. A token for the room of one of its shows will do as well.
    ///
    /// # Errors
    /// What the gate refuses, [`Refusal::ConcertRequired`], [`Refusal::InvalidConcert`].
    pub async fn execute(
        &self,
        claims: &QueueClaims,
        concert_id: Option<ConcertId>,
    ) -> Result<Vec<AvailableDate>, UpdateError> {
        let concert = match concert_id.or(claims.concert_id) {
            None => Err(Refusal::ConcertRequired),
            Some(id) => self.programme.concert(id).await?.ok_or(Refusal::InvalidConcert),
        };
        let concert = match concert {
            Ok(concert) => concert,
            Err(refusal) => {
                self.gate.admit_to_anything(claims).await?;
                return Err(refusal.into());
            }
        };
        let shows = self.programme.shows(concert.id).await?;
        let rooms = shows.iter().filter_map(|show| show.room_id);
        let rooms: Vec<_> = std::iter::once(concert.room()).chain(rooms).collect();
        self.gate.admit(claims, &rooms).await?;

        let now = self.clock.now();
        let counts = self.seat_counts.of_concert(concert.id).await?;
        let on_sale = shows.iter().filter(|show| show.is_on_sale(&concert, now));
        let with_seats = on_sale.filter_map(|show| {
            let available_seat_count = counts.get(&show.id).copied().filter(|count| *count > 0)?;
            Some(AvailableDate { show: show.clone(), available_seat_count })
        });
        Ok(with_seats.collect())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::ports::MockCatalogue;
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    fn list_with(catalogue: Arc<MockCatalogue>, token: WaitingToken) -> ListAvailableDates {
        let gate = gate(lines(Some(token), 0));
        let counts = Arc::new(SeatCounts::new(catalogue.clone(), clock()));
        ListAvailableDates::new(Arc::new(gate), programme(catalogue), counts, clock())
    }

    fn list(token: WaitingToken) -> ListAvailableDates {
        list_with(catalogue(), token)
    }

    #[tokio::test]
    async fn the_dates_of_the_tokens_own_concert_need_no_name() {
        let dates = list(active_token()).execute(&claims(), None).await.unwrap();
        assert_eq!(dates, [AvailableDate { show: show(), available_seat_count: 2 }]);
    }

    #[tokio::test]
    async fn a_show_that_began_or_has_no_seat_left_is_not_listed() {
        let began = Show { starts_at: now(), ..show() };
        let sold_out = Show { id: unknown(), ..show() };
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_concert().returning(|_| Ok(Some(concert())));
        catalogue.expect_shows().returning(move |_| Ok(vec![began.clone(), sold_out.clone()]));
        catalogue.expect_available_seat_counts().returning(|_, _| Ok(vec![(show().id, 2)]));
        let list = list_with(Arc::new(catalogue), active_token());
        assert_eq!(list.execute(&claims(), None).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_token_for_the_room_of_a_show_sees_its_concerts_dates() {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_concert().returning(|_| Ok(Some(concert())));
        catalogue
            .expect_shows()
            .returning(|_| Ok(vec![Show { room_id: Some(other_room()), ..show() }]));
        catalogue.expect_available_seat_counts().returning(|_, _| Ok(vec![(show().id, 2)]));
        let token = WaitingToken { room_id: other_room(), ..active_token() };
        let list = list_with(Arc::new(catalogue), token);
        assert_eq!(list.execute(&claims(), None).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_concert_must_be_named_and_there() {
        let nameless = QueueClaims { concert_id: None, ..claims() };
        let refused = list(active_token()).execute(&nameless, None).await;
        assert_refused(refused, &Refusal::ConcertRequired);
        let refused = list(active_token()).execute(&claims(), Some(unknown())).await;
        assert_refused(refused, &Refusal::InvalidConcert);
    }

    #[tokio::test]
    async fn who_is_not_let_in_learns_nothing() {
        for concert_id in [None, Some(unknown())] {
            let refused = list(waiting_token()).execute(&claims(), concert_id).await;
            assert_refused(refused, &Refusal::NotAdmitted { position: Some(1) });
        }
        let elsewhere = WaitingToken { room_id: other_room(), ..active_token() };
        let refused = list(elsewhere).execute(&claims(), None).await;
        assert_refused(refused, &Refusal::WrongRoom);
        assert!(show().starts_at > now() + TimeDelta::days(1));
    }
}
