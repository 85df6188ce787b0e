use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::cash::{CashAccount, PendingTopUps};
use crate::user::{Email, Role, User, UserName};

const START: Timestamp = Timestamp::UNIX_EPOCH;
const SETTLING: SettlingPolicy = SettlingPolicy {
    answer_within: TimeDelta::seconds(5),
    settle_within: TimeDelta::hours(1),
    undo_within: Some(TimeDelta::seconds(60)),
};

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

fn amount(n: i64) -> Amount {
    Amount::new(n).unwrap()
}

const TOP_UP: u128 = 30;

/// A user with 100 in cash who has asked for 60 more, and the provider has not answered.
fn pending() -> Records {
    let mut records = Records::at(START);
    records.users.load(User {
        id: id(1),
        email: Email::new("mina@example.com").unwrap(),
        name: UserName::new("Mina").unwrap(),
        role: Role::Buyer,
        password_hash: None,
        created_at: START,
        disabled_at: None,
        signed_out: None,
    });
    records.accounts.load(CashAccount { balance: amount(100), ..CashAccount::empty(id(1)) });
    asked_for(&mut records, TOP_UP, 60).unwrap();
    records
}

fn asked_for(records: &mut Records, n: u128, minor_units: i64) -> Result<TopUp, Refusal> {
    let policy =
        CashPolicy { charge_max: amount(100), balance_max: amount(200), top_ups_pending_max: 2 };
    ask(records, &TopUpRequest { id: id(n), user_id: id(1), minor_units }, policy, SETTLING)
}

fn told(records: &mut Records, verdict: &Verdict) -> bool {
    hear(records, id(TOP_UP), verdict, id(50), SETTLING).unwrap().contradicts
}

fn no() -> Verdict {
    Verdict::Declined { reason: "no credit".into() }
}

/// The top-up's state, its charge's, the balance, how many entries there are, and how many top-ups are
/// pending.
fn now(records: &Records) -> (&'static str, &'static str, i64, usize, u32) {
    let top_up = records.top_ups.get(&id(TOP_UP)).unwrap();
    let account = records.accounts.get(&id(1)).unwrap();
    let entries = records.entries.iter().count();
    let (state, charge) = (top_up.state.name(), top_up.charge.name());
    (state, charge, account.balance.minor_units(), entries, account.pending.count)
}

#[test]
fn nothing_is_in_the_account_before_the_provider_has_charged() {
    let mut records = pending();
    assert_eq!(now(&records), ("pending", "asked", 100, 0, 1));
    for verdict in [Verdict::Unknown, Verdict::Pending] {
        told(&mut records, &verdict);
        assert_eq!(now(&records), ("pending", "asked", 100, 0, 1));
    }
    told(&mut records, &Verdict::Charged);
    assert_eq!(now(&records), ("succeeded", "charged", 160, 1, 0));
    let entry = records.entries.iter().next().unwrap();
    assert_eq!((&entry.kind, entry.amount), (&EntryKind::TopUp(id(TOP_UP)), amount(60)));
}

#[test]
fn whatever_is_heard_again_or_late_makes_no_cash_and_takes_none() {
    for (first, settled) in [
        (Verdict::Charged, ("succeeded", "charged", 160, 1, 0)),
        (no(), ("failed", "declined", 100, 0, 0)),
        (Verdict::Returned, ("failed", "returned", 100, 0, 0)),
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
fn a_late_yes_after_a_no_or_an_undo_is_given_back_and_credits_nobody() {
    let mut declined = pending();
    told(&mut declined, &no());
    let mut undone = pending();
    undo(&mut undone, id(TOP_UP), SETTLING).unwrap();
    assert_eq!(undo(&mut undone, id(TOP_UP), SETTLING), Err(Refusal::NotPending));
    for mut records in [declined, undone] {
        let (state, ..) = now(&records);
        told(&mut records, &Verdict::Charged);
        assert_eq!(now(&records), (state, "return_due", 100, 0, 0));
        told(&mut records, &no());
        assert_eq!(now(&records).1, "return_due", "whatever no is heard late");
        told(&mut records, &Verdict::Returned);
        told(&mut records, &Verdict::Charged);
        assert_eq!(now(&records), (state, "returned", 100, 0, 0));
    }
}

#[test]
fn a_no_after_a_yes_is_for_a_person_to_look_at() {
    for late in [no(), Verdict::Returned] {
        let mut records = pending();
        told(&mut records, &Verdict::Charged);
        assert!(told(&mut records, &late));
        assert_eq!(now(&records), ("succeeded", "charged", 160, 1, 0));
    }
}

#[test]
fn what_stays_pending_is_given_up_at_its_time_and_not_before() {
    let mut records = pending();
    records.go_on_to(START + TimeDelta::seconds(59));
    assert_eq!(give_up(&mut records, id(TOP_UP), SETTLING), Err(Refusal::NotPending));
    records.go_on_to(START + TimeDelta::seconds(60));
    let never = SettlingPolicy { undo_within: None, ..SETTLING };
    assert_eq!(give_up(&mut records, id(TOP_UP), never), Err(Refusal::NotPending));
    give_up(&mut records, id(TOP_UP), SETTLING).unwrap();
    assert_eq!(now(&records), ("undone", "return_due", 100, 0, 0));
}

#[test]
fn only_so_many_are_pending_at_once_and_together_they_stay_below_the_cap() {
    let mut records = pending();
    let max = amount(40);
    assert_eq!(asked_for(&mut records, 31, 41), Err(Refusal::InvalidAmount { max }));
    asked_for(&mut records, 31, 40).unwrap();
    assert_eq!(asked_for(&mut records, 32, 1), Err(Refusal::TooManyTopUps { limit: 2 }));
    told(&mut records, &no());
    let pending = records.accounts.get(&id(1)).unwrap().pending;
    assert_eq!(pending, PendingTopUps { count: 1, amount: amount(40) });
    asked_for(&mut records, 32, 60).unwrap();
}

#[test]
fn a_question_is_taken_on_once_and_at_the_latest_when_it_is_to_be_undone() {
    let mut records = pending();
    let ask_at = |records: &Records| {
        records.top_ups.get(&id(TOP_UP)).unwrap().charge.question().unwrap().ask_at
    };
    let mut asked = Vec::new();
    while ask_at(&records) <= START + TimeDelta::seconds(60) {
        let due = ask_at(&records);
        records.go_on_to(due - TimeDelta::microseconds(1));
        assert!(take_on(&mut records, &[id(TOP_UP)], SETTLING).is_empty(), "not yet");
        records.go_on_to(due);
        assert_eq!(take_on(&mut records, &[id(TOP_UP)], SETTLING).len(), 1);
        assert!(take_on(&mut records, &[id(TOP_UP)], SETTLING).is_empty(), "somebody has it");
        asked.push((due - START).num_seconds());
    }
    assert_eq!(asked, [6, 13, 22, 35, 56, 60]);
}
