use std::sync::Arc;

use domain::Timestamp;
use domain::ids::{PasswordResetId, ReservationId, RoomId, SessionId, TokenId};
use domain::ports::{Clock, DueWork, Sessions, Store, Unavailable, UpdateError};
use domain::records::{Records, Scope};
use domain::retention::{RetentionPolicy, forget_reservations, forget_sign_ins, forget_tokens};

use super::parts::Parts;
use super::{BATCH, forgets_until, one_by_one, was_full};

/// Forgets what ended long enough ago: waiting tokens that are over, reservations that were not paid for,
/// sessions and resets of passwords that ran out. Piece by piece, one after the other: who writes meanwhile waits for one of them at the most.
pub struct ForgetEnded {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    policy: Option<RetentionPolicy>,
}

impl ForgetEnded {
    /// Over these ports. Without a policy, all is kept for ever.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        sessions: Arc<dyn Sessions>,
        clock: Arc<dyn Clock>,
        policy: Option<RetentionPolicy>,
    ) -> Self {
        Self { store, due_work, sessions, clock, policy }
    }

    /// Returns how much was forgotten. A room that fails does not keep the others from it, nor do
    /// reservations.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let Some(policy) = self.policy else { return Ok(0) };
        let until = forgets_until(policy, &*self.clock, &*self.due_work).await?;
        let reservations = self.forget_reservations(until).await;
        let sign_ins = self.forget_sign_ins(until).await;
        let rooms = self.due_work.rooms_with_old_tokens(until).await?;
        let tokens = one_by_one(rooms, |room_id| self.forget_tokens(room_id, until)).await;
        Ok(reservations? + sign_ins? + tokens?)
    }

    async fn forget_sign_ins(&self, until: Timestamp) -> Result<usize, UpdateError> {
        let find = || self.sessions.old_sessions(until, BATCH);
        let forget = |ids: Vec<SessionId>| {
            let scope = Scope::new().sessions(ids.iter().copied());
            let decide =
                move |records: &mut Records| Ok(forget_sign_ins(records, &ids, &[], until));
            self.store.decide(scope, decide)
        };
        let sessions = piece_by_piece(find, forget).await;
        let find = || self.sessions.old_password_resets(until, BATCH);
        let forget = |ids: Vec<PasswordResetId>| {
            let scope = Scope::new().password_resets(ids.iter().copied());
            let decide =
                move |records: &mut Records| Ok(forget_sign_ins(records, &[], &ids, until));
            self.store.decide(scope, decide)
        };
        Ok(sessions? + piece_by_piece(find, forget).await?)
    }

    async fn forget_reservations(&self, until: Timestamp) -> Result<usize, UpdateError> {
        let find = || self.due_work.old_reservations(until, BATCH);
        let forget = |ids: Vec<ReservationId>| {
            let scope = ids.iter().fold(Scope::new(), |scope, id| scope.reservation(*id));
            let decide = move |records: &mut Records| Ok(forget_reservations(records, &ids, until));
            self.store.decide(scope, decide)
        };
        piece_by_piece(find, forget).await
    }

    async fn forget_tokens(&self, room_id: RoomId, until: Timestamp) -> Result<usize, UpdateError> {
        let find = || self.due_work.old_tokens(room_id, until, BATCH);
        let forget = |ids: Vec<TokenId>| {
            let scope = Scope::new().room(room_id).tokens(ids.iter().copied());
            let decide = move |records: &mut Records| forget_tokens(records, room_id, &ids, until);
            self.store.decide(scope, decide)
        };
        piece_by_piece(find, forget).await
    }
}

