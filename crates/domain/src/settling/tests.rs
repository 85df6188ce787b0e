use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::Timestamp;
use crate::cash::CashAccount;
use crate::concert::tests::concert;
use crate::ids::{ReservationId, RoomId, SeatId, UserId};
use crate::money::Amount;
use crate::payment::{PayRequest, RefundPolicy, RefundRequest, pay, refund};
use crate::reservation::{
    BookingPolicy, HoldRequest, ReservationState, ReservationStatus, free_returned, hold,
};
use crate::seat::{Place, Seat, SeatStatus};
use crate::show::tests::show;
use crate::waiting_token::{Admission, Standing, TokenState, WaitingToken};

const START: Timestamp = Timestamp::UNIX_EPOCH;
const POLICY: SettlingPolicy = SettlingPolicy {
    answer_within: TimeDelta::seconds(5),
    settle_within: TimeDelta::hours(1),
    undo_within: None,
};

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

const PAYMENT: u128 = 30;

/// A user with 100 in cash, inside the site's room, who has asked to pay 60 for the one seat, and
/// the provider has not answered.
fn pending() -> Records {
    let mut records = held_for(60);
    ask_to_pay(&mut records).unwrap();
    records
}

/// The same, before paying, for a seat of that price.
pub(crate) fn held_for(price: i64) -> Records {
    let mut records = Records::at(START);
    let concert = concert(1);
    let show = show(2, &concert);
    let place = Place {
        number: "A-1-1".into(),
        section: "A".into(),
        row: "1".into(),
        grade: "R".into(),
        price: Amount::new(price).unwrap(),
    };
    records.seats.load(Seat::new(id(3), show.id, place));
    let admission = Admission { at: START, capacity: 1, leave_by: None };
    let user_id: UserId = id(1);
    records.tokens.load(WaitingToken {
        id: id(5),
        user_id,
        room_id: RoomId::SITE,
        concert_id: None,
        number: Some(1),
        lot: None,
        joined_at: START,
        heard_at: START,
        state: TokenState::Active { admission, expires_at: START + TimeDelta::seconds(600) },
    });
    let balance = Amount::new(100).unwrap();
    records.accounts.load(CashAccount { balance, ..CashAccount::empty(user_id) });
    let ask = HoldRequest {
        id: id(20),
        user_id,
        token_id: id(5),
        show_id: show.id,
        seat_ids: vec![id(3)],
    };
    records.shows.load(show);
    records.concerts.load(concert);
    let policy =
        BookingPolicy { hold_seconds: 300, seats_per_reservation: 4, rehold_cooldown_seconds: 60 };
    hold(&mut records, &ask, policy).unwrap();
    records
}

fn ask_to_pay(records: &mut Records) -> Result<Receipt, Refusal> {
    let ask = PayRequest {
        id: id(if records.payments.is_unchanged() { PAYMENT } else { PAYMENT + 1 }),
        entry_id: id(40),
        user_id: id(1),
        token_id: id(5),
        reservation_id: id(20),
    };
    pay(records, &ask, Some(POLICY))
}

fn told(records: &mut Records, verdict: &Verdict) -> bool {
    hear(records, id(PAYMENT), verdict, id(50), POLICY).unwrap().contradicts
}

fn no() -> Verdict {
    Verdict::Declined { reason: "no credit".into() }
}

/// The payment's status in words, its charge's, the cash that is left, and the seat's status.
fn now(records: &Records) -> (&'static str, &'static str, i64, SeatStatus) {
    let payment = records.payments.get(&id(PAYMENT)).unwrap();
    let state = match payment.state {
        PaymentState::Pending => "pending",
        PaymentState::Succeeded => "succeeded",
        PaymentState::Failed { .. } => "failed",
        PaymentState::Refunded { .. } => "refunded",
    };
    let charge = payment.provider.as_ref().unwrap().state.name();
    let balance = records.accounts.get(&id(1)).unwrap().balance.minor_units();
    let seat: &Seat = records.seats.get(&id::<SeatId>(3)).unwrap();
    (state, charge, balance, seat.status(records.now))
}

#[test]
fn a_pending_payment_pins_the_hold_whatever_its_end() {
    let mut records = pending();
    records.go_on_to(START + TimeDelta::seconds(100_000));
    assert_eq!(now(&records), ("pending", "asked", 40, SeatStatus::Held));
    let reservation = records.reservations.get(&id::<ReservationId>(20)).unwrap();
    assert_eq!(reservation.status(records.now), ReservationStatus::Held);
    assert!(!crate::reservation::expire(&mut records, id(20)), "the sweeper leaves it");
}

#[test]
fn who_asks_again_while_it_is_pending_gets_the_same_payment() {
    let mut records = pending();
    let again = ask_to_pay(&mut records).unwrap();
    assert_eq!(again.payment.id, id(PAYMENT));
    assert_eq!((records.payments.iter().count(), now(&records).2), (1, 40));
}

