use std::sync::Arc;

use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::ReservationId;
use domain::payment::{PayRequest, Receipt, pay};
use domain::ports::{Ids, QueueClaims, Store, UpdateError};
use domain::records::{Records, Scope};

use crate::queue::Gate;

/// Somebody who was let in pays for a reservation of theirs.
pub struct Pay {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    gate: Arc<Gate>,
}

impl Pay {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: Arc<dyn Ids>, gate: Arc<Gate>) -> Self {
        Self { store, ids, gate }
    }

    /// # Errors
    /// What [`domain::payment::pay`] refuses.
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
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| pay(records, &ask))
        };
        let paid = self.store.decide(scope, decide).await;
        self.gate.with_position(claims, paid).await
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;
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
        let pay = Pay::new(store_checked(records, check), ids(), gate);
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
        records.now = held.held_until;
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
}
