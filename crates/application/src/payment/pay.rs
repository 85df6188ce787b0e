use std::sync::Arc;

use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::ReservationId;
use domain::payment::{PayRequest, PaymentState, Receipt, pay};
use domain::ports::{Ids, Orders, QueueClaims, Store, UpdateError};
use domain::provider_charge::SettlingPolicy;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;

use super::settler::Settler;
use crate::queue::Gate;

/// Somebody who was let in pays for a reservation of theirs.
pub struct Pay {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    orders: Arc<dyn Orders>,
    gate: Arc<Gate>,
    settler: Arc<Settler>,
    settling: Option<SettlingPolicy>,
}

impl Pay {
    /// Over these ports; with `settling`, an outside provider has to agree to each payment.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        orders: Arc<dyn Orders>,
        gate: Arc<Gate>,
        settler: Arc<Settler>,
        settling: Option<SettlingPolicy>,
    ) -> Self {
        Self { store, ids, orders, gate, settler, settling }
    }

    /// Pays, and where there is an outside provider waits for its answer as long as that may take:
    /// a payment that is still pending then is settled without the buyer.
    ///
    /// # Errors
    /// What [`domain::payment::pay`] refuses; [`Refusal::PaymentFailed`] when the provider does.
    pub async fn execute(
        &self,
        claims: &QueueClaims,
        reservation_id: ReservationId,
        request: Option<IdempotentRequest>,
    ) -> Result<Answered<Receipt>, UpdateError> {
        let ask = PayRequest {
            id: self.ids.next().into(),
            entry_id: self.ids.next().into(),
            user_id: claims.user_id,
            token_id: claims.token_id,
            reservation_id,
        };
        let scope = Scope::new()
            .token(ask.token_id)
            .reservation(reservation_id)
            .account(ask.user_id)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        let settling = self.settling;
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| pay(records, &ask, settling))
        };
        let asked = self.store.decide(scope, decide).await;
        let Answered { value, replayed } = self.gate.with_position(claims, asked).await?;
        if value.payment.state != PaymentState::Pending {
            return Ok(Answered { value, replayed });
        }
        let is_new = !replayed && value.payment.id == ask.id;
        let value =
            if is_new { self.first_outcome(value).await } else { self.outcome(value).await };
        match value.payment.state {
            PaymentState::Failed { reason, .. } => {
                Err(Refusal::PaymentFailed { payment_id: value.payment.id, reason }.into())
            }
            _ => Ok(Answered { value, replayed }),
        }
    }

    /// What the provider says of a payment that was just written down; the payment as it is, still
    /// pending, when that cannot be told in time.
    async fn first_outcome(&self, asked: Receipt) -> Receipt {
        let heard = self.settler.authorise(&asked.payment).await;
        heard.map_or(asked, |heard| heard.outcome)
    }

    /// What has become of a payment that was asked for before; where the store cannot tell just now,
    /// the payment as it was then, which was committed.
    async fn outcome(&self, before: Receipt) -> Receipt {
        let Ok(found) = self.orders.payment(before.payment.id).await else { return before };
        let now = found.unwrap_or(before);
        if now.payment.state != PaymentState::Pending {
            return now.as_paid();
        }
        let heard = self.settler.settle(&now.payment).await;
        heard.map_or(now, |heard| heard.outcome)
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;
    use domain::ports::{MockOrders, MockPaymentGateway, Unavailable};
    use domain::provider_charge::Verdict;
    use domain::refusal::Refusal;
    use domain::reservation::ReservationStatus;
    use domain::seat::SeatStatus;
    use domain::waiting_token::{Standing, WaitingToken};

    use super::*;
    use crate::testing::*;

    fn held() -> Records {
        world_with_hold().0
    }

    async fn pay_for(
        id: ReservationId,
        records: Records,
        check: impl Fn(&Records) + Send + Sync + 'static,
    ) -> Result<Answered<Receipt>, UpdateError> {
        let gate = Arc::new(gate(lines(Some(waiting_token()), 2)));
        let store = store_checked(records, check);
        let settler = settler(store.clone(), None);
        let pay = Pay::new(store, ids(), Arc::new(MockOrders::new()), gate, settler, None);
        pay.execute(&claims(), id, None).await
    }

    async fn refused(records: Records, refusal: &Refusal) {
        assert_refused(pay_for(reservation_id(), records, |_| ()).await, refusal);
    }

    #[tokio::test]
    async fn a_payment_takes_the_cash_sells_the_seats_and_ends_the_token() {
        let paid = pay_for(reservation_id(), held(), |records| {
            assert_eq!(records.seats.get(&seat_id(1)).unwrap().status(now()), SeatStatus::Sold);
            assert_eq!(
                records.tokens.get(&claims().token_id).unwrap().standing(now()),
                Standing::Done
            );
            assert_eq!(records.accounts.get(&buyer_id()).unwrap().balance, Amount::ZERO);
            assert_eq!(records.entries.iter().count(), 1);
        });
        let receipt = paid.await.unwrap().value;
        assert_eq!(receipt.payment.balance_before.minor_units(), 50_000);
        assert_eq!(receipt.payment.balance_after, Amount::ZERO);
        assert_eq!(receipt.reservation.status(now()), ReservationStatus::Confirmed);
    }

    #[tokio::test]
    async fn too_little_cash_is_refused_and_the_hold_stays() {
        let mut records = held();
        let balance = Amount::new(49_999).unwrap();
        records.accounts.get_mut(&buyer_id()).unwrap().balance = balance;
        let amount = Amount::new(50_000).unwrap();
        refused(records, &Refusal::InsufficientBalance { balance, amount }).await;
    }

    #[tokio::test]
    async fn a_hold_that_is_over_cannot_be_paid_for() {
        let (mut records, held) = world_with_hold();
        records.go_on_to(held.held_until);
        refused(records, &Refusal::HoldExpired).await;
    }

    #[tokio::test]
    async fn who_comes_back_to_pay_again_is_told_which_payment_it_was() {
        let mut records = held();
        let paid = domain::payment::pay(
            &mut records,
            &PayRequest {
                id: unknown(),
                entry_id: unknown(),
                user_id: buyer_id(),
                token_id: claims().token_id,
                reservation_id: reservation_id(),
            },
            None,
        );
        refused(records.clone(), &Refusal::TokenExpired).await;
        records.tokens.put(active_token());
        let payment_id = paid.unwrap().payment.id;
        refused(records, &Refusal::AlreadyPaid { payment_id }).await;
    }

    #[tokio::test]
    async fn another_users_reservation_is_as_unknown_as_nobodys() {
        let mut records = held();
        records.reservations.get_mut(&reservation_id()).unwrap().user_id = operator_id();
        refused(records, &Refusal::NotFound).await;
        let nobodys = pay_for(unknown(), held(), |_| ()).await;
        assert_refused(nobodys, &Refusal::NotFound);
    }

    #[tokio::test]
    async fn only_an_active_token_of_the_room_pays() {
        let elsewhere = WaitingToken { room_id: other_room(), ..active_token() };
        for (token, refusal) in [
            (elsewhere, Refusal::WrongRoom),
            (waiting_token(), Refusal::NotAdmitted { position: Some(3) }),
            (run_out_token(), Refusal::TokenExpired),
            (done_token(), Refusal::TokenExpired),
        ] {
            let mut records = held();
            records.tokens.put(token);
            refused(records, &refusal).await;
        }
    }

    /// Pays through a provider, with a key, and returns the answer and what is left in the store.
    async fn pay_through(
        gateway: MockPaymentGateway,
        records: Records,
    ) -> (Result<Answered<Receipt>, UpdateError>, Records) {
        let (store, kept) = store_that_keeps(records);
        let found = Arc::clone(&kept);
        let mut orders = MockOrders::new();
        orders.expect_payment().returning(move |id| {
            let records = found.lock().unwrap();
            let payment = records.payments.get(&id).cloned();
            let reservation = records.reservations.get(&reservation_id()).cloned();
            Ok(payment
                .zip(reservation)
                .map(|(payment, reservation)| Receipt { payment, reservation }))
        });
        let gate = Arc::new(gate(lines(None, 0)));
        let settler = settler(store.clone(), Some(gateway));
        let pay = Pay::new(store, ids(), Arc::new(orders), gate, settler, Some(SETTLING));
        let answer = pay.execute(&claims(), reservation_id(), request(1)).await;
        let left = kept.lock().unwrap().clone();
        (answer, left)
    }

    fn silent() -> Result<Verdict, Unavailable> {
        Err(Unavailable::because("no answer"))
    }

    fn declined() -> Verdict {
        Verdict::Declined { reason: "no credit".into() }
    }

    fn failed(records: &Records) -> Refusal {
        let payment_id = records.payments.iter().next().unwrap().id;
        Refusal::PaymentFailed { payment_id, reason: "no credit".into() }
    }

    #[tokio::test]
    async fn a_provider_is_asked_once_the_payment_is_written_down_and_its_yes_confirms() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_authorise().times(1).returning(|bill| {
            assert_eq!((bill.amount.minor_units(), bill.user_id), (50_000, buyer_id()));
            Ok(Verdict::Charged)
        });
        let (paid, left) = pay_through(gateway, held()).await;
        let receipt = paid.unwrap().value;
        assert_eq!(receipt.payment.state, PaymentState::Succeeded);
        assert_eq!(receipt.reservation.status(now()), ReservationStatus::Confirmed);
        assert_eq!(left.seats.get(&seat_id(1)).unwrap().status(now()), SeatStatus::Sold);
    }

    #[tokio::test]
    async fn a_provider_that_refuses_is_told_with_its_reason_and_nothing_is_taken() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_authorise().times(1).returning(|_| Ok(declined()));
        let (paid, left) = pay_through(gateway, held()).await;
        assert_refused(paid, &failed(&left));
        assert_eq!(left.accounts.get(&buyer_id()).unwrap().balance.minor_units(), 50_000);
        assert_eq!(left.seats.get(&seat_id(1)).unwrap().status(now()), SeatStatus::Available);
    }

    #[tokio::test]
    async fn a_provider_that_is_silent_leaves_the_payment_pending() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_authorise().times(1).returning(|_| silent());
        let (paid, left) = pay_through(gateway, held()).await;
        assert_eq!(paid.unwrap().value.payment.state, PaymentState::Pending);
        assert_eq!(left.accounts.get(&buyer_id()).unwrap().balance, Amount::ZERO);
        assert_eq!(left.seats.get(&seat_id(1)).unwrap().status(now()), SeatStatus::Held);
    }

    #[tokio::test]
    async fn who_comes_back_with_the_same_key_hears_what_has_become_of_it() {
        for (verdict, answers) in
            [(Verdict::Charged, Some(PaymentState::Succeeded)), (declined(), None)]
        {
            let mut gateway = MockPaymentGateway::new();
            gateway.expect_authorise().times(1).returning(|_| silent());
            let (_, left) = pay_through(gateway, held()).await;
            let mut gateway = MockPaymentGateway::new();
            gateway.expect_ask().times(1).returning(move |_| Ok(verdict.clone()));
            let (again, left) = pay_through(gateway, left).await;
            match answers {
                Some(state) => {
                    let again = again.unwrap();
                    assert_eq!((again.value.payment.state, again.replayed), (state, true));
                }
                None => assert_refused(again, &failed(&left)),
            }
            let (once_more, left) = pay_through(MockPaymentGateway::new(), left).await;
            match once_more {
                Ok(again) => assert_eq!(again.value.payment.state, PaymentState::Succeeded),
                refused => assert_refused(refused, &failed(&left)),
            }
        }
    }

    #[tokio::test]
    async fn what_the_provider_never_heard_of_is_charged_when_it_is_asked_about() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_ask().times(1).returning(|_| Ok(Verdict::Unknown));
        gateway.expect_authorise().times(1).returning(|_| Ok(Verdict::Charged));
        let (paid, _) = pay_through(gateway, pending_payment().0).await;
        assert_eq!(paid.unwrap().value.payment.state, PaymentState::Succeeded);
    }

    #[tokio::test]
    async fn the_same_key_gets_the_payment_as_it_was_though_it_is_refunded_since() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_authorise().returning(|_| Ok(Verdict::Charged));
        let (paid, mut left) = pay_through(gateway, held()).await;
        let paid = paid.unwrap().value;
        let ask = domain::payment::RefundRequest {
            payment_id: paid.payment.id,
            entry_id: unknown(),
            user_id: buyer_id(),
            returns_after: seconds(0),
        };
        let policy = domain::payment::RefundPolicy { until_hours: 24 };
        domain::payment::refund(&mut left, &ask, policy, SETTLING).unwrap();
        let (again, _) = pay_through(MockPaymentGateway::new(), left).await;
        assert_eq!(again.unwrap().value.payment.state, PaymentState::Succeeded);
    }
}
