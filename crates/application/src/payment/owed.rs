use domain::Timestamp;
use domain::audit_log::{Actor, AuditKind, Deed};
use domain::ids::{ChargeId, EntryId, PaymentId, TopUpId, UserId};
use domain::money::Currency;
use domain::payment::{Payment, PaymentState, Receipt};
use domain::ports::{Bill, DueWork, Unavailable};
use domain::provider_charge::{ProviderCharge, Question, SettlingPolicy, Verdict};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::settling::{self, Heard};
use domain::top_up::{self, TopUp, TopUpState};
use serde_json::json;
use uuid::Uuid;

/// What an outside provider may owe an answer about: a payment or a top-up.
pub(crate) trait Owed: Clone + Send + Sync + 'static {
    /// What it is found by.
    type Id: Copy + Send + Sync + 'static;
    /// What is told of it once the provider was heard.
    type Outcome: Send + Sync + 'static;

    /// What names it at the provider.
    fn charge_id(&self) -> ChargeId;
    /// Who pays.
    fn user_id(&self) -> UserId;
    /// What the provider is asked to charge, or to give back.
    fn bill(&self, currency: Currency) -> Bill;
    /// Whether the provider is asked to charge; else it is asked to give back.
    fn is_pending(&self) -> bool;
    /// Whether it is pending after the provider was heard.
    fn is_left_pending(outcome: &Self::Outcome) -> bool;
    /// When the provider was first asked.
    fn asked_at(&self) -> Timestamp;
    /// What the provider owes an answer to.
    fn question(&self) -> Option<&Question>;
    /// What has to be seen when it is settled.
    fn scope(&self) -> Scope;

    /// Those about which the provider is to be asked.
    fn due(
        due_work: &dyn DueWork,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Self::Id>, Unavailable>> + Send;
    /// What has to be seen when they are taken on.
    fn to_be_taken_on(ids: &[Self::Id]) -> Scope;
    /// Takes them on: see [`settling::take_on`].
    fn take_on(records: &mut Records, ids: &[Self::Id], policy: SettlingPolicy) -> Vec<Self>;

    /// Writes down what the provider said.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where the provider was never asked about it.
    fn hear(
        &self,
        records: &mut Records,
        verdict: &Verdict,
        entry_id: EntryId,
        policy: SettlingPolicy,
    ) -> Result<Heard<Self::Outcome>, Refusal>;
    /// Undoes what is pending for too long.
    ///
    /// # Errors
    /// [`Refusal::NotPending`] where it is not, or not for so long.
    fn give_up(
        &self,
        records: &mut Records,
        entry_id: EntryId,
        actor: &Actor,
        policy: SettlingPolicy,
    ) -> Result<(), Refusal>;
}

/// What the audit log is told of something pending that was ended.
pub(crate) fn undone(
    kind: AuditKind,
    id: impl Into<Uuid>,
    user_id: UserId,
    state: &'static str,
) -> Deed {
    let (before, after) = (json!({ "state": "pending" }), json!({ "state": state }));
    Deed::new(kind, id).about(user_id).before(before).after(after)
}

impl Owed for Payment {
    type Id = PaymentId;
    type Outcome = Receipt;

    fn charge_id(&self) -> ChargeId {
        self.id.into()
    }

    fn user_id(&self) -> UserId {
        self.user_id
    }

    fn bill(&self, currency: Currency) -> Bill {
        Bill {
            charge_id: self.id.into(),
            user_id: self.user_id,
            reservation_id: Some(self.reservation_id),
            amount: self.amount,
            currency,
        }
    }

    fn is_pending(&self) -> bool {
        self.state == PaymentState::Pending
    }

    fn is_left_pending(outcome: &Receipt) -> bool {
        outcome.payment.is_pending()
    }

    fn asked_at(&self) -> Timestamp {
        self.asked_at()
    }

    fn question(&self) -> Option<&Question> {
        self.provider.as_ref().and_then(ProviderCharge::question)
    }

    fn scope(&self) -> Scope {
        let token = self.provider.as_ref().map(|charge| charge.token_id);
        Scope::new().payment(self.id).account(self.user_id).tokens(token)
    }

    async fn due(
        due_work: &dyn DueWork,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PaymentId>, Unavailable> {
        due_work.payments_to_ask(now, limit).await
    }

    fn to_be_taken_on(ids: &[PaymentId]) -> Scope {
        ids.iter().fold(Scope::new(), |scope, id| scope.payment(*id))
    }

    fn take_on(records: &mut Records, ids: &[PaymentId], policy: SettlingPolicy) -> Vec<Self> {
        settling::take_on(records, ids, policy)
    }

    fn hear(
        &self,
        records: &mut Records,
        verdict: &Verdict,
        entry_id: EntryId,
        policy: SettlingPolicy,
    ) -> Result<Heard<Receipt>, Refusal> {
        settling::hear(records, self.id, verdict, entry_id, policy)
    }

    fn give_up(
        &self,
        records: &mut Records,
        entry_id: EntryId,
        actor: &Actor,
        policy: SettlingPolicy,
    ) -> Result<(), Refusal> {
        settling::give_up(records, self.id, entry_id, policy)?;
        records.note(actor, undone(AuditKind::PaymentUndone, self.id, self.user_id, "failed"));
        Ok(())
    }
}

impl Owed for TopUp {
    type Id = TopUpId;
    type Outcome = Self;

    fn charge_id(&self) -> ChargeId {
        self.id.into()
    }

    fn user_id(&self) -> UserId {
        self.user_id
    }

    fn bill(&self, currency: Currency) -> Bill {
        Bill {
            charge_id: self.id.into(),
            user_id: self.user_id,
            reservation_id: None,
            amount: self.amount,
            currency,
        }
    }

    fn is_pending(&self) -> bool {
        self.state == TopUpState::Pending
    }

    fn is_left_pending(outcome: &Self) -> bool {
        outcome.is_pending()
    }

    fn asked_at(&self) -> Timestamp {
        self.asked_at()
    }

    fn question(&self) -> Option<&Question> {
        self.charge.question()
    }

    fn scope(&self) -> Scope {
        Scope::new().top_up(self.id).account(self.user_id)
    }

    async fn due(
        due_work: &dyn DueWork,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TopUpId>, Unavailable> {
        due_work.top_ups_to_ask(now, limit).await
    }

    fn to_be_taken_on(ids: &[TopUpId]) -> Scope {
        ids.iter().fold(Scope::new(), |scope, id| scope.top_up(*id))
    }

    fn take_on(records: &mut Records, ids: &[TopUpId], policy: SettlingPolicy) -> Vec<Self> {
        top_up::take_on(records, ids, policy)
    }

    fn hear(
        &self,
        records: &mut Records,
        verdict: &Verdict,
        entry_id: EntryId,
        policy: SettlingPolicy,
    ) -> Result<Heard<Self>, Refusal> {
        top_up::hear(records, self.id, verdict, entry_id, policy)
    }

    fn give_up(
        &self,
        records: &mut Records,
        _: EntryId,
        actor: &Actor,
        policy: SettlingPolicy,
    ) -> Result<(), Refusal> {
        top_up::give_up(records, self.id, policy)?;
        records.note(actor, undone(AuditKind::TopUpUndone, self.id, self.user_id, "undone"));
        Ok(())
    }
}
