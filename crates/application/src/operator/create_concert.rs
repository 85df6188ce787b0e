use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::concert::{Concert, ConcertDetails};
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{ConcertId, RoomId, UserId};
use domain::money::Currency;
use domain::ports::{DrawSeeds, Ids, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::waiting_room::{Door, PolicyChange, RoomPolicy, add_room};
use serde_json::json;

use super::{ensure_operator, new_room};

/// An operator enters a concert.
pub struct CreateConcert {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    seeds: Arc<dyn DrawSeeds>,
    users: Arc<dyn Users>,
    new_rooms: RoomPolicy,
    currency: Currency,
}

impl CreateConcert {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        seeds: Arc<dyn DrawSeeds>,
        users: Arc<dyn Users>,
        new_rooms: RoomPolicy,
        currency: Currency,
    ) -> Self {
        Self { store, ids, seeds, users, new_rooms, currency }
    }

    /// With `room`, the concert gets a room of its own, which opens with the sale unless it says when.
    ///
    /// # Errors
    /// [`Forbidden`](domain::refusal::Refusal::Forbidden) for who is no operator,
    /// [`Invalid`](domain::refusal::Refusal::Invalid) naming what is out of its limits.
    pub async fn execute(
        &self,
        operator: UserId,
        details: ConcertDetails,
        room: Option<PolicyChange>,
        request: Option<IdempotentRequest>,
        origin: &Origin,
    ) -> Result<Answered<Concert>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        details.check(self.currency)?;
        let policy = room.map(|change| self.new_rooms.changed(&change)).transpose()?;
        let id = ConcertId::from(self.ids.next());
        let room_id = policy.is_some().then(|| RoomId::from(self.ids.next()));
        let room = room_id.zip(policy).map(|(room_id, policy)| {
            new_room(room_id, Door::Concert(id), policy, self.seeds.next())
        });
        let actor = Actor::user(self.ids.next(), operator, origin);
        let create = move |records: &mut Records| {
            let now = records.now;
            let concert = Concert { id, details: details.clone(), room_id, created_at: now };
            records.concerts.insert(concert.clone());
            if let Some(room) = &room {
                add_room(records, room(now));
            }
            let after = json!({ "details": concert.details, "room_id": room_id });
            records.note(&actor, Deed::new(AuditKind::ConcertCreated, id).after(after));
            Ok(concert)
        };
        let scope = Scope::new().kept_answer(request.as_ref().map(|request| request.key.clone()));
        let decide = move |records: &mut Records| once(records, request.as_ref(), &create);
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockStore;
    use domain::refusal::Refusal;

    use super::*;
    use crate::testing::*;

    fn create(store: Arc<MockStore>) -> CreateConcert {
        let users = users(vec![buyer(), operator()]);
        CreateConcert::new(store, ids(), seeds(), users, room().policy, "KRW".parse().unwrap())
    }

    #[tokio::test]
    async fn a_concert_can_have_a_room_of_its_own() {
        let store = store_checked(empty(), |records| {
            let room = records.rooms.iter().next().unwrap();
            assert_eq!((room.policy.capacity, room.policy.idle_ttl_seconds), (3, 120));
        });
        let change = PolicyChange { capacity: Some(3), ..Default::default() };
        let made = create(store)
            .execute(operator_id(), concert().details, Some(change), None, &Origin::default())
            .await;
        assert!(made.unwrap().value.room_id.is_some());
    }

    #[tokio::test]
    async fn its_room_opens_with_the_sale_unless_it_says_when() {
        let (sale, own) = (now() + seconds(60), now() + seconds(30));
        let details = ConcertDetails { sale_opens_at: Some(sale), ..concert().details };
        for (asked, expected) in [(None, sale), (Some(None), sale), (Some(Some(own)), own)] {
            let store = store_checked(empty(), move |records| {
                let room = records.rooms.iter().next().unwrap();
                assert_eq!(room.policy.opens_at, Some(expected));
            });
            let change = PolicyChange { opens_at: asked, ..Default::default() };
            create(store)
                .execute(operator_id(), details.clone(), Some(change), None, &Origin::default())
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_concert_without_one_is_behind_the_sites() {
        let made = create(store_with(empty()))
            .execute(operator_id(), concert().details, None, None, &Origin::default())
            .await;
        assert_eq!(made.unwrap().value.room(), RoomId::SITE);
    }

    #[tokio::test]
    async fn one_key_enters_one_concert() {
        let (store, kept) = store_that_keeps(empty());
        let create = create(store);
        let mut answers = Vec::new();
        for _ in 0..2 {
            let made = create
                .execute(operator_id(), concert().details, None, request(1), &Origin::default())
                .await;
            answers.push(made.unwrap());
        }
        assert_eq!(answers[0].value, answers[1].value);
        assert_eq!([answers[0].replayed, answers[1].replayed], [false, true]);
        assert_eq!(kept.lock().unwrap().concerts.iter().count(), 1);
    }

    #[tokio::test]
    async fn only_an_operator_enters_concerts() {
        let create = create(store_with(empty()));
        let buyers =
            create.execute(buyer_id(), concert().details, None, None, &Origin::default()).await;
        assert_refused(buyers, &Refusal::Forbidden);
        let nobodys =
            create.execute(unknown(), concert().details, None, None, &Origin::default()).await;
        assert_refused(nobodys, &Refusal::InvalidToken);
    }

    #[tokio::test]
    async fn another_currency_and_an_impossible_room_are_refused() {
        let create = create(store_with(empty()));
        let details = concert().details;
        let euros = ConcertDetails { currency: "EUR".parse().unwrap(), ..details.clone() };
        let refused = create.execute(operator_id(), euros, None, None, &Origin::default()).await;
        assert!(matches!(refused, Err(UpdateError::Refused(Refusal::Invalid(_)))));
        let endless = PolicyChange { active_ttl_seconds: Some(0), ..Default::default() };
        let refused =
            create.execute(operator_id(), details, Some(endless), None, &Origin::default()).await;
        assert!(matches!(refused, Err(UpdateError::Refused(Refusal::Invalid(_)))));
    }
}
