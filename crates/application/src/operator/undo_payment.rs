use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{PaymentId, UserId};
use domain::payment::Receipt;
use domain::ports::{Ids, Orders, ReturnDelays, Store, UpdateError, Users};
use domain::provider_charge::SettlingPolicy;
use domain::records::Records;
use domain::refusal::Refusal;
use domain::settling::undo;
use serde_json::json;

use super::ensure_operator;
use crate::payment::Owed;

/// An operator ends a payment that stays pending, because nothing will come of it.
pub struct UndoPayment {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    orders: Arc<dyn Orders>,
    users: Arc<dyn Users>,
    delays: Arc<dyn ReturnDelays>,
    policy: SettlingPolicy,
}

impl UndoPayment {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        orders: Arc<dyn Orders>,
        users: Arc<dyn Users>,
        delays: Arc<dyn ReturnDelays>,
        policy: SettlingPolicy,
    ) -> Self {
        Self { store, ids, orders, users, delays, policy }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, and what [`domain::settling::undo`]
    /// refuses.
    pub async fn execute(
        &self,
        operator: UserId,
        id: PaymentId,
        request: Option<IdempotentRequest>,
        origin: &Origin,
    ) -> Result<Answered<Receipt>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        let found = self.orders.payment(id).await?.ok_or(Refusal::NotFound)?;
        let (entry_id, policy, delay) = (self.ids.next().into(), self.policy, self.delays.next());
        let actor = Actor::user(self.ids.next(), operator, origin);
        let key = request.as_ref().map(|request| request.key.clone());
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| {
                let receipt = undo(records, id, entry_id, policy, delay)?;
                let deed = Deed::new(AuditKind::PaymentUndone, id).about(receipt.payment.user_id);
                let (before, after) = (json!({ "state": "pending" }), json!({ "state": "failed" }));
                records.note(&actor, deed.before(before).after(after));
                Ok(receipt)
            })
        };
        self.store.decide(found.payment.scope().kept_answer(key), decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::PaymentState;
    use domain::ports::MockOrders;
    use domain::seat::SeatStatus;

    use super::*;
    use crate::testing::*;

    async fn undo_as(user: UserId, id: PaymentId) -> Result<Answered<Receipt>, UpdateError> {
        let (records, receipt) = pending_payment();
        let mut orders = MockOrders::new();
        orders
            .expect_payment()
            .returning(move |id| Ok((id == payment_id()).then(|| receipt.clone())));
        let store = store_checked(records, |records| {
            let seat = records.seats.get(&seat_id(1)).unwrap();
            assert_eq!(seat.status(now()), SeatStatus::Available);
            assert_eq!(records.accounts.get(&buyer_id()).unwrap().balance.minor_units(), 50_000);
        });
        let users = users(vec![buyer(), operator()]);
        let orders = Arc::new(orders);
        let undo = UndoPayment::new(store, ids(), orders, users, at_once(), SETTLING);
        undo.execute(user, id, None, &Origin::default()).await
    }

    #[tokio::test]
    async fn an_operator_ends_a_pending_payment_and_nobody_else_does() {
        let undone = undo_as(operator_id(), payment_id()).await.unwrap();
        assert!(matches!(undone.value.payment.state, PaymentState::Failed { .. }));
        assert_refused(undo_as(buyer_id(), payment_id()).await, &Refusal::Forbidden);
        assert_refused(undo_as(operator_id(), unknown()).await, &Refusal::NotFound);
    }
}
