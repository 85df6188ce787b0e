//! A small world for the tests of use cases: one buyer, active in the site-wide room; one operator;
//! one concert with one show of two seats; cash for one of them.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::cash::CashAccount;
use domain::concert::{Concert, ConcertDetails};
use domain::draw::DrawSeed;
use domain::idempotency::{IdempotencyKey, IdempotentRequest};
use domain::ids::{PaymentId, ReservationId, RoomId, SeatId, TokenId, UserId};
use domain::money::Amount;
use domain::payment::{PayRequest, Receipt, pay};
use domain::ports::{
    MockCatalogue, MockClock, MockDrawSeeds, MockGatewayWatch, MockIds, MockLineWatch, MockLines,
    MockPaymentGateway, MockStore, MockUsers, PaymentGateway, QueueClaims, UpdateError,
    WaitingNumbers,
};
use domain::provider_charge::SettlingPolicy;
use domain::records::Records;
use domain::refusal::Refusal;
use domain::reservation::{BookingPolicy, HoldRequest, Reservation, hold};
use domain::seat::{Place, Seat};
use domain::show::Show;
use domain::user::{Email, Role, User, UserName};
use domain::waiting_room::{Door, Line, RoomPolicy, WaitingRoom};
use domain::waiting_token::{Admission, TokenState, WaitingToken};
use uuid::Uuid;

use crate::catalogue::Programme;
use crate::payment::Settler;
use crate::queue::{Board, Gate, RoomPulses, TicketDesk};

pub(crate) fn now() -> Timestamp {
    "2026-05-01T10:00:00Z".parse().unwrap()
}

pub(crate) fn seconds(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}

pub(crate) fn unknown<Id: From<Uuid>>() -> Id {
    Uuid::from_u128(0xdead).into()
}

pub(crate) fn buyer_id() -> UserId {
    Uuid::from_u128(1).into()
}

pub(crate) fn operator_id() -> UserId {
    Uuid::from_u128(2).into()
}

fn user(id: UserId, email: &str, role: Role) -> User {
    User {
        id,
        email: Email::new(email).unwrap(),
        name: UserName::new("김미나").unwrap(),
        role,
        password_hash: Some(domain::user::PasswordHash::new("hash".into())),
        created_at: now(),
    }
}

pub(crate) fn buyer() -> User {
    user(buyer_id(), "mina@example.com", Role::Buyer)
}

pub(crate) fn operator() -> User {
    user(operator_id(), "operator@example.com", Role::Admin)
}

pub(crate) fn concert() -> Concert {
    Concert {
        id: Uuid::from_u128(3).into(),
        details: ConcertDetails {
            title: "봄의 노래".into(),
            venue: "Seoul Arena".into(),
            time_zone: "Asia/Seoul".parse().unwrap(),
            currency: "KRW".parse().unwrap(),
            sale_opens_at: None,
            sale_closes_at: None,
            max_seats_per_user: 4,
        },
        room_id: None,
        created_at: now(),
    }
}

pub(crate) fn show() -> Show {
    let starts_at = now() + TimeDelta::days(30);
    Show {
        id: Uuid::from_u128(4).into(),
        concert_id: concert().id,
        starts_at,
        date: Show::date_at_venue(starts_at, concert().details.time_zone),
        seat_count: 2,
        room_id: None,
    }
}

pub(crate) fn seat_id(n: u128) -> SeatId {
    Uuid::from_u128(0x100 + n).into()
}

/// Seat `n` of the show, 50,000 won.
pub(crate) fn seat(n: u128) -> Seat {
    let place = Place {
        number: format!("A-1-{n}"),
        section: "A".into(),
        row: "1".into(),
        grade: "R".into(),
        price: Amount::new(50_000).unwrap(),
    };
    Seat::new(seat_id(n), show().id, place)
}

pub(crate) fn other_room() -> RoomId {
    Uuid::from_u128(5).into()
}

pub(crate) fn seed() -> DrawSeed {
    DrawSeed::new([3; 32])
}

pub(crate) fn room() -> WaitingRoom {
    let policy = RoomPolicy {
        capacity: 10,
        admissions_per_minute: None,
        active_ttl_seconds: 600,
        idle_ttl_seconds: 120,
        paused: false,
        opens_at: None,
    };
    let room = WaitingRoom::new(RoomId::SITE, Door::Site, policy, seed(), now());
    WaitingRoom { last_number: 100, ..room }
}

pub(crate) fn claims() -> QueueClaims {
    QueueClaims::from(&active_token())
}

fn token(state: TokenState) -> WaitingToken {
    WaitingToken {
        id: Uuid::from_u128(6).into(),
        user_id: buyer_id(),
        room_id: RoomId::SITE,
        concert_id: Some(concert().id),
        number: Some(100),
        joined_at: now(),
        heard_at: now(),
        state,
    }
}

