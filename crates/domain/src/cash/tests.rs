use super::*;

const POLICY: CashPolicy = match (Amount::new(1_000), Amount::new(1_500)) {
    (Some(charge_max), Some(balance_max)) => {
        CashPolicy { charge_max, balance_max, top_ups_pending_max: 2 }
    }
    _ => panic!(),
};

fn account(balance: i64) -> CashAccount {
    let balance = Amount::new(balance).unwrap();
    CashAccount { balance, entry_count: 3, ..CashAccount::empty(Uuid::nil().into()) }
}

fn charge(account: &mut CashAccount, amount: i64) -> Result<CashEntry, Refusal> {
    account.charge(Uuid::nil().into(), EntryKind::Charge, amount, POLICY, Timestamp::UNIX_EPOCH)
}

#[test]
fn a_charge_is_entered_with_the_balance_after_it() {
    let mut account = account(200);
    let entry = charge(&mut account, 300).unwrap();
    assert_eq!((entry.number, entry.signed_amount()), (4, 300));
    assert_eq!(
        (entry.balance_after, account.balance),
        (Amount::new(500).unwrap(), Amount::new(500).unwrap())
    );
}

#[test]
fn an_entrys_digest_is_blake3_of_what_is_written_down_and_of_the_digest_before() {
    let user = CashAccount::empty(Uuid::from_u128(7).into());
    let mut account = CashAccount { entry_count: 4, ..user };
    let mut charge = |kind| {
        account
            .charge(Uuid::from_u128(9).into(), kind, 300, POLICY, Timestamp::UNIX_EPOCH)
            .unwrap()
            .digest
    };
    let first = charge(EntryKind::Charge);
    let mut written = vec![0; 32];
    written.extend([9_u128.to_be_bytes(), 7_u128.to_be_bytes()].concat());
    written.extend([&5_u64.to_be_bytes()[..], &[1], &[0; 16]].concat());
    written.extend([300_i64.to_be_bytes(), 300_i64.to_be_bytes()].concat());
    let expected = Some(blake3::hash(&written).into());
    assert_eq!(first, expected);
    assert_ne!(charge(EntryKind::Charge), expected);

    let reason = "lost parcel".to_owned();
    let credited = charge(EntryKind::Credit { by: Uuid::from_u128(8).into(), reason });
    assert_eq!(account.digest, credited);
}

#[test]
fn a_charge_of_nothing_of_too_much_and_past_the_cap_is_refused() {
    for (balance, amount, max) in
        [(0, 0, 1_000), (0, -5, 1_000), (0, 1_001, 1_000), (1_000, 501, 500), (0, i64::MAX, 1_000)]
    {
        let mut account = account(balance);
        let max = Amount::new(max).unwrap();
        assert_eq!(charge(&mut account, amount), Err(Refusal::InvalidAmount { max }));
        assert_eq!(account.balance, Amount::new(balance).unwrap());
    }
    assert!(charge(&mut account(1_000), 500).is_ok());
}

#[test]
fn what_is_pending_takes_of_the_room_that_there_is_until_it_ends() {
    let mut account = account(1_000);
    account.begin_top_up(300, POLICY).unwrap();
    let max = Amount::new(200).unwrap();
    assert_eq!(charge(&mut account, 201), Err(Refusal::InvalidAmount { max }));
    assert_eq!(account.begin_top_up(201, POLICY), Err(Refusal::InvalidAmount { max }));
    account.begin_top_up(200, POLICY).unwrap();
    let too_many = Refusal::TooManyTopUps { limit: 2 };
    assert_eq!(account.begin_top_up(1, POLICY), Err(too_many));
    account.end_top_up(Amount::new(300).unwrap());
    assert_eq!(account.pending, PendingTopUps { count: 1, amount: max });
    assert!(charge(&mut account, 300).is_ok());
}

#[test]
fn a_payment_takes_and_never_more_than_there_is() {
    let mut account = account(100);
    let kind = EntryKind::Payment(Uuid::nil().into());
    let now = Timestamp::UNIX_EPOCH;
    let too_much = Amount::new(101).unwrap();
    assert_eq!(account.enter(Uuid::nil().into(), kind.clone(), too_much, now), None);
    let entry = account.enter(Uuid::nil().into(), kind, Amount::new(100).unwrap(), now).unwrap();
    assert_eq!((entry.signed_amount(), account.balance), (-100, Amount::ZERO));
}
