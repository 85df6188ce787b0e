use std::sync::Arc;

use domain::idempotency::{Fingerprint, IdempotencyKey, IdempotentRequest, once};
use domain::ports::{CashBook, Ids, Orders, Store, UpdateError};
use domain::provider_charge::Verdict;
use domain::records::Records;
use domain::refusal::Refusal;
use uuid::Uuid;

use super::owed::Owed;
use super::settler::Settler;

/// The payment provider says by itself what became of a payment or a top-up.
pub struct HearNotice {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    orders: Arc<dyn Orders>,
    cash_book: Arc<dyn CashBook>,
    settler: Arc<Settler>,
}

/// What proved where a notice came from; the same for the very same notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenSignature(String);

impl HearNotice {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        orders: Arc<dyn Orders>,
        cash_book: Arc<dyn CashBook>,
        settler: Arc<Settler>,
    ) -> Self {
        Self { store, ids, orders, cash_book, settler }
    }

    /// Makes sure that a notice comes from the provider, before anybody looks inside.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is no provider; [`Refusal::InvalidSignature`] unless the
    /// signature is the provider's, over this very body, and not old.
    pub fn prove(&self, signature: Option<&str>, body: &[u8]) -> Result<ProvenSignature, Refusal> {
        if !self.settler.has_provider() {
            return Err(Refusal::NotFound);
        }
        let proven = signature.and_then(|signature| self.settler.prove(signature, body));
        Ok(ProvenSignature(proven.ok_or(Refusal::InvalidSignature)?))
    }

    /// Writes down what the provider said of a payment or a top-up.
    ///
    /// # Errors
    /// [`Refusal::NoticeReplayed`] for the very same notice; [`Refusal::NotFound`] of a charge
    /// that there is not, or about which no provider was asked.
    pub async fn execute(
        &self,
        signature: ProvenSignature,
        id: Uuid,
        verdict: Verdict,
    ) -> Result<(), UpdateError> {
        if let Some(receipt) = self.orders.payment(id.into()).await? {
            return self.hear(receipt.payment, signature, verdict).await;
        }
        let top_up = self.cash_book.top_up(id.into()).await?.ok_or(Refusal::NotFound)?;
        self.hear(top_up, signature, verdict).await
    }

    async fn hear<O: Owed>(
        &self,
        owed: O,
        signature: ProvenSignature,
        verdict: Verdict,
    ) -> Result<(), UpdateError> {
        let key = IdempotencyKey {
            user_id: owed.user_id(),
            call: "POST /api/gateway/notices".to_owned(),
            key: signature.0,
        };
        const SAME: Fingerprint = [0; 32];
        let request = IdempotentRequest { key: key.clone(), fingerprint: SAME };
        let (entry_id, policy) = (self.ids.next().into(), self.settler.policy());
        let of = owed.clone();
        let decide = move |records: &mut Records| {
            let mut heard = None;
            once(records, Some(&request), |records| {
                heard = Some(of.hear(records, &verdict, entry_id, policy)?);
                Ok(())
            })?;
            // What came before is not heard once more.
            heard.ok_or(Refusal::NoticeReplayed)
        };
        let heard = self.store.decide(owed.scope().kept_answer(Some(key)), decide).await?;
        self.settler.look_at(&owed, &heard);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::{PaymentState, Receipt};
    use domain::ports::{MockCashBook, MockOrders, MockPaymentGateway};

    use super::*;
    use crate::testing::*;

    /// The provider signs everything with "mine".
    fn hear_notice(records: Records, receipt: Receipt) -> HearNotice {
        let (store, _) = store_that_keeps(records);
        let mut gateway = MockPaymentGateway::new();
        let prove = |signature: &str| (signature == "mine").then(|| "proven".to_owned());
        gateway.expect_prove().returning(move |signature, _, _| prove(signature));
        let settler = settler(store.clone(), Some(gateway));
        let mut orders = MockOrders::new();
        orders
            .expect_payment()
            .returning(move |id| Ok((id == payment_id()).then(|| receipt.clone())));
        let mut cash_book = MockCashBook::new();
        cash_book.expect_top_up().returning(|_| Ok(None));
        HearNotice::new(store, ids(), Arc::new(orders), Arc::new(cash_book), settler)
    }

    fn pending() -> HearNotice {
        let (records, receipt) = pending_payment();
        hear_notice(records, receipt)
    }

    #[tokio::test]
    async fn a_notice_settles_at_once_and_the_very_same_is_refused() {
        let (records, receipt) = pending_payment();
        let (store, kept) = store_that_keeps(records);
        let hear = HearNotice { store, ..hear_notice(Records::at(now()), receipt) };
        let signature = hear.prove(Some("mine"), b"{}").unwrap();
        hear.execute(signature.clone(), payment_id().into(), Verdict::Charged).await.unwrap();
        let state = kept.lock().unwrap().payments.get(&payment_id()).unwrap().state.clone();
        assert_eq!(state, PaymentState::Succeeded);
        let again = hear.execute(signature, payment_id().into(), Verdict::Charged).await;
        assert_refused(again, &Refusal::NoticeReplayed);
    }

    #[tokio::test]
    async fn a_notice_of_a_top_up_credits_the_account_once() {
        let (records, asked) = pending_top_up();
        let (store, kept) = store_that_keeps(records);
        let mut orders = MockOrders::new();
        orders.expect_payment().returning(|_| Ok(None));
        let mut cash_book = MockCashBook::new();
        let found = asked.clone();
        cash_book.expect_top_up().returning(move |id| Ok((id == found.id).then(|| found.clone())));
        let settler = settler(store.clone(), Some(MockPaymentGateway::new()));
        let (orders, cash_book) = (Arc::new(orders), Arc::new(cash_book));
        let hear = HearNotice::new(store, ids(), orders, cash_book, settler);
        let signature = |text: &str| ProvenSignature(text.to_owned());
        for text in ["first", "second"] {
            hear.execute(signature(text), asked.id.into(), Verdict::Charged).await.unwrap();
        }
        let again = hear.execute(signature("second"), asked.id.into(), Verdict::Charged).await;
        assert_refused(again, &Refusal::NoticeReplayed);
        let balance = kept.lock().unwrap().accounts.get(&buyer_id()).unwrap().balance;
        assert_eq!(balance.minor_units(), 57_000);
    }

    #[tokio::test]
    async fn only_what_the_provider_signed_is_looked_at() {
        let hear = pending();
        for wrong in [None, Some(""), Some("yours")] {
            assert_eq!(hear.prove(wrong, b"{}"), Err(Refusal::InvalidSignature));
        }
        let mute = HearNotice { settler: settler(store_with(empty()), None), ..hear };
        assert_eq!(mute.prove(Some("mine"), b"{}"), Err(Refusal::NotFound));
    }

    #[tokio::test]
    async fn a_notice_of_nobodys_payment_and_of_one_in_cash_is_refused() {
        let hear = pending();
        let signature = || hear.prove(Some("mine"), b"{}").unwrap();
        let nobodys = hear.execute(signature(), unknown(), Verdict::Charged).await;
        assert_refused(nobodys, &Refusal::NotFound);
        let (mut records, mut receipt) = pending_payment();
        receipt.payment.provider = None;
        records.payments.put(receipt.payment.clone());
        let in_cash = hear_notice(records, receipt);
        let told = in_cash.execute(signature(), payment_id().into(), Verdict::Charged).await;
        assert_refused(told, &Refusal::NotFound);
    }
}
