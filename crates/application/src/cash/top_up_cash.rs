use std::sync::Arc;

use domain::cash::CashPolicy;
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::UserId;
use domain::ports::{CashBook, Ids, Store, UpdateError};
use domain::provider_charge::SettlingPolicy;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::top_up::{TopUp, TopUpRequest, TopUpState, ask};

use crate::payment::Settler;

/// Somebody has the outside payment provider charge cash for their account.
pub struct TopUpCash {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    cash_book: Arc<dyn CashBook>,
    settler: Arc<Settler>,
    policy: CashPolicy,
    settling: Option<SettlingPolicy>,
}

impl TopUpCash {
    /// Over these ports; without `settling`, no provider is asked for cash.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        cash_book: Arc<dyn CashBook>,
        settler: Arc<Settler>,
        policy: CashPolicy,
        settling: Option<SettlingPolicy>,
    ) -> Self {
        Self { store, ids, cash_book, settler, policy, settling }
    }

    /// Asks the provider, and waits for its answer as long as that may take: a top-up that is still
    /// pending then is settled without the user.
    ///
    /// # Errors
    /// [`Refusal::ChargingClosed`] where no provider is asked for cash; what [`ask`] refuses;
    /// [`Refusal::TopUpFailed`] when the provider does.
    pub async fn execute(
        &self,
        user_id: UserId,
        minor_units: i64,
        request: Option<IdempotentRequest>,
    ) -> Result<Answered<TopUp>, UpdateError> {
        let (policy, settling) = (self.policy, self.settling.ok_or(Refusal::ChargingClosed)?);
        let asked = TopUpRequest { id: self.ids.next().into(), user_id, minor_units };
        let scope = Scope::new()
            .user(user_id)
            .account(user_id)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| ask(records, &asked, policy, settling))
        };
        let Answered { value, replayed } = self.store.decide(scope, decide).await?;
        let value =
            if replayed { self.outcome(value).await } else { self.first_outcome(value).await };
        value.ensure_not_failed()?;
        Ok(Answered { value, replayed })
    }

    /// What the provider says of a top-up that was just written down; the top-up as it is, still pending,
    /// when that cannot be told in time.
    async fn first_outcome(&self, asked: TopUp) -> TopUp {
        let heard = self.settler.authorise(&asked).await;
        heard.map_or(asked, |heard| heard.outcome)
    }

    /// What has become of a top-up that was asked for before; where the store cannot tell just now, the
    /// top-up as it was then, which was committed.
    async fn outcome(&self, before: TopUp) -> TopUp {
        let Ok(found) = self.cash_book.top_up(before.id).await else { return before };
        let now = found.unwrap_or(before);
        if now.state != TopUpState::Pending {
            return now;
        }
        let heard = self.settler.settle(&now).await;
        heard.map_or(now, |heard| heard.outcome)
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;
    use domain::ports::{MockCashBook, MockPaymentGateway, Unavailable};
    use domain::provider_charge::Verdict;

    use super::*;
    use crate::testing::*;

    /// Tops up by 7,000 with a key, through that gateway; returns the answer and what is left.
    async fn top_up(
        gateway: MockPaymentGateway,
        records: Records,
    ) -> (Result<Answered<TopUp>, UpdateError>, Records) {
        let (store, kept) = store_that_keeps(records);
        let mut cash_book = MockCashBook::new();
        let found = Arc::clone(&kept);
        cash_book
            .expect_top_up()
            .returning(move |id| Ok(found.lock().unwrap().top_ups.get(&id).cloned()));
        let settler = settler(store.clone(), Some(gateway));
        let top_up =
            TopUpCash::new(store, ids(), Arc::new(cash_book), settler, CASH, Some(SETTLING));
        let answer = top_up.execute(buyer_id(), 7_000, request(1)).await;
        let left = kept.lock().unwrap().clone();
        (answer, left)
    }

    fn balance(records: &Records) -> i64 {
        records.accounts.get(&buyer_id()).unwrap().balance.minor_units()
    }

    fn declined() -> Verdict {
        Verdict::Declined { reason: "no credit".into() }
    }

    fn silent() -> Result<Verdict, Unavailable> {
        Err(Unavailable::because("no answer"))
    }

    #[tokio::test]
    async fn cash_comes_in_when_the_provider_has_charged_and_not_before() {
        for (says, expected) in [
            (Ok(Verdict::Charged), ("succeeded", 57_000)),
            (Ok(Verdict::Pending), ("pending", 50_000)),
            (silent(), ("pending", 50_000)),
        ] {
            let mut gateway = MockPaymentGateway::new();
            gateway.expect_authorise().times(1).returning(move |_| says.clone());
            let (answer, left) = top_up(gateway, world()).await;
            assert_eq!((answer.unwrap().value.state.name(), balance(&left)), expected);
        }
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_authorise().returning(|_| Ok(declined()));
        let (answer, left) = top_up(gateway, world()).await;
        let top_up_id = left.top_ups.iter().next().unwrap().id;
        let refusal = Refusal::TopUpFailed { top_up_id, reason: "no credit".into() };
        assert_refused(answer, &refusal);
        assert_eq!(balance(&left), 50_000);
    }

    #[tokio::test]
    async fn the_same_key_hears_what_has_become_of_the_one_top_up() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_authorise().times(1).returning(|_| silent());
        let (_, left) = top_up(gateway, world()).await;
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_ask().times(1).returning(|_| Ok(Verdict::Charged));
        let (again, left) = top_up(gateway, left).await;
        let again = again.unwrap();
        assert_eq!((again.value.state.name(), again.replayed), ("succeeded", true));
        let (once_more, left) = top_up(MockPaymentGateway::new(), left).await;
        assert_eq!(once_more.unwrap(), again);
        assert_eq!((left.top_ups.iter().count(), balance(&left)), (1, 57_000));
    }

    #[tokio::test]
    async fn a_user_has_only_so_many_pending_and_nobody_is_asked_for_one_more() {
        let (records, _) = pending_top_up();
        let (refused, left) = top_up(MockPaymentGateway::new(), records).await;
        assert_refused(refused, &Refusal::TooManyTopUps { limit: 1 });
        assert_eq!(left.top_ups.iter().count(), 1);
    }

    #[tokio::test]
    async fn where_cash_comes_from_elsewhere_nobody_is_asked() {
        let store = store_with(world());
        let (cash_book, settler) = (Arc::new(MockCashBook::new()), settler(store.clone(), None));
        let top_up = TopUpCash::new(store, ids(), cash_book, settler, CASH, None);
        let refused = top_up.execute(buyer_id(), 1, None).await;
        assert_refused(refused, &Refusal::ChargingClosed);
        assert_eq!(CASH.balance_max, Amount::new(120_000).unwrap());
    }
}