#[test]
fn what_costs_nothing_needs_nobodys_yes() {
    let paid = ask_to_pay(&mut held_for(0)).unwrap();
    assert_eq!((paid.payment.state, paid.payment.provider), (PaymentState::Succeeded, None));
}

#[test]
fn a_yes_sells_the_seats_and_ends_the_token() {
    let mut records = pending();
    told(&mut records, &Verdict::Charged);
    assert_eq!(now(&records), ("succeeded", "charged", 40, SeatStatus::Sold));
    assert_eq!(records.tokens.get(&id(5)).unwrap().standing(records.now), Standing::Done);
}

#[test]
fn a_no_gives_everything_back_and_the_token_may_try_again() {
    let mut records = pending();
    told(&mut records, &no());
    assert_eq!(now(&records), ("failed", "declined", 100, SeatStatus::Available));
    assert!(records.tokens.get(&id(5)).unwrap().ensure_active(records.now).is_ok());
    let reason = "no credit".to_owned();
    let refusal = Refusal::PaymentFailed { payment_id: id(PAYMENT), reason };
    assert_eq!(ask_to_pay(&mut records), Err(refusal));
}

#[test]
fn a_yes_long_after_the_token_ran_out_leaves_the_token_alone() {
    let mut records = pending();
    records.go_on_to(START + TimeDelta::seconds(600));
    told(&mut records, &Verdict::Charged);
    assert_eq!(now(&records).0, "succeeded");
    assert_eq!(records.tokens.get(&id(5)).unwrap().standing(records.now), Standing::Expired);
}

#[test]
fn whatever_is_heard_again_or_late_changes_nothing_that_is_settled() {
    for (first, settled) in [
        (Verdict::Charged, ("succeeded", "charged", 40, SeatStatus::Sold)),
        (no(), ("failed", "declined", 100, SeatStatus::Available)),
        (Verdict::Returned, ("failed", "returned", 100, SeatStatus::Available)),
    ] {
        let mut records = pending();
        told(&mut records, &first);
        for late in [first, Verdict::Pending, Verdict::Unknown] {
            assert!(!told(&mut records, &late));
            assert_eq!(now(&records), settled, "after {late:?}");
        }
    }
}

#[test]
fn a_yes_after_a_no_is_given_back_once() {
    let mut records = pending();
    told(&mut records, &no());
    told(&mut records, &Verdict::Charged);
    told(&mut records, &no());
    assert_eq!(now(&records).1, "return_due", "whatever no is heard late");
    told(&mut records, &Verdict::Returned);
    told(&mut records, &Verdict::Charged);
    assert_eq!(now(&records), ("failed", "returned", 100, SeatStatus::Available));
}

#[test]
fn a_no_after_a_yes_is_for_a_person_to_look_at() {
    for late in [no(), Verdict::Returned] {
        let mut records = pending();
        told(&mut records, &Verdict::Charged);
        assert!(told(&mut records, &late));
        assert_eq!(now(&records), ("succeeded", "charged", 40, SeatStatus::Sold));
    }
}

#[test]
fn an_operator_ends_a_pending_payment_and_a_late_yes_is_given_back() {
    let mut records = pending();
    undo(&mut records, id(PAYMENT), id(60), POLICY, AT_ONCE).unwrap();
    assert_eq!(now(&records), ("failed", "return_due", 100, SeatStatus::Available));
    assert_eq!(undo(&mut records, id(PAYMENT), id(61), POLICY, AT_ONCE), Err(Refusal::NotPending));
    told(&mut records, &Verdict::Charged);
    assert_eq!(now(&records).1, "return_due");
    told(&mut records, &Verdict::Returned);
    assert_eq!(now(&records).1, "returned");
}

const AT_ONCE: TimeDelta = TimeDelta::zero();

fn refund_after(returns_after: TimeDelta) -> RefundRequest {
    RefundRequest { payment_id: id(PAYMENT), entry_id: id(60), user_id: id(1), returns_after }
}

#[test]
fn what_was_paid_for_and_is_given_back_or_undone_is_shown_as_sold_until_its_moment() {
    let delay = TimeDelta::seconds(40);
    let mut refunded = pending();
    told(&mut refunded, &Verdict::Charged);
    let policy = RefundPolicy { until_hours: 0 };
    refund(&mut refunded, &refund_after(delay), policy, POLICY).unwrap();
    let mut undone = pending();
    undo(&mut undone, id(PAYMENT), id(60), POLICY, delay).unwrap();
    for (mut records, state) in [(refunded, "refunded"), (undone, "failed")] {
        assert_eq!(now(&records), (state, "return_due", 100, SeatStatus::Sold));
        let returns_at = records.now + delay;
        records.go_on_to(returns_at - TimeDelta::microseconds(1));
        assert!(!free_returned(&mut records, id(20)));
        // While the service may have been away, nothing is due.
        (records.now, records.cutoff) = (returns_at, records.now);
        assert!(!free_returned(&mut records, id(20)));
        records.go_on_to(returns_at);
        assert!(free_returned(&mut records, id(20)));
        assert_eq!(now(&records).3, SeatStatus::Available);
        assert!(!free_returned(&mut records, id(20)));
    }
}

