use std::sync::Arc;

use domain::idempotency::{Fingerprint, IdempotencyKey, IdempotentRequest, once};
use domain::ids::PaymentId;
use domain::ports::{Ids, Orders, Store, UpdateError};
use domain::provider_charge::Verdict;
use domain::records::Records;
use domain::refusal::Refusal;
use domain::settling::hear;

use super::settler::{Settler, about};

/// The payment provider says by itself what became of a payment.
pub struct HearNotice {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    orders: Arc<dyn Orders>,
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
        settler: Arc<Settler>,
    ) -> Self {
        Self { store, ids, orders, settler }
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

    /// Writes down what the provider said.
    ///
    /// # Errors
    /// [`Refusal::NoticeReplayed`] for the very same notice; [`Refusal::NotFound`] of a payment
    /// that there is not, or about which no provider was asked.
    pub async fn execute(
        &self,
        signature: ProvenSignature,
        id: PaymentId,
        verdict: Verdict,
    ) -> Result<(), UpdateError> {
        let receipt = self.orders.payment(id).await?.ok_or(Refusal::NotFound)?;
        let payment = receipt.payment;
        let key = IdempotencyKey {
            user_id: payment.user_id,
            call: "POST /api/gateway/notices".to_owned(),
            key: signature.0,
        };
        const SAME: Fingerprint = [0; 32];
        let request = IdempotentRequest { key: key.clone(), fingerprint: SAME };
        let (entry_id, policy) = (self.ids.next().into(), self.settler.policy());
        let decide = move |records: &mut Records| {
            let mut heard = None;
            once(records, Some(&request), |records| {
                heard = Some(hear(records, id, &verdict, entry_id, policy)?);
                Ok(())
            })?;
            // What came before is not heard once more.
            heard.ok_or(Refusal::NoticeReplayed)
        };
        let heard = self.store.decide(about(&payment).kept_answer(Some(key)), decide).await?;
        self.settler.look_at(&heard);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::{PaymentState, Receipt};
    use domain::ports::{MockOrders, MockPaymentGateway};

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
        HearNotice::new(store, ids(), Arc::new(orders), settler)
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
        hear.execute(signature.clone(), payment_id(), Verdict::Charged).await.unwrap();
        let state = kept.lock().unwrap().payments.get(&payment_id()).unwrap().state.clone();
        assert_eq!(state, PaymentState::Succeeded);
        let again = hear.execute(signature, payment_id(), Verdict::Charged).await;
        assert_refused(again, &Refusal::NoticeReplayed);
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
        let told = in_cash.execute(signature(), payment_id(), Verdict::Charged).await;
        assert_refused(told, &Refusal::NotFound);
    }
}
