use std::sync::Arc;
use std::time::Instant;

use domain::Timestamp;
use domain::money::Currency;
use domain::payment::{Payment, PaymentState};
use domain::ports::{
    Bill, Clock, GatewayCall, GatewayWatch, Ids, PaymentGateway, Store, Unavailable, UpdateError,
};
use domain::provider_charge::{SettlingPolicy, Verdict};
use domain::records::{Records, Scope};
use domain::settling::{Heard, give_up, hear};

/// Brings payments to an end with the outside provider: calls it between two commits, and writes
/// down what it said.
pub struct Settler {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    gateway: Option<Arc<dyn PaymentGateway>>,
    watch: Arc<dyn GatewayWatch>,
    policy: SettlingPolicy,
    currency: Currency,
}

impl Settler {
    /// Over these ports; without a `gateway`, cash alone pays.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        clock: Arc<dyn Clock>,
        gateway: Option<Arc<dyn PaymentGateway>>,
        watch: Arc<dyn GatewayWatch>,
        policy: SettlingPolicy,
        currency: Currency,
    ) -> Self {
        Self { store, ids, clock, gateway, watch, policy, currency }
    }

    /// How new payments are settled: by the provider, or at once where there is none.
    pub(crate) fn for_new_payments(&self) -> Option<SettlingPolicy> {
        self.gateway.as_ref().map(|_| self.policy)
    }

    /// How what the provider owes is settled.
    pub(crate) const fn policy(&self) -> SettlingPolicy {
        self.policy
    }

    /// Whether there is a provider to ask.
    pub(crate) const fn has_provider(&self) -> bool {
        self.gateway.is_some()
    }

    /// What proves in `signature` that the provider sent `body` a short while ago.
    pub(crate) fn prove(&self, signature: &str, body: &[u8]) -> Option<String> {
        self.gateway.as_ref()?.prove(signature, body, self.clock.now())
    }

    /// Has a new payment charged.
    ///
    /// # Errors
    /// [`UpdateError::Unavailable`] without an answer of the provider, and the store's.
    pub(crate) async fn authorise(&self, payment: &Payment) -> Result<Heard, UpdateError> {
        let verdict = self.call(GatewayCall::Authorise, payment).await?;
        self.hear(payment, verdict).await
    }

    /// Asks about a payment of which nobody knows what became: what is pending is charged if the
    /// provider never heard of it, and what is due to be given back is given back.
    ///
    /// # Errors
    /// As [`Self::authorise`].
    pub(crate) async fn settle(&self, payment: &Payment) -> Result<Heard, UpdateError> {
        let verdict = match payment.state {
            PaymentState::Pending => match self.call(GatewayCall::Ask, payment).await? {
                Verdict::Unknown => self.call(GatewayCall::Authorise, payment).await?,
                verdict => verdict,
            },
            PaymentState::Succeeded
            | PaymentState::Failed { .. }
            | PaymentState::Refunded { .. } => self.call(GatewayCall::GiveBack, payment).await?,
        };
        self.hear(payment, verdict).await
    }

    /// Asks about a payment like [`Self::settle`], for whoever has taken it on at `now`; then gives it up if
    /// the provider has left it pending for too long. Without an answer it stays as it is: it was put off
    /// before it was asked about.
    pub(crate) async fn settle_or_give_up(&self, payment: &Payment, now: Timestamp) {
        let heard = self.settle(payment).await;
        let state = heard.as_ref().map_or(&payment.state, |heard| &heard.receipt.payment.state);
        let undo_at = self.policy.undo_at(payment.asked_at());
        if *state != PaymentState::Pending || undo_at.is_none_or(|undo_at| now < undo_at) {
            return;
        }
        let (id, entry_id, policy) = (payment.id, self.ids.next().into(), self.policy);
        let decide = move |records: &mut Records| give_up(records, id, entry_id, policy);
        if self.store.decide(about(payment), decide).await.is_ok() {
            self.watch.given_up(id);
        }
    }

    async fn call(&self, call: GatewayCall, payment: &Payment) -> Result<Verdict, Unavailable> {
        let Some(gateway) = &self.gateway else {
            return Err(Unavailable::because("no payment provider is configured"));
        };
        let bill = Bill {
            payment_id: payment.id,
            user_id: payment.user_id,
            reservation_id: payment.reservation_id,
            amount: payment.amount,
            currency: self.currency,
        };
        let started = Instant::now();
        let verdict = match call {
            GatewayCall::Authorise => gateway.authorise(&bill).await,
            GatewayCall::Ask => gateway.ask(payment.id).await,
            GatewayCall::GiveBack => gateway.give_back(&bill).await,
        };
        self.watch.called(call, verdict.is_ok(), started.elapsed());
        verdict
    }

    async fn hear(&self, payment: &Payment, verdict: Verdict) -> Result<Heard, UpdateError> {
        let (id, entry_id, policy) = (payment.id, self.ids.next().into(), self.policy);
        let decide = move |records: &mut Records| hear(records, id, &verdict, entry_id, policy);
        let heard = self.store.decide(about(payment), decide).await?;
        self.look_at(&heard);
        Ok(heard)
    }

    /// Has a person look at what nothing follows from.
    pub(crate) fn look_at(&self, heard: &Heard) {
        if heard.contradicts {
            self.watch.contradicted(heard.receipt.payment.id);
        }
    }
}

/// What has to be seen when a payment is settled.
pub(crate) fn about(payment: &Payment) -> Scope {
    let token = payment.provider.as_ref().map(|charge| charge.token_id);
    Scope::new().payment(payment.id).account(payment.user_id).tokens(token)
}