#[test]
fn what_stays_pending_is_given_up_at_its_time_and_not_before_and_a_late_yes_is_given_back() {
    let patient = SettlingPolicy { undo_within: Some(TimeDelta::seconds(60)), ..POLICY };
    let mut records = pending();
    let given_up = |records: &mut Records, policy| give_up(records, id(PAYMENT), id(60), policy);
    records.go_on_to(START + TimeDelta::seconds(59));
    assert_eq!(given_up(&mut records, patient), Err(Refusal::NotPending));
    records.go_on_to(START + TimeDelta::seconds(60));
    assert_eq!(given_up(&mut records, POLICY), Err(Refusal::NotPending), "never by itself");
    given_up(&mut records, patient).unwrap();
    assert_eq!(now(&records), ("failed", "return_due", 100, SeatStatus::Available));
    assert_eq!(given_up(&mut records, patient), Err(Refusal::NotPending), "once");
    told(&mut records, &Verdict::Charged);
    assert_eq!(now(&records), ("failed", "return_due", 100, SeatStatus::Available));
    told(&mut records, &Verdict::Returned);
    assert_eq!(now(&records).1, "returned");

    let mut settled = pending();
    told(&mut settled, &Verdict::Charged);
    settled.go_on_to(START + TimeDelta::seconds(60));
    assert_eq!(given_up(&mut settled, patient), Err(Refusal::NotPending));
}

#[test]
fn a_refund_has_the_charge_given_back() {
    let mut records = pending();
    told(&mut records, &Verdict::Charged);
    let ask = refund_after(AT_ONCE);
    refund(&mut records, &ask, RefundPolicy { until_hours: 0 }, POLICY).unwrap();
    assert_eq!(now(&records), ("refunded", "return_due", 100, SeatStatus::Available));
    told(&mut records, &Verdict::Returned);
    assert_eq!(now(&records).1, "returned");
}

#[test]
fn a_pending_payment_cannot_be_refunded_and_its_seats_not_given_back() {
    let mut records = pending();
    let ask = refund_after(AT_ONCE);
    let refused = refund(&mut records, &ask, RefundPolicy { until_hours: 0 }, POLICY);
    assert_eq!(refused, Err(Refusal::NotRefundable));
    let policy =
        BookingPolicy { hold_seconds: 300, seats_per_reservation: 4, rehold_cooldown_seconds: 60 };
    let refused = crate::reservation::cancel(&mut records, id(20), id(1), policy);
    assert_eq!(refused, Err(Refusal::NotHeld));
    let reservation = records.reservations.get(&id::<ReservationId>(20)).unwrap();
    assert_eq!(reservation.state, ReservationState::Paying { payment_id: id(PAYMENT) });
}

#[test]
fn questions_are_asked_once_each_with_growing_pauses_and_an_end_to_patience() {
    let mut records = pending();
    let question = |records: &Records| {
        let payment = records.payments.get(&id(PAYMENT)).unwrap();
        *payment.provider.as_ref().unwrap().question().unwrap()
    };
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let due = question(&records).ask_at;
        pauses.push((due - records.now).num_seconds() - 5);
        records.go_on_to(due - TimeDelta::microseconds(1));
        assert!(take_on(&mut records, &[id(PAYMENT)], POLICY).is_empty(), "not yet");
        records.go_on_to(due);
        assert_eq!(take_on(&mut records, &[id(PAYMENT)], POLICY).len(), 1);
        assert!(take_on(&mut records, &[id(PAYMENT)], POLICY).is_empty(), "somebody has it");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert!(!question(&records).is_overdue(START + TimeDelta::minutes(59)));
    assert!(question(&records).is_overdue(START + TimeDelta::hours(1)));
    told(&mut records, &Verdict::Charged);
    assert!(take_on(&mut records, &[id(PAYMENT)], POLICY).is_empty(), "nothing is owed");
}

#[test]
fn a_reason_is_short_and_printable() {
    let reason = |given| match Verdict::declined(given) {
        Verdict::Declined { reason } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(None), "declined");
    assert_eq!(reason(Some(" \u{0}\n ")), "declined");
    assert_eq!(reason(Some("한도 \u{0}초과\u{1b}[2J 💳")), "한도 초과[2J 💳");
    assert_eq!(reason(Some(&"가".repeat(1_000))).chars().count(), 200);
}
