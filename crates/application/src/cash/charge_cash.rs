use std::sync::Arc;

use domain::cash::{CashEntry, CashPolicy, Charging, charge};
use domain::idempotency::{Answered, IdempotentRequest, once};
use domain::ids::{EntryId, UserId};
use domain::ports::{Ids, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;

/// Somebody puts cash in for which nobody is asked.
pub struct ChargeCash {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    policy: CashPolicy,
    charging: Charging,
}

impl ChargeCash {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        policy: CashPolicy,
        charging: Charging,
    ) -> Self {
        Self { store, ids, policy, charging }
    }

    /// # Errors
    /// [`Refusal::ChargingClosed`] unless anybody charges as they like; what [`domain::cash::charge`] refuses.
    pub async fn execute(
        &self,
        user_id: UserId,
        minor_units: i64,
        request: Option<IdempotentRequest>,
    ) -> Result<Answered<CashEntry>, UpdateError> {
        if self.charging != Charging::Open {
            return Err(Refusal::ChargingClosed.into());
        }
        let (id, policy) = (EntryId::from(self.ids.next()), self.policy);
        let scope = Scope::new()
            .user(user_id)
            .account(user_id)
            .kept_answer(request.as_ref().map(|request| request.key.clone()));
        let decide = move |records: &mut Records| {
            once(records, request.as_ref(), |records| {
                charge(records, user_id, id, minor_units, policy)
            })
        };
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;

    use super::*;
    use crate::testing::*;

    fn charge_cash(records: Records) -> ChargeCash {
        ChargeCash::new(store_with(records), ids(), CASH, Charging::Open)
    }

    #[tokio::test]
    async fn where_cash_comes_from_elsewhere_nobody_charges() {
        for charging in [Charging::Provider, Charging::Operators] {
            let charge = ChargeCash::new(store_with(world()), ids(), CASH, charging);
            let refused = charge.execute(buyer_id(), 1, None).await;
            assert_refused(refused, &Refusal::ChargingClosed);
        }
    }

    #[tokio::test]
    async fn a_first_charge_makes_the_account_and_a_later_one_adds_to_it() {
        let mut first = world();
        first.accounts = Default::default();
        for (records, balance) in [(first, 7_000), (world(), 57_000)] {
            let entry = charge_cash(records).execute(buyer_id(), 7_000, None).await.unwrap();
            assert_eq!(entry.value.balance_after.minor_units(), balance);
        }
    }

    #[tokio::test]
    async fn an_amount_outside_its_limits_is_refused_with_what_can_be_charged() {
        for amount in [0, -1, 70_001, i64::MAX, i64::MIN] {
            let max = Amount::new(70_000).unwrap();
            let refused = charge_cash(world()).execute(buyer_id(), amount, None).await;
            assert_refused(refused, &Refusal::InvalidAmount { max });
        }
    }

    #[tokio::test]
    async fn a_user_who_is_gone_cannot_charge() {
        let gone = charge_cash(empty()).execute(buyer_id(), 1, None).await;
        assert_refused(gone, &Refusal::InvalidUser);
    }
}
