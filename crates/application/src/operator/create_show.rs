use std::sync::Arc;

use domain::Timestamp;
use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::calendar::as_kept;
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{ConcertId, RoomId, SeatId, ShowId, UserId};
use domain::ports::{DrawSeeds, Ids, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::refusal::{FieldErrors, Refusal};
use domain::seat::Seat;
use domain::seat_plan::SeatPlan;
use domain::show::Show;
use domain::waiting_room::{Door, PolicyChange, RoomPolicy, add_room};

use super::{ensure_operator, new_room};

/// An operator enters a show and its seats.
pub struct CreateShow {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    seeds: Arc<dyn DrawSeeds>,
    users: Arc<dyn Users>,
    new_rooms: RoomPolicy,
}

/// What the show is to be.
#[derive(Debug, Clone)]
pub struct NewShow {
    /// Of which concert.
    pub concert_id: ConcertId,
    /// When it begins.
    pub starts_at: Timestamp,
    /// Which seats it has.
    pub plan: SeatPlan,
    /// A room of its own, if it is to have one.
    pub room: Option<PolicyChange>,
}

/// A show of more seats is entered beside other changes, which need not wait for it.
const MANY_SEATS: usize = 1_000;

impl CreateShow {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        seeds: Arc<dyn DrawSeeds>,
        users: Arc<dyn Users>,
        new_rooms: RoomPolicy,
    ) -> Self {
        Self { store, ids, seeds, users, new_rooms }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, [`Refusal::InvalidConcert`],
    /// [`Refusal::ShowExists`] where the concert has a show that begins then, [`Refusal::Invalid`]
    /// naming what is out of its limits.
    pub async fn execute(
        &self,
        operator: UserId,
        ask: NewShow,
        request: Option<IdempotentRequest>,
        origin: &Origin,
    ) -> Result<Answered<Show>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        let mut errors = FieldErrors::default();
        errors.require_time(Some(ask.starts_at), "starts_at");
        errors.into_result()?;
        let policy = ask.room.as_ref().map(|change| self.new_rooms.changed(change)).transpose()?;
        let id = ShowId::from(self.ids.next());
        let room_id = policy.is_some().then(|| RoomId::from(self.ids.next()));
        let room = room_id
            .zip(policy)
            .map(|(room_id, policy)| new_room(room_id, Door::Show(id), policy, self.seeds.next()));
        let places = ask.plan.places();
        let mut seat_ids: Vec<SeatId> = places.iter().map(|_| self.ids.next().into()).collect();
        // Seats are shown in order of their ids, which is to be the plan's, whatever ids there are.
        seat_ids.sort_unstable();
        let seats =
            places.iter().zip(seat_ids).map(|(place, seat)| Seat::new(seat, id, place.clone()));
        let seats: Vec<_> = seats.collect();
        let starts_at = as_kept(ask.starts_at);
        let mut scope = Scope::new()
            .concert(ask.concert_id)
            .show_at(ask.concert_id, starts_at)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        if seats.len() > MANY_SEATS {
            scope = scope.many_rows();
        }
        let actor = Actor::user(self.ids.next(), operator, origin);
        let create = move |records: &mut Records| {
            let now = records.now;
            let concert = records.concerts.get(&ask.concert_id).ok_or(Refusal::InvalidConcert)?;
            if let Some(there) = records.show_at(ask.concert_id, starts_at) {
                return Err(Refusal::ShowExists { show_id: there.id });
            }
            let show = Show {
                id,
                concert_id: ask.concert_id,
                starts_at,
                date: Show::date_at_venue(starts_at, concert.details.time_zone),
                seat_count: u32::try_from(seats.len()).unwrap_or(u32::MAX),
                room_id,
            };
            records.shows.insert(show.clone());
            if let Some(room) = &room {
                add_room(records, room(now));
            }
            let deed = Deed::new(AuditKind::ShowCreated, id);
            records.note(&actor, deed.after(serde_json::json!(show)));
            seats.iter().cloned().for_each(|seat| records.seats.insert(seat));
            Ok(show)
        };
        let decide = move |records: &mut Records| once(records, request.as_ref(), &create);
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockStore;

    use super::*;
    use crate::testing::*;

    fn create(store: Arc<MockStore>) -> CreateShow {
        CreateShow::new(store, ids(), seeds(), users(vec![buyer(), operator()]), room().policy)
    }

    fn ask(concert_id: ConcertId) -> NewShow {
        let places = vec![seat(1).place, seat(2).place, seat(3).place];
        NewShow {
            concert_id,
            starts_at: "2026-12-24T20:00:00Z".parse().unwrap(),
            plan: SeatPlan::of_seats(places, 10).unwrap(),
            room: Some(PolicyChange::default()),
        }
    }

    #[tokio::test]
    async fn a_show_is_entered_with_its_seats_and_its_date_at_the_venue() {
        let mut records = empty();
        records.concerts.load(concert());
        let store = store_checked(records, |records| assert_eq!(records.seats.iter().count(), 3));
        let show =
            create(store).execute(operator_id(), ask(concert().id), None, &Origin::default()).await;
        let show = show.unwrap().value;
        assert_eq!((show.seat_count, show.date.to_string().as_str()), (3, "2026-12-25"));
        assert!(show.room_id.is_some());
    }

    #[tokio::test]
    async fn a_room_of_its_own_opens_with_the_sale_of_its_concert() {
        let sale = now() + seconds(60);
        let mut concert = concert();
        concert.details.sale_opens_at = Some(sale);
        let mut records = empty();
        records.concerts.load(concert.clone());
        let store = store_checked(records, move |records| {
            assert_eq!(records.rooms.iter().next().unwrap().policy.opens_at, Some(sale));
        });
        create(store)
            .execute(operator_id(), ask(concert.id), None, &Origin::default())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn only_an_operator_enters_shows_and_only_of_concerts_that_there_are() {
        let create = create(store_with(world()));
        let refused = create.execute(buyer_id(), ask(concert().id), None, &Origin::default()).await;
        assert_refused(refused, &Refusal::Forbidden);
        let refused = create.execute(operator_id(), ask(unknown()), None, &Origin::default()).await;
        assert_refused(refused, &Refusal::InvalidConcert);
    }

    #[tokio::test]
    async fn a_concert_has_one_show_at_a_time_and_one_key_enters_one() {
        let mut records = empty();
        records.concerts.load(concert());
        let (store, kept) = store_that_keeps(records);
        let create = create(store);
        let entered = async |starts_at: &str, request| {
            let ask = NewShow { starts_at: starts_at.parse().unwrap(), ..ask(concert().id) };
            create.execute(operator_id(), ask, request, &Origin::default()).await
        };
        let at = "2026-12-24T20:00:00Z";
        let first = entered(at, request(1)).await.unwrap();
        assert_eq!(entered(at, request(1)).await.unwrap().value, first.value);
        let exists = Refusal::ShowExists { show_id: first.value.id };
        assert_refused(entered(at, None).await, &exists);
        assert_refused(entered("2026-12-24T20:00:00.0000009Z", None).await, &exists);
        entered("2026-12-24T20:00:00.000001Z", None).await.unwrap();
        assert_eq!(kept.lock().unwrap().shows.iter().count(), 2);
    }
}
