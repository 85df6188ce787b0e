use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::ids::{RoomId, UserId};
use domain::ports::{Clock, Ids, Lines, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::waiting_room::{Door, PolicyChange, change_room};

use serde_json::json;

use super::{RoomReport, ensure_operator};

/// An operator changes a room's policy while it runs.
pub struct ChangeRoom {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    lines: Arc<dyn Lines>,
    users: Arc<dyn Users>,
    clock: Arc<dyn Clock>,
}

impl ChangeRoom {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        lines: Arc<dyn Lines>,
        users: Arc<dyn Users>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, ids, lines, users, clock }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, and what [`change_room`] refuses.
    pub async fn execute(
        &self,
        operator: UserId,
        id: RoomId,
        change: PolicyChange,
        origin: &Origin,
    ) -> Result<RoomReport, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        // Most of what can be wrong is refused without locking the room, which everybody who joins
        // waits for; and nothing is read any more once it is changed.
        let room = self.lines.room(id).await?.ok_or(Refusal::NotFound)?;
        room.policy.changed(&change)?;
        let head_count = self.lines.head_count(id, self.clock.now()).await?;
        let scope = behind(room.door, Scope::new().room(id));
        let actor = Actor::user(self.ids.next(), operator, origin);
        let decide = move |records: &mut Records| {
            let before = json!(records.rooms.get(&id).map(|room| &room.policy));
            let room = change_room(records, id, &change)?;
            let deed = Deed::new(AuditKind::RoomChanged, id);
            records.note(&actor, deed.before(before).after(json!(room.policy)));
            Ok(room)
        };
        let room = self.store.decide(scope, decide).await?;
        Ok(RoomReport { room, head_count })
    }
}

/// Adds what is behind a room's door, which never changes.
fn behind(door: Door, scope: Scope) -> Scope {
    match door {
        Door::Site => scope,
        Door::Concert(id) => scope.concert(id),
        Door::Show(id) => scope.show(id),
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockLines, MockStore};

    use super::*;
    use crate::testing::*;

    fn use_case() -> ChangeRoom {
        use_case_on(store_with(world()))
    }

    fn use_case_on(store: Arc<MockStore>) -> ChangeRoom {
        let mut lines = MockLines::new();
        lines.expect_room().returning(|id| Ok((id == RoomId::SITE).then(room)));
        lines.expect_head_count().returning(|_, _| Ok(Default::default()));
        ChangeRoom::new(store, ids(), Arc::new(lines), users(vec![buyer(), operator()]), clock())
    }

    fn pause() -> PolicyChange {
        PolicyChange { paused: Some(true), ..Default::default() }
    }

    #[tokio::test]
    async fn an_operator_pauses_a_room() {
        let report = use_case()
            .execute(operator_id(), RoomId::SITE, pause(), &Origin::default())
            .await
            .unwrap();
        assert!(report.room.policy.paused);
    }

    #[tokio::test]
    async fn a_buyer_an_unknown_room_and_an_impossible_policy_are_refused() {
        // None of them has the room locked.
        let change = use_case_on(Arc::new(MockStore::new()));
        assert_refused(
            change.execute(buyer_id(), RoomId::SITE, pause(), &Origin::default()).await,
            &Refusal::Forbidden,
        );
        assert_refused(
            change.execute(operator_id(), unknown(), pause(), &Origin::default()).await,
            &Refusal::NotFound,
        );
        let endless = PolicyChange { idle_ttl_seconds: Some(0), ..Default::default() };
        let refused =
            change.execute(operator_id(), RoomId::SITE, endless, &Origin::default()).await;
        assert!(matches!(refused, Err(UpdateError::Refused(Refusal::Invalid(_)))));
    }
}