fn admission() -> Admission {
    Admission { at: now() - seconds(100), capacity: 10 }
}

pub(crate) fn active_token() -> WaitingToken {
    token(TokenState::Active { admission: admission(), expires_at: now() + seconds(600) })
}

pub(crate) fn run_out_token() -> WaitingToken {
    token(TokenState::Active { admission: admission(), expires_at: now() })
}

pub(crate) fn waiting_token() -> WaitingToken {
    token(TokenState::Waiting)
}

pub(crate) fn done_token() -> WaitingToken {
    token(TokenState::Done { admission: admission(), ended_at: now() })
}

pub(crate) fn reservation_id() -> ReservationId {
    Uuid::from_u128(7).into()
}

pub(crate) const BOOKING: BookingPolicy =
    BookingPolicy { hold_seconds: 300, seats_per_reservation: 4, rehold_cooldown_seconds: 60 };

pub(crate) fn empty() -> Records {
    Records::at(now())
}

/// Everything there is, with nothing held.
pub(crate) fn world() -> Records {
    let mut records = empty();
    records.users.load(buyer());
    records.users.load(operator());
    records.concerts.load(concert());
    records.shows.load(show());
    records.seats.load(seat(1));
    records.seats.load(seat(2));
    records.rooms.load(room());
    records.lines.load(Line { room_id: RoomId::SITE, active_count: Some(1), anyone_waiting: true });
    records.tokens.load(active_token());
    let balance = Amount::new(50_000).unwrap();
    records.accounts.load(CashAccount {
        balance,
        entry_count: 1,
        ..CashAccount::empty(buyer_id())
    });
    records
}

/// The world with seat 1 held by the buyer.
pub(crate) fn world_with_hold() -> (Records, Reservation) {
    let mut records = world();
    let ask = HoldRequest {
        id: reservation_id(),
        user_id: buyer_id(),
        token_id: claims().token_id,
        show_id: show().id,
        seat_ids: vec![seat_id(1)],
    };
    let held = hold(&mut records, &ask, BOOKING).unwrap();
    (records, held)
}

pub(crate) const SETTLING: SettlingPolicy =
    SettlingPolicy { answer_within: TimeDelta::seconds(5), settle_within: TimeDelta::hours(1) };

pub(crate) fn payment_id() -> PaymentId {
    Uuid::from_u128(8).into()
}

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

/// Somebody who is told how it goes with the provider and keeps it to themselves.
pub(crate) fn gateway_watch() -> Arc<MockGatewayWatch> {
    let mut watch = MockGatewayWatch::new();
    watch.expect_called().return_const(());
    watch.expect_unsettled().return_const(());
    watch.expect_overdue().return_const(());
    watch.expect_contradicted().return_const(());
    Arc::new(watch)
}

/// A settler over these ports.
pub(crate) fn settler(store: Arc<MockStore>, gateway: Option<MockPaymentGateway>) -> Arc<Settler> {
    let gateway: Option<Arc<dyn PaymentGateway>> = match gateway {
        Some(gateway) => Some(Arc::new(gateway)),
        None => None,
    };
    let currency = concert().details.currency;
    Arc::new(Settler::new(store, ids(), clock(), gateway, gateway_watch(), SETTLING, currency))
}

/// A store that keeps what decisions leave, for several of them.
pub(crate) fn store_that_keeps(records: Records) -> (Arc<MockStore>, Arc<Mutex<Records>>) {
    let kept = Arc::new(Mutex::new(records));
    let inside = Arc::clone(&kept);
    let mut store = MockStore::new();
    store.expect_update().returning(move |_, decide| {
        let mut kept = inside.lock().unwrap();
        let mut records = kept.clone();
        decide(&mut records)?;
        *kept = records.clone();
        Ok(records)
    });
    (Arc::new(store), kept)
}

/// A store that runs decisions on a copy of `records`.
pub(crate) fn store_with(records: Records) -> Arc<MockStore> {
    store_checked(records, |_| ())
}

/// The same, looking at what each decision that was accepted left.
pub(crate) fn store_checked(
    records: Records,
    check: impl Fn(&Records) + Send + Sync + 'static,
) -> Arc<MockStore> {
    let mut store = MockStore::new();
    store.expect_update().returning(move |_, decide| {
        let mut records = records.clone();
        decide(&mut records)?;
        check(&records);
        Ok(records)
    });
    Arc::new(store)
}

pub(crate) fn clock() -> Arc<MockClock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(now);
    clock.expect_cutoff().returning(now);
    clock.expect_ahead().returning(TimeDelta::zero);
    Arc::new(clock)
}

/// A clock that goes on by ten milliseconds whenever it is asked.
pub(crate) fn ticking_clock() -> Arc<MockClock> {
    let (mut clock, mut asked) = (MockClock::new(), 0);
    clock.expect_now().returning(move || {
        asked += 1;
        now() + TimeDelta::milliseconds(10 * asked)
    });
    clock.expect_cutoff().returning(now);
    Arc::new(clock)
}