/// Finds a piece and forgets it, over and over, until there is no more. Returns how much was forgotten.
async fn piece_by_piece<Id, Found, Forgotten>(
    find: impl Fn() -> Found,
    forget: impl Fn(Vec<Id>) -> Forgotten,
) -> Result<usize, UpdateError>
where
    Id: Clone,
    Found: Future<Output = Result<Vec<Id>, Unavailable>>,
    Forgotten: Future<Output = Result<usize, UpdateError>>,
{
    let mut forgotten = 0;
    loop {
        let found = find().await?;
        let full = was_full(found.len());
        let (mut parts, mut count) = (Parts::of(found), 0);
        while let Some(part) = parts.next() {
            count += parts.came_to(forget(part).await)?;
        }
        parts.end()?;
        forgotten += count;
        // Where nothing of a piece was forgotten, it would be found again.
        if !full || count == 0 {
            return Ok(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use domain::ports::MockDueWork;
    use domain::reservation::{Reservation, ReservationState};
    use domain::waiting_room::WaitingRoom;
    use domain::waiting_token::{TokenState, WaitingToken};

    use super::*;
    use crate::testing::*;

    const POLICY: RetentionPolicy = RetentionPolicy { kept_for: chrono::TimeDelta::days(90) };

    /// The site's room with `tokens` tokens that have been over for long, and as many reservations that
    /// ended unpaid; all of the buyer's.
    fn long_ago(count: u64) -> Records {
        let ended_at = now() - POLICY.kept_for;
        let mut records = empty();
        records.rooms.load(WaitingRoom { last_number: count, ..room() });
        for number in 1..=count {
            let state = TokenState::Expired { admission: None, ended_at };
            let token = WaitingToken { state, number: Some(number), ..waiting_token() };
            records.tokens.load(WaitingToken { id: token_id(number), ..token });
            let state = ReservationState::Cancelled { ended_at };
            let id = uuid::Uuid::from_u128(number.into()).into();
            records.reservations.load(Reservation { id, state, ..world_with_hold().1 });
        }
        records
    }

    /// Finds as a store does what is old among the records, and counts how often it was asked.
    fn due_work(records: &Arc<Mutex<Records>>, asked: &Arc<Mutex<usize>>) -> MockDueWork {
        let mut due_work = MockDueWork::new();
        let limit = usize::try_from(BATCH).unwrap();
        due_work.expect_outages().returning(|| Ok(Vec::new()));
        due_work.expect_rooms_with_old_tokens().returning(|_| Ok(vec![RoomId::SITE]));
        let (kept, count) = (Arc::clone(records), Arc::clone(asked));
        due_work.expect_old_tokens().returning(move |_, ended_by, _| {
            assert_eq!(ended_by, now() - POLICY.kept_for);
            *count.lock().unwrap() += 1;
            let kept = kept.lock().unwrap();
            let mut tokens: Vec<_> = kept.tokens.iter().collect();
            tokens.sort_by_key(|token| token.number);
            Ok(tokens.iter().take(limit).map(|token| token.id).collect())
        });
        let (kept, count) = (Arc::clone(records), Arc::clone(asked));
        due_work.expect_old_reservations().returning(move |ended_by, _| {
            assert_eq!(ended_by, now() - POLICY.kept_for);
            *count.lock().unwrap() += 1;
            Ok(kept.lock().unwrap().reservations.iter().take(limit).map(|r| r.id).collect())
        });
        due_work
    }

    /// Forgets. Returns how much, what is left, and how often it was looked for.
    async fn forget(records: Records, policy: Option<RetentionPolicy>) -> (usize, Records, usize) {
        let (store, kept) = store_that_keeps(records);
        let asked = Arc::default();
        let due_work = Arc::new(due_work(&kept, &asked));
        let forget = ForgetEnded::new(store, due_work, no_sessions(), clock(), policy);
        let count = forget.execute().await.unwrap();
        let left = kept.lock().unwrap().clone();
        let asked = *asked.lock().unwrap();
        (count, left, asked)
    }

    #[tokio::test]
    async fn all_that_ended_long_ago_is_forgotten_piece_by_piece() {
        let pieces = u64::from(BATCH) * 2 + 1;
        let (count, left, asked) = forget(long_ago(pieces), Some(POLICY)).await;
        assert_eq!(u64::try_from(count).unwrap(), 2 * pieces);
        assert_eq!((left.tokens.iter().count(), left.reservations.iter().count()), (0, 0));
        assert_eq!(left.rooms.get(&RoomId::SITE).unwrap().forgotten_to, pieces);
        assert_eq!(asked, 6, "three pieces of each");
    }

    #[tokio::test]
    async fn without_a_policy_nothing_is_even_looked_for() {
        let (count, left, asked) = forget(long_ago(1), None).await;
        assert_eq!((count, left.tokens.iter().count(), asked), (0, 1, 0));
    }

    #[tokio::test]
    async fn what_turns_out_not_to_be_over_for_long_is_kept_and_not_looked_for_for_ever() {
        let mut records = long_ago(u64::from(BATCH));
        let reservations: Vec<_> = records.reservations.iter().cloned().collect();
        for young in reservations {
            let state = ReservationState::Cancelled { ended_at: now() };
            records.reservations.put(Reservation { state, ..young });
        }
        records.tokens.get_mut(&token_id(1)).unwrap().state = TokenState::Waiting;
        let (count, left, asked) = forget(records, Some(POLICY)).await;
        assert_eq!((count, asked), (0, 2));
        assert_eq!(left.forgotten().tokens, []);
    }

    #[tokio::test]
    async fn reservations_that_cannot_be_looked_up_keep_no_token() {
        let (store, kept) = store_that_keeps(long_ago(1));
        let mut due_work = MockDueWork::new();
        due_work.expect_outages().returning(|| Ok(Vec::new()));
        due_work.expect_old_reservations().returning(|_, _| Err(Unavailable::because("away")));
        due_work.expect_rooms_with_old_tokens().returning(|_| Ok(vec![RoomId::SITE]));
        due_work.expect_old_tokens().returning(|_, _, _| Ok(vec![token_id(1)]));
        let forget =
            ForgetEnded::new(store, Arc::new(due_work), no_sessions(), clock(), Some(POLICY));
        assert!(forget.execute().await.is_err());
        assert_eq!(kept.lock().unwrap().tokens.iter().count(), 0);
    }
}
