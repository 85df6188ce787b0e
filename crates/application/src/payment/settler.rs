use std::sync::Arc;
use std::time::Instant;

use domain::Timestamp;
use domain::audit_log::{Actor, Origin};
use domain::money::Currency;
use domain::ports::{
    Clock, GatewayCall, GatewayWatch, Ids, PaymentGateway, Store, Unavailable, UpdateError,
};
use domain::provider_charge::{SettlingPolicy, Verdict};
use domain::records::Records;
use domain::settling::Heard;

use super::owed::Owed;

/// Brings payments and top-ups to an end with the outside provider: calls it between two commits, and writes
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

    /// Has something new charged.
    ///
    /// # Errors
    /// [`UpdateError::Unavailable`] without an answer of the provider, and the store's.
    pub(crate) async fn authorise<O: Owed>(
        &self,
        owed: &O,
    ) -> Result<Heard<O::Outcome>, UpdateError> {
        let verdict = self.call(GatewayCall::Authorise, owed).await?;
        self.hear(owed, verdict).await
    }

    /// Asks about something of which nobody knows what became: what is pending is charged if the
    /// provider never heard of it, and what is due to be given back is given back.
    ///
    /// # Errors
    /// As [`Self::authorise`].
    pub(crate) async fn settle<O: Owed>(&self, owed: &O) -> Result<Heard<O::Outcome>, UpdateError> {
        let verdict = if owed.is_pending() {
            match self.call(GatewayCall::Ask, owed).await? {
                Verdict::Unknown => self.call(GatewayCall::Authorise, owed).await?,
                verdict => verdict,
            }
        } else {
            self.call(GatewayCall::GiveBack, owed).await?
        };
        self.hear(owed, verdict).await
    }

    /// Asks like [`Self::settle`] about what was taken on at `now`; then gives it up if the provider has left
    /// it pending for too long. Without an answer it stays as it is: it was put off before it was asked
    /// about.
    pub(crate) async fn settle_or_give_up<O: Owed>(&self, owed: &O, now: Timestamp) {
        let heard = self.settle(owed).await;
        let is_pending =
            heard.map_or(owed.is_pending(), |heard| O::is_left_pending(&heard.outcome));
        let undo_at = self.policy.undo_at(owed.asked_at());
        if !is_pending || undo_at.is_none_or(|undo_at| now < undo_at) {
            return;
        }
        let (owed, entry_id, policy) = (owed.clone(), self.ids.next().into(), self.policy);
        let (id, scope) = (owed.charge_id(), owed.scope());
        // Nobody asked for it.
        let actor = Actor::nobody(self.ids.next(), &Origin::default());
        let decide = move |records: &mut Records| owed.give_up(records, entry_id, &actor, policy);
        if self.store.decide(scope, decide).await.is_ok() {
            self.watch.given_up(id);
        }
    }

    async fn call<O: Owed>(&self, call: GatewayCall, owed: &O) -> Result<Verdict, Unavailable> {
        let Some(gateway) = &self.gateway else {
            return Err(Unavailable::because("no payment provider is configured"));
        };
        let bill = owed.bill(self.currency);
        let started = Instant::now();
        let verdict = match call {
            GatewayCall::Authorise => gateway.authorise(&bill).await,
            GatewayCall::Ask => gateway.ask(bill.charge_id).await,
            GatewayCall::GiveBack => gateway.give_back(&bill).await,
        };
        self.watch.called(call, verdict.is_ok(), started.elapsed());
        verdict
    }

    async fn hear<O: Owed>(
        &self,
        owed: &O,
        verdict: Verdict,
    ) -> Result<Heard<O::Outcome>, UpdateError> {
        let (of, entry_id, policy) = (owed.clone(), self.ids.next().into(), self.policy);
        let decide = move |records: &mut Records| of.hear(records, &verdict, entry_id, policy);
        let heard = self.store.decide(owed.scope(), decide).await?;
        self.look_at(owed, &heard);
        Ok(heard)
    }

    /// Has a person look at what nothing follows from.
    pub(crate) fn look_at<O: Owed>(&self, owed: &O, heard: &Heard<O::Outcome>) {
        if heard.contradicts {
            self.watch.contradicted(owed.charge_id());
        }
    }
}
