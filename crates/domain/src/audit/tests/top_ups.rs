use super::*;
use crate::cash::PendingTopUps;
use crate::provider_charge::{ProviderChargeState, Question};
use crate::top_up::{TopUp, TopUpState};
use crate::uptime::Outage;

/// Still to be settled until second 200.
const QUESTION: Question = Question { asks: 1, ask_at: START, settle_by: at(200) };

/// The sound books with the first charge made through a provider.
fn through_provider(books: &mut Books) {
    let entry = &mut books.entries[0];
    entry.kind = EntryKind::TopUp(id(701));
    books.top_ups = vec![TopUp {
        id: id(701),
        user_id: entry.user_id,
        amount: entry.amount,
        created_at: at(1),
        state: TopUpState::Succeeded {
            entry_id: entry.id,
            balance_after: entry.balance_after,
            succeeded_at: entry.created_at,
        },
        charge: ProviderChargeState::Charged,
    }];
    write_digests(books);
}

/// And another top-up of 25 that nothing has become of.
fn and_pending(books: &mut Books) {
    through_provider(books);
    let (state, charge) = (TopUpState::Pending, ProviderChargeState::Asked(QUESTION));
    let asked =
        TopUp { id: id(702), amount: amount(25), state, charge, ..books.top_ups[0].clone() };
    books.top_ups.push(asked);
    books.accounts[0].pending = PendingTopUps { count: 1, amount: amount(25) };
}

fn and_then(change: impl Fn(&mut Books)) -> impl Fn(&mut Books) {
    move |books| {
        and_pending(books);
        change(books);
    }
}

#[test]
fn a_top_up_that_was_charged_and_one_that_is_pending_are_sound() {
    assert_breaks(&[], through_provider);
    assert_breaks(&[], and_pending);
    assert_breaks(
        &[],
        and_then(|books| {
            books.top_ups[1].state = TopUpState::Undone { undone_at: at(30) };
            books.top_ups[1].charge = ProviderChargeState::ReturnDue(QUESTION);
            books.accounts[0].pending = PendingTopUps::default();
        }),
    );
}

#[test]
fn won_that_the_provider_has_and_no_account_and_the_other_way_round_are_found() {
    // Nothing was charged for it, or it is not there at all.
    assert_breaks(
        &[29],
        and_then(|books| {
            books.top_ups[0].state = TopUpState::Failed { reason: "no".into(), failed_at: at(5) };
            books.top_ups[0].charge = ProviderChargeState::Declined;
        }),
    );
    assert_breaks(&[29], and_then(|books| drop(books.top_ups.remove(0))));
    assert_breaks(&[29], and_then(|books| books.top_ups[0].charge = ProviderChargeState::Returned));
    // It was charged, and is not in the account, or is with another amount, or at another time.
    assert_breaks(
        &[29],
        and_then(|books| {
            books.top_ups[1].state = TopUpState::Succeeded {
                entry_id: id(499),
                balance_after: amount(65),
                succeeded_at: at(30),
            };
            books.top_ups[1].charge = ProviderChargeState::Charged;
            books.accounts[0].pending = PendingTopUps::default();
        }),
    );
    assert_breaks(&[29], and_then(|books| books.top_ups[0].amount = amount(99)));
    assert_breaks(&[29], and_then(|books| books.top_ups[0].user_id = id(2)));
}

#[test]
fn an_account_that_does_not_know_what_is_pending_is_found() {
    assert_breaks(&[29], and_then(|books| books.accounts[0].pending.count = 0));
    assert_breaks(&[29], and_then(|books| books.accounts[0].pending.amount = amount(24)));
}

#[test]
fn a_top_up_that_stays_open_too_long_is_found_and_time_that_the_service_was_away_does_not_count() {
    let at_200 = |books: &mut Books| (books.now, books.cutoff) = (at(200), at(200));
    assert_breaks(&[29], and_then(at_200));
    assert_breaks(
        &[],
        and_then(|books| {
            at_200(books);
            books.outages = vec![Outage { began_at: at(40), ended_at: at(60) }];
        }),
    );
}

#[test]
fn a_credit_whose_reason_or_author_was_changed_is_found() {
    let credited = |books: &mut Books| {
        let reason = "lost parcel".to_owned();
        books.entries[0].kind = EntryKind::Credit { by: id(2), reason };
        write_digests(books);
    };
    assert_breaks(&[], credited);
    for (by, reason) in [(2, "lost ticket"), (3, "lost parcel")] {
        assert_breaks(&[7], |books| {
            credited(books);
            books.entries[0].kind = EntryKind::Credit { by: id(by), reason: reason.into() };
        });
    }
}
