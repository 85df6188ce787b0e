use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{ReservationId, SeatId, ShowId};
use domain::ports::{Clock, Ids, QueueClaims, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::reservation::{BookingPolicy, HoldRequest, Reservation, hold};

use crate::catalogue::{Performance, Programme, SeatMaps, ShowChoice, find_show};
use crate::queue::Gate;

/// Somebody who was let in holds seats.
pub struct HoldSeats {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    programme: Arc<Programme>,
    seat_maps: Arc<SeatMaps>,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    policy: BookingPolicy,
}

/// Which seats are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeatChoice {
    /// Those of these ids.
    ByIds {
        /// At which show.
        show_id: ShowId,
        /// Which ones.
        seat_ids: Vec<SeatId>,
    },
    /// Those of these numbers, at the show that is meant.
    ByNumbers {
        /// At which show.
        show: ShowChoice,
        /// Which ones.
        seat_numbers: Vec<String>,
    },
}

impl HoldSeats {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        programme: Arc<Programme>,
        seat_maps: Arc<SeatMaps>,
        gate: Arc<Gate>,
        clock: Arc<dyn Clock>,
        policy: BookingPolicy,
    ) -> Self {
        Self { store, ids, programme, seat_maps, gate, clock, policy }
    }

    /// All the seats or none.
    ///
    /// # Errors
    /// What the gate refuses; what is not there, as [`ShowSeatMap`](crate::catalogue::ShowSeatMap)
    /// says it; and what [`domain::reservation::hold`] refuses.
    pub async fn execute(
        &self,
        claims: &QueueClaims,
        choice: SeatChoice,
        request: Option<IdempotentRequest>,
    ) -> Result<Answered<Reservation>, UpdateError> {
        let (performance, seat_ids) = match self.find(claims, choice).await {
            Err(UpdateError::Refused(refusal)) => {
                self.gate.admit_to_anything(claims).await?;
                return Err(refusal.into());
            }
            found => found?,
        };
        let ask = HoldRequest {
            id: ReservationId::from(self.ids.next()),
            user_id: claims.user_id,
            token_id: claims.token_id,
            show_id: performance.show.id,
            seat_ids,
        };
        let scope = Scope::new()
            .token(ask.token_id)
            .show(ask.show_id)
            .seats(ask.seat_ids.iter().copied())
            .reserved_by(ask.user_id, performance.concert.id)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        let policy = self.policy;
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| hold(records, &ask, policy))
        };
        let held = self.store.decide(scope, decide).await;
        self.gate.with_position(claims, held).await
    }

    async fn find(
        &self,
        claims: &QueueClaims,
        choice: SeatChoice,
    ) -> Result<(Arc<Performance>, Vec<SeatId>), UpdateError> {
        let (choice, seats, can_be_asked_for) = match choice {
            SeatChoice::ByIds { show_id, seat_ids } => {
                let fits = self.policy.ensure_can_be_asked_for(&seat_ids, "seat_ids");
                (ShowChoice::ById(show_id), Ok(seat_ids), fits)
            }
            SeatChoice::ByNumbers { show, seat_numbers } => {
                let fits = self.policy.ensure_can_be_asked_for(&seat_numbers, "seat_numbers");
                (show, Err(seat_numbers), fits)
            }
        };
        let performance = find_show(&self.programme, claims, choice).await?;
        if can_be_asked_for.is_err() {
            // Not a seat is locked, or looked up, for what is refused in any case.
            self.gate.admit(claims, &[performance.room()]).await?;
            performance.show.ensure_on_sale(&performance.concert, self.clock.now())?;
            can_be_asked_for?;
        }
        let seat_ids = match seats {
            Ok(seat_ids) => seat_ids,
            Err(numbers) => {
                let found = self.numbered(performance.show.id, &numbers).await;
                if let Err(UpdateError::Refused(_)) = found {
                    self.gate.admit(claims, &[performance.room()]).await?;
                }
                found?
            }
        };
        Ok((performance, seat_ids))
    }

    /// The seats of these numbers. A seat's number never changes.
    async fn numbered(&self, show: ShowId, numbers: &[String]) -> Result<Vec<SeatId>, UpdateError> {
        let map = self.seat_maps.of_show(show, self.clock.cutoff()).await?;
        let asked: HashSet<_> = numbers.iter().collect();
        let wanted: HashMap<_, _> = map
            .seats
            .iter()
            .filter(|seat| asked.contains(&seat.place.number))
            .map(|seat| (seat.place.number.as_str(), seat.id))
            .collect();
        let find = |number: &String| wanted.get(number.as_str()).copied().ok_or(number.clone());
        let (found, unknown): (Vec<_>, Vec<_>) = numbers.iter().map(find).partition(Result::is_ok);
        let seat_numbers: Vec<_> = unknown.into_iter().filter_map(Result::err).collect();
        if seat_numbers.is_empty() {
            return Ok(found.into_iter().filter_map(Result::ok).collect());
        }
        Err(Refusal::InvalidSeat { seat_ids: Vec::new(), seat_numbers }.into())
    }
}

#[cfg(test)]
mod tests;
