use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{PaymentId, UserId};
use domain::payment::{Receipt, RefundPolicy, RefundRequest, refund};
use domain::ports::{Ids, ReturnDelays, Store, UpdateError};
use domain::provider_charge::SettlingPolicy;
use domain::records::{Records, Scope};
use serde_json::json;

/// Somebody asks for a payment of theirs back.
pub struct Refund {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    delays: Arc<dyn ReturnDelays>,
    policy: RefundPolicy,
    settling: SettlingPolicy,
}

impl Refund {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        delays: Arc<dyn ReturnDelays>,
        policy: RefundPolicy,
        settling: SettlingPolicy,
    ) -> Self {
        Self { store, ids, delays, policy, settling }
    }

    /// # Errors
    /// What [`domain::payment::refund`] refuses.
    pub async fn execute(
        &self,
        user_id: UserId,
        payment_id: PaymentId,
        request: Option<IdempotentRequest>,
        origin: &Origin,
    ) -> Result<Answered<Receipt>, UpdateError> {
        let actor = Actor::user(self.ids.next(), user_id, origin);
        let ask = RefundRequest {
            payment_id,
            entry_id: self.ids.next().into(),
            user_id,
            returns_after: self.delays.next(),
        };
        let (policy, settling) = (self.policy, self.settling);
        let scope = Scope::new()
            .payment(payment_id)
            .account(user_id)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| {
                let receipt = refund(records, &ask, policy, settling)?;
                let deed = Deed::new(AuditKind::PaymentRefunded, payment_id).about(user_id);
                let (before, after) =
                    (json!({ "state": "succeeded" }), json!({ "state": "refunded" }));
                records.note(&actor, deed.before(before).after(after));
                Ok(receipt)
            })
        };
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::payment::PayRequest;
    use domain::refusal::Refusal;
    use domain::seat::SeatStatus;

    use super::*;
    use crate::testing::*;

    fn paid() -> Records {
        let mut records = world_with_hold().0;
        let ask = PayRequest {
            id: payment_id(),
            entry_id: unknown(),
            user_id: buyer_id(),
            token_id: claims().token_id,
            reservation_id: reservation_id(),
        };
        domain::payment::pay(&mut records, &ask, None).unwrap();
        records
    }

    async fn ask(
        user: UserId,
        id: PaymentId,
        records: Records,
    ) -> Result<Answered<Receipt>, UpdateError> {
        let store = store_checked(records, |records| {
            assert_eq!(
                records.seats.get(&seat_id(1)).unwrap().status(now()),
                SeatStatus::Available
            );
            assert_eq!(records.accounts.get(&buyer_id()).unwrap().balance.minor_units(), 50_000);
        });
        let refund =
            Refund::new(store, ids(), at_once(), RefundPolicy { until_hours: 24 }, SETTLING);
        refund.execute(user, id, None, &Origin::default()).await
    }

    #[tokio::test]
    async fn a_refund_gives_the_cash_back_and_frees_the_seats() {
        let receipt = ask(buyer_id(), payment_id(), paid()).await.unwrap().value;
        let refunded = domain::payment::PaymentState::Refunded { refunded_at: now() };
        assert_eq!(receipt.payment.state, refunded);
    }

    #[tokio::test]
    async fn another_users_payment_is_as_unknown_as_nobodys() {
        assert_refused(ask(operator_id(), payment_id(), paid()).await, &Refusal::NotFound);
        assert_refused(ask(buyer_id(), unknown(), paid()).await, &Refusal::NotFound);
    }

    #[tokio::test]
    async fn a_day_before_the_show_it_is_too_late() {
        let mut records = paid();
        records.go_on_to(show().starts_at - TimeDelta::hours(24));
        assert_refused(ask(buyer_id(), payment_id(), records).await, &Refusal::NotRefundable);
    }

    #[tokio::test]
    async fn a_payment_is_given_back_once() {
        let mut records = paid();
        let ask_directly = RefundRequest {
            payment_id: payment_id(),
            entry_id: unknown(),
            user_id: buyer_id(),
            returns_after: TimeDelta::zero(),
        };
        refund(&mut records, &ask_directly, RefundPolicy { until_hours: 24 }, SETTLING).unwrap();
        assert_refused(ask(buyer_id(), payment_id(), records).await, &Refusal::NotRefundable);
    }
}
