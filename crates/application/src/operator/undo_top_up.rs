use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Origin};
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{TopUpId, UserId};
use domain::ports::{CashBook, Ids, Store, UpdateError, Users};
use domain::provider_charge::SettlingPolicy;
use domain::records::Records;
use domain::refusal::Refusal;
use domain::top_up::{TopUp, undo};

use super::ensure_operator;
use crate::payment::{Owed, undone};

/// An operator ends a top-up that stays pending, because nothing will come of it.
pub struct UndoTopUp {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    cash_book: Arc<dyn CashBook>,
    users: Arc<dyn Users>,
    policy: SettlingPolicy,
}

impl UndoTopUp {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        cash_book: Arc<dyn CashBook>,
        users: Arc<dyn Users>,
        policy: SettlingPolicy,
    ) -> Self {
        Self { store, ids, cash_book, users, policy }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, and what [`domain::top_up::undo`] refuses.
    pub async fn execute(
        &self,
        operator: UserId,
        id: TopUpId,
        request: Option<IdempotentRequest>,
        origin: &Origin,
    ) -> Result<Answered<TopUp>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        let found = self.cash_book.top_up(id).await?.ok_or(Refusal::NotFound)?;
        let policy = self.policy;
        let actor = Actor::user(self.ids.next(), operator, origin);
        let key = request.as_ref().map(|request| request.key.clone());
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| {
                let ended = undo(records, id, policy)?;
                let deed = undone(AuditKind::TopUpUndone, id, ended.user_id, "undone");
                records.note(&actor, deed);
                Ok(ended)
            })
        };
        self.store.decide(found.scope().kept_answer(key), decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCashBook;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn an_operator_ends_a_pending_top_up_and_nobody_else_does() {
        let (records, asked) = pending_top_up();
        let found = asked.clone();
        let mut cash_book = MockCashBook::new();
        cash_book.expect_top_up().returning(move |id| Ok((id == found.id).then(|| found.clone())));
        let store = store_checked(records, |records| {
            let account = records.accounts.get(&buyer_id()).unwrap();
            assert_eq!((account.balance.minor_units(), account.pending.count), (50_000, 0));
            let noted = records.audit_entries.iter().next().unwrap();
            assert_eq!(
                (noted.deed.kind, noted.actor_id),
                (AuditKind::TopUpUndone, Some(operator_id()))
            );
        });
        let known = users(vec![buyer(), operator()]);
        let undo = UndoTopUp::new(store, ids(), Arc::new(cash_book), known, SETTLING);
        let undone = undo.execute(operator_id(), asked.id, None, &Origin::default()).await.unwrap();
        assert_eq!(undone.value.state.name(), "undone");
        let buyers = undo.execute(buyer_id(), asked.id, None, &Origin::default()).await;
        assert_refused(buyers, &Refusal::Forbidden);
        let nobodys = undo.execute(operator_id(), unknown(), None, &Origin::default()).await;
        assert_refused(nobodys, &Refusal::NotFound);
    }
}
