use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::cash::{CashEntry, CashPolicy, Charging, CreditRequest, credit};
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::UserId;
use domain::ports::{Ids, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use serde_json::json;

use super::ensure_operator;

/// An operator puts cash into somebody's account.
pub struct CreditAccount {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    users: Arc<dyn Users>,
    policy: CashPolicy,
    charging: Charging,
}

impl CreditAccount {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        users: Arc<dyn Users>,
        policy: CashPolicy,
        charging: Charging,
    ) -> Self {
        Self { store, ids, users, policy, charging }
    }

    /// Puts in `minor_units`, and writes down why.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator; [`Refusal::ChargingClosed`] where all cash comes
    /// through the payment provider; what [`credit`] refuses.
    pub async fn execute(
        &self,
        operator: UserId,
        user_id: UserId,
        (minor_units, reason): (i64, String),
        request: Option<IdempotentRequest>,
        origin: &Origin,
    ) -> Result<Answered<CashEntry>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        if self.charging == Charging::Provider {
            return Err(Refusal::ChargingClosed.into());
        }
        let (id, policy) = (self.ids.next().into(), self.policy);
        let actor = Actor::user(self.ids.next(), operator, origin);
        let ask = CreditRequest { id, user_id, by: operator, minor_units, reason };
        let scope = Scope::new()
            .user(user_id)
            .account(user_id)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| {
                let entry = credit(records, &ask, policy)?;
                let (amount, reason) = (entry.amount, &ask.reason);
                let after = json!({ "amount": amount, "reason": reason });
                let deed = Deed::new(AuditKind::CashCredited, entry.id).about(user_id);
                records.note(&actor, deed.after(after));
                Ok(entry)
            })
        };
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::cash::EntryKind;
    use domain::money::Amount;

    use super::*;
    use crate::testing::*;

    fn credit_account(records: Records, charging: Charging) -> CreditAccount {
        let users = users(vec![buyer(), operator()]);
        CreditAccount::new(store_with(records), ids(), users, CASH, charging)
    }

    fn seven(reason: &str) -> (i64, String) {
        (7_000, reason.to_owned())
    }

    #[tokio::test]
    async fn an_operator_credits_an_account_with_a_reason_and_nobody_else_does() {
        let credit = credit_account(world(), Charging::Operators);
        let entry = credit
            .execute(operator_id(), buyer_id(), seven("lost parcel"), None, &Origin::default())
            .await
            .unwrap();
        let (by, reason) = (operator_id(), "lost parcel".to_owned());
        assert_eq!(entry.value.kind, EntryKind::Credit { by, reason });
        assert_eq!(entry.value.balance_after.minor_units(), 57_000);
        let buyers =
            credit.execute(buyer_id(), buyer_id(), seven("mine"), None, &Origin::default()).await;
        assert_refused(buyers, &Refusal::Forbidden);
        let nobodys =
            credit.execute(operator_id(), unknown(), seven("who"), None, &Origin::default()).await;
        assert_refused(nobodys, &Refusal::NotFound);
    }

    #[tokio::test]
    async fn a_credit_has_a_reason_and_stays_within_the_limits() {
        let credit = credit_account(world(), Charging::Open);
        for reason in ["", " ", "\u{7}", &"r".repeat(201)] {
            let refused = credit
                .execute(operator_id(), buyer_id(), seven(reason), None, &Origin::default())
                .await;
            assert!(matches!(refused, Err(UpdateError::Refused(Refusal::Invalid(_)))), "{reason}");
        }
        let max = Amount::new(70_000).unwrap();
        let too_much = (70_001, "gift".to_owned());
        let refused =
            credit.execute(operator_id(), buyer_id(), too_much, None, &Origin::default()).await;
        assert_refused(refused, &Refusal::InvalidAmount { max });
    }

    #[tokio::test]
    async fn where_the_provider_charges_for_cash_no_operator_makes_any() {
        let credit = credit_account(world(), Charging::Provider);
        let refused = credit
            .execute(operator_id(), buyer_id(), seven("gift"), None, &Origin::default())
            .await;
        assert_refused(refused, &Refusal::ChargingClosed);
    }
}