/// Ids counted up from far away.
pub(crate) fn ids() -> Arc<MockIds> {
    let mut ids = MockIds::new();
    let mut last = 0x1_0000;
    ids.expect_next().returning(move || {
        last += 1;
        Uuid::from_u128(last)
    });
    Arc::new(ids)
}

pub(crate) fn seeds() -> Arc<MockDrawSeeds> {
    let mut seeds = MockDrawSeeds::new();
    seeds.expect_next().returning(seed);
    Arc::new(seeds)
}

/// Somebody who is told what happens in lines and keeps it to themselves.
pub(crate) fn watch() -> Arc<MockLineWatch> {
    let mut watch = MockLineWatch::new();
    watch.expect_admitted().return_const(());
    watch.expect_dropped().return_const(());
    watch.expect_ran_out().return_const(());
    watch.expect_left().return_const(());
    Arc::new(watch)
}

pub(crate) fn users(known: Vec<User>) -> Arc<MockUsers> {
    let mut users = MockUsers::new();
    users.expect_user().returning(move |id| Ok(known.iter().find(|user| user.id == id).cloned()));
    Arc::new(users)
}

/// The concerts and shows of this catalogue.
pub(crate) fn programme(catalogue: Arc<MockCatalogue>) -> Arc<Programme> {
    Arc::new(Programme::new(catalogue, clock()))
}

/// A gate over these lines.
pub(crate) fn gate(lines: Arc<MockLines>) -> Gate {
    Gate::new(Arc::new(Board::new(lines, clock())), clock())
}

/// A desk over these lines.
pub(crate) fn desk(lines: Arc<MockLines>) -> TicketDesk {
    let board = Arc::new(Board::new(lines.clone(), clock()));
    let pulses = RoomPulses::new(lines, catalogue(), clock());
    TicketDesk::new(board, Arc::new(pulses), clock())
}

/// The token that has this number in tests; the one of [`claims`] has 100.
pub(crate) fn token_id(number: u64) -> TokenId {
    match number {
        100 => claims().token_id,
        number => Uuid::from_u128(0x1_0000_0000 + u128::from(number)).into(),
    }
}

/// Who waits with these numbers.
pub(crate) fn waiting(numbers: RangeInclusive<u64>) -> Vec<(u64, TokenId)> {
    numbers.map(|number| (number, token_id(number))).collect()
}

/// A line in which the token that is asked for is `token`, with `ahead` before it.
pub(crate) fn lines(token: Option<WaitingToken>, ahead: u64) -> Arc<MockLines> {
    let mut lines = MockLines::new();
    let who_waits = token.iter().filter(|token| token.state == TokenState::Waiting);
    let number = who_waits.filter_map(|token| token.number).next();
    let waiting = number.into_iter().flat_map(|number| waiting(number - ahead..=number)).collect();
    let line = WaitingNumbers { last_number: 100, waiting, ..Default::default() };
    lines.expect_tokens().returning(move |_| Ok(token.iter().cloned().collect()));
    lines.expect_waiting_numbers().returning(move |_| Ok(line.clone()));
    lines.expect_room().returning(|id| Ok((id == RoomId::SITE).then(room)));
    lines.expect_rooms().returning(|| Ok(vec![room()]));
    lines.expect_admitted().returning(|_, _| Ok(Default::default()));
    lines.expect_head_count().returning(|_, _| Ok(Default::default()));
    Arc::new(lines)
}

/// The one concert with its one show.
pub(crate) fn catalogue() -> Arc<MockCatalogue> {
    let mut catalogue = MockCatalogue::new();
    catalogue.expect_concert().returning(|id| Ok((id == concert().id).then(concert)));
    catalogue.expect_show().returning(|id| Ok((id == show().id).then(|| (show(), concert()))));
    catalogue
        .expect_shows()
        .returning(|id| Ok((id == concert().id).then(show).into_iter().collect()));
    catalogue
        .expect_seats()
        .returning(|id| Ok(if id == show().id { vec![seat(1), seat(2)] } else { vec![] }));
    catalogue.expect_available_seat_counts().returning(|_, _| Ok(vec![(show().id, 2)]));
    Arc::new(catalogue)
}

pub(crate) fn request(fingerprint: u8) -> Option<IdempotentRequest> {
    let key = IdempotencyKey { user_id: buyer_id(), call: "test".into(), key: "key".into() };
    Some(IdempotentRequest { key, fingerprint: [fingerprint; 32] })
}

#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, UpdateError>,
    expected: &Refusal,
) {
    match result {
        Err(UpdateError::Refused(refusal)) => assert_eq!(refusal, *expected),
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}
