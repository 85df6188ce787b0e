//! Payments through an outside provider.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::cash::CashPolicy;
use domain::ids::PaymentId;
use domain::money::Amount;
use domain::payment::{PayRequest, Receipt, pay};
use domain::ports::{
    MockGatewayWatch, MockPaymentGateway, MockReturnDelays, MockStore, PaymentGateway,
};
use domain::provider_charge::SettlingPolicy;
use domain::records::Records;
use domain::top_up::{self, TopUp, TopUpRequest};
use uuid::Uuid;

use super::{
    buyer_id, claims, clock, concert, ids, reservation_id, unknown, world, world_with_hold,
};
use crate::payment::Settler;

/// The world in which the provider was asked for the buyer's payment of seat 1 and has not answered.
pub(crate) fn pending_payment() -> (Records, Receipt) {
    let mut records = world_with_hold().0;
    let ask = PayRequest {
        id: payment_id(),
        entry_id: unknown(),
        user_id: buyer_id(),
        token_id: claims().token_id,
        reservation_id: reservation_id(),
    };
    let receipt = pay(&mut records, &ask, Some(SETTLING)).unwrap();
    (records, receipt)
}

/// The world in which the provider was asked for 7,000 more for the buyer and has not answered.
pub(crate) fn pending_top_up() -> (Records, TopUp) {
    let mut records = world();
    let id = Uuid::from_u128(9).into();
    let asked = TopUpRequest { id, user_id: buyer_id(), minor_units: 7_000 };
    let top_up = top_up::ask(&mut records, &asked, CASH, SETTLING).unwrap();
    (records, top_up)
}

/// 100,000 at once, up to 120,000, and one top-up at a time.
pub(crate) const CASH: CashPolicy = match (Amount::new(100_000), Amount::new(120_000)) {
    (Some(charge_max), Some(balance_max)) => {
        CashPolicy { charge_max, balance_max, top_ups_pending_max: 1 }
    }
    _ => panic!(),
};

pub(crate) fn payment_id() -> PaymentId {
    Uuid::from_u128(8).into()
}

pub(crate) const SETTLING: SettlingPolicy = SettlingPolicy {
    answer_within: TimeDelta::seconds(5),
    settle_within: TimeDelta::hours(1),
    undo_within: None,
};

/// A settler over these ports.
pub(crate) fn settler(store: Arc<MockStore>, gateway: Option<MockPaymentGateway>) -> Arc<Settler> {
    settler_with(store, gateway, gateway_watch(), SETTLING)
}

/// The same, watched, and by another policy.
pub(crate) fn settler_with(
    store: Arc<MockStore>,
    gateway: Option<MockPaymentGateway>,
    watch: Arc<MockGatewayWatch>,
    policy: SettlingPolicy,
) -> Arc<Settler> {
    let gateway: Option<Arc<dyn PaymentGateway>> = match gateway {
        Some(gateway) => Some(Arc::new(gateway)),
        None => None,
    };
    let currency = concert().details.currency;
    Arc::new(Settler::new(store, ids(), clock(), gateway, watch, policy, currency))
}

/// Somebody who is told how it goes with the provider and keeps it to themselves.
pub(crate) fn gateway_watch() -> Arc<MockGatewayWatch> {
    let mut watch = MockGatewayWatch::new();
    watch.expect_called().return_const(());
    watch.expect_unsettled().return_const(());
    watch.expect_overdue().return_const(());
    watch.expect_given_up().return_const(());
    watch.expect_contradicted().return_const(());
    Arc::new(watch)
}

/// Seats that are given back are free at once.
pub(crate) fn at_once() -> Arc<MockReturnDelays> {
    let mut delays = MockReturnDelays::new();
    delays.expect_next().returning(TimeDelta::zero);
    Arc::new(delays)
}
