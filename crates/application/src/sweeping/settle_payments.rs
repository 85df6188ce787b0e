use std::sync::Arc;

use domain::payment::Payment;
use domain::ports::{Clock, DueWork, GatewayWatch, Store, UpdateError};
use domain::records::Records;
use domain::top_up::TopUp;
use tokio::task::JoinSet;

use super::parts::Parts;
use crate::payment::{Owed, Settler};

/// How many payments, or top-ups, are asked about at once.
const AT_ONCE: u32 = 64;

/// Asks the payment provider about payments and top-ups that a crash or a silence left unsettled.
pub struct SettlePayments {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    clock: Arc<dyn Clock>,
    settler: Arc<Settler>,
    watch: Arc<dyn GatewayWatch>,
}

impl SettlePayments {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        clock: Arc<dyn Clock>,
        settler: Arc<Settler>,
        watch: Arc<dyn GatewayWatch>,
    ) -> Self {
        Self { store, due_work, clock, settler, watch }
    }

    /// Asks about all that it is time for, and tells how much is unsettled. Returns how many were
    /// asked about. Where there is no provider (any more) there is nobody to ask, and only told.
    ///
    /// # Errors
    /// None but the store's; a provider that does not answer is asked again later.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let mut asked = 0;
        if self.settler.has_provider() {
            asked += self.ask_about_all::<Payment>().await?;
            asked += self.ask_about_all::<TopUp>().await?;
        }
        self.watch.unsettled(self.due_work.unsettled(self.clock.now()).await?);
        Ok(asked)
    }

    async fn ask_about_all<O: Owed>(&self) -> Result<usize, UpdateError> {
        let mut asked = 0;
        loop {
            let due = O::due(self.due_work.as_ref(), self.clock.now(), AT_ONCE).await?;
            let full = u32::try_from(due.len()).is_ok_and(|count| count >= AT_ONCE);
            let mut parts = Parts::of(due);
            while let Some(part) = parts.next() {
                asked += parts.came_to(self.ask_about::<O>(part).await)?;
            }
            parts.end()?;
            if !full {
                return Ok(asked);
            }
        }
    }

    async fn ask_about<O: Owed>(&self, due: Vec<O::Id>) -> Result<usize, UpdateError> {
        if due.is_empty() {
            return Ok(0);
        }
        let policy = self.settler.policy();
        let scope = O::to_be_taken_on(&due);
        let decide =
            move |records: &mut Records| Ok((O::take_on(records, &due, policy), records.now));
        let (taken, now) = self.store.decide(scope, decide).await?;
        let asked = taken.len();
        let mut questions = JoinSet::new();
        for owed in taken {
            if owed.question().is_some_and(|question| question.is_overdue(now)) {
                self.watch.overdue(owed.charge_id());
            }
            let settler = Arc::clone(&self.settler);
            questions.spawn(async move { settler.settle_or_give_up(&owed, now).await });
        }
        while questions.join_next().await.is_some() {}
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::{PaymentState, RefundPolicy, RefundRequest, refund};
    use domain::ports::{
        MockDueWork, MockGatewayWatch, MockPaymentGateway, Unavailable, Unsettled,
    };
    use domain::provider_charge::{ProviderChargeState, SettlingPolicy, Verdict};
    use domain::settling::{hear, undo};

    use super::*;
    use crate::testing::*;

    const LEFT: Unsettled = Unsettled { pending: 2, return_due: 1, overdue: 1 };

    /// Settles, later than the first question was put off to, and returns the payment as it is then.
    async fn settle_later(
        mut records: Records,
        gateway: Option<MockPaymentGateway>,
        overdue: usize,
    ) -> Payment {
        let first = records.payments.get(&payment_id()).unwrap().provider.clone().unwrap();
        let later = match overdue {
            0 => first.question().map_or(records.now, |question| question.ask_at),
            _ => records.now + SETTLING.settle_within,
        };
        records.go_on_to(later);
        let (store, kept) = store_that_keeps(records);
        let mut due_work = MockDueWork::new();
        due_work.expect_payments_to_ask().returning(|_, _| Ok(vec![payment_id()]));
        due_work.expect_top_ups_to_ask().returning(|_, _| Ok(vec![]));
        due_work.expect_unsettled().returning(|_| Ok(LEFT));
        let mut watch = MockGatewayWatch::new();
        watch.expect_unsettled().times(1).withf(|left| *left == LEFT).return_const(());
        watch.expect_overdue().times(overdue).return_const(());
        let settler = settler(store.clone(), gateway);
        let settle =
            SettlePayments::new(store, Arc::new(due_work), clock(), settler, Arc::new(watch));
        settle.execute().await.unwrap();
        let payment = kept.lock().unwrap().payments.get(&payment_id()).cloned();
        payment.unwrap()
    }

    #[tokio::test]
    async fn what_is_pending_is_asked_about_and_settled() {
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_ask().times(1).returning(|_| Ok(Verdict::Charged));
        let payment = settle_later(pending_payment().0, Some(gateway), 0).await;
        assert_eq!(payment.state, PaymentState::Succeeded);
    }

    #[tokio::test]
    async fn a_provider_that_stays_silent_is_asked_again_later_and_an_operator_is_told_at_last() {
        for overdue in [0, 1] {
            let mut gateway = MockPaymentGateway::new();
            gateway.expect_ask().times(1).returning(|_| Err(Unavailable::because("silent")));
            let payment = settle_later(pending_payment().0, Some(gateway), overdue).await;
            assert_eq!(payment.state, PaymentState::Pending);
            assert_eq!(payment.provider.unwrap().question().unwrap().asks, 1);
        }
    }

    /// Settles a pending payment under a policy that undoes it after a minute, this many seconds after it
    /// was asked for, when the provider says that; tells whether anyone is told that it was given up.
    async fn after(
        seconds_later: i64,
        says: Result<Verdict, Unavailable>,
        given_up: usize,
    ) -> Payment {
        let policy = SettlingPolicy { undo_within: Some(seconds(60)), ..SETTLING };
        let (mut records, receipt) = pending_payment();
        records.go_on_to(receipt.payment.paid_at + seconds(seconds_later));
        let (store, kept) = store_that_keeps(records);
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_ask().times(1).returning(move |_| says.clone());
        let mut watch = MockGatewayWatch::new();
        watch.expect_called().return_const(());
        watch.expect_unsettled().return_const(());
        watch.expect_overdue().return_const(());
        watch.expect_given_up().times(given_up).return_const(());
        let watch = Arc::new(watch);
        let settler = settler_with(store.clone(), Some(gateway), watch.clone(), policy);
        let mut due_work = MockDueWork::new();
        due_work.expect_payments_to_ask().returning(|_, _| Ok(vec![payment_id()]));
        due_work.expect_top_ups_to_ask().returning(|_, _| Ok(vec![]));
        due_work.expect_unsettled().returning(|_| Ok(LEFT));
        let settle = SettlePayments::new(store, Arc::new(due_work), clock(), settler, watch);
        settle.execute().await.unwrap();
        let payment = kept.lock().unwrap().payments.get(&payment_id()).cloned();
        payment.unwrap()
    }

    #[tokio::test]
    async fn what_stays_pending_too_long_is_given_up_and_nothing_that_is_settled() {
        let silence = || Err(Unavailable::because("silent"));
        for says in [Ok(Verdict::Pending), silence()] {
            let before = after(59, says.clone(), 0).await;
            assert_eq!(before.state, PaymentState::Pending);
            // It is looked at again when its time is over, not only after the next pause.
            let asked_next = before.provider.unwrap().question().unwrap().ask_at;
            assert_eq!(asked_next, before.paid_at + seconds(60));
            let payment = after(60, says, 1).await;
            assert!(matches!(payment.state, PaymentState::Failed { .. }));
            let charge = payment.provider.unwrap().state;
            assert!(matches!(charge, ProviderChargeState::ReturnDue(_)), "{charge:?}");
        }
        let payment = after(3_600, Ok(Verdict::Charged), 0).await;
        assert_eq!(payment.state, PaymentState::Succeeded);
    }

    #[tokio::test]
    async fn what_is_due_is_given_back() {
        let (mut undone, _) = pending_payment();
        undo(&mut undone, payment_id(), unknown(), SETTLING, seconds(0)).unwrap();
        let (mut refunded, _) = pending_payment();
        hear(&mut refunded, payment_id(), &Verdict::Charged, unknown(), SETTLING).unwrap();
        let entry_id = unknown();
        let ask = RefundRequest {
            payment_id: payment_id(),
            entry_id,
            user_id: buyer_id(),
            returns_after: seconds(0),
        };
        refund(&mut refunded, &ask, RefundPolicy { until_hours: 24 }, SETTLING).unwrap();
        for records in [undone, refunded] {
            let mut gateway = MockPaymentGateway::new();
            gateway.expect_give_back().times(1).returning(|_| Ok(Verdict::Returned));
            let payment = settle_later(records, Some(gateway), 0).await;
            assert_eq!(payment.provider.unwrap().state, ProviderChargeState::Returned);
        }
    }

    #[tokio::test]
    async fn without_a_provider_it_is_only_told_what_is_unsettled() {
        let payment = settle_later(pending_payment().0, None, 0).await;
        assert_eq!(payment.provider.unwrap().question().unwrap().asks, 0);
    }

    #[tokio::test]
    async fn a_top_up_is_asked_about_and_settled_too() {
        let (mut records, asked) = pending_top_up();
        records.go_on_to(asked.charge.question().unwrap().ask_at);
        let (store, kept) = store_that_keeps(records);
        let mut gateway = MockPaymentGateway::new();
        gateway.expect_ask().times(1).returning(|_| Ok(Verdict::Unknown));
        gateway.expect_authorise().times(1).returning(|bill| {
            assert_eq!((bill.reservation_id, bill.amount.minor_units()), (None, 7_000));
            Ok(Verdict::Charged)
        });
        let mut due_work = MockDueWork::new();
        due_work.expect_payments_to_ask().returning(|_, _| Ok(vec![]));
        due_work.expect_top_ups_to_ask().returning(move |_, _| Ok(vec![asked.id]));
        due_work.expect_unsettled().returning(|_| Ok(LEFT));
        let (settler, watch) = (settler(store.clone(), Some(gateway)), gateway_watch());
        let settle = SettlePayments::new(store, Arc::new(due_work), clock(), settler, watch);
        assert_eq!(settle.execute().await.unwrap(), 1);
        let kept = kept.lock().unwrap();
        assert_eq!(kept.top_ups.iter().next().unwrap().state.name(), "succeeded");
        assert_eq!(kept.accounts.get(&buyer_id()).unwrap().balance.minor_units(), 57_000);
    }
}
