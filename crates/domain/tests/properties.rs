//! What holds after any sequence of commands, whatever they are, at whatever times they come.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

mod commands;
mod memory;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use commands::{Command, command};
use domain::Timestamp;
use domain::audit::audit;
use domain::cash::{CashPolicy, charge};
use domain::draw::{draw, draw_order, open};
use domain::ids::{PaymentId, ReservationId, RoomId, SeatId, TokenId, TopUpId, UserId};
use domain::line::{IfExists, JoinRequest, admit, join};
use domain::money::Amount;
use domain::payment::{PayRequest, RefundPolicy, RefundRequest, pay, refund};
use domain::ports::Decide;
use domain::provider_charge::SettlingPolicy;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::reservation::{BookingPolicy, HoldRequest, ReservationStatus, cancel, expire, hold};
use domain::retention::{forget_reservations, forget_tokens};
use domain::seat::SeatStatus;
use domain::settling::{hear, take_on, undo};
use domain::top_up::{self, TopUpRequest};
use domain::waiting_room::{PolicyChange, change_room};
use domain::waiting_token::WaitingToken;
use memory::Memory;
use proptest::prelude::*;
use uuid::Uuid;

const USERS: u8 = 4;
const SEATS: u8 = 6;
const BOOKING: BookingPolicy =
    BookingPolicy { hold_seconds: 300, seats_per_reservation: 3, rehold_cooldown_seconds: 60 };
const RETURNS_AFTER: TimeDelta = TimeDelta::seconds(45);
const CASH: CashPolicy = match (Amount::new(300), Amount::new(500)) {
    (Some(charge_max), Some(balance_max)) => {
        CashPolicy { charge_max, balance_max, top_ups_pending_max: 2 }
    }
    _ => panic!(),
};
const REFUND: RefundPolicy = RefundPolicy { until_hours: 24 };
/// Patient enough for all the time that commands take.
const SETTLING: SettlingPolicy = SettlingPolicy {
    answer_within: TimeDelta::seconds(5),
    settle_within: TimeDelta::days(1),
    undo_within: None,
};

fn id<Id: From<Uuid>>(kind: u128, n: impl Into<u128>) -> Id {
    Uuid::from_u128((kind << 64) | n.into()).into()
}

/// The world that commands are thrown at, and how many of each thing there were.
struct World {
    memory: Memory,
    tokens: u8,
    reservations: u8,
    payments: u8,
    top_ups: u8,
    entries: u128,
}

impl World {
    /// With a room that opens at `opens_at`, or is open from the start.
    fn new(opens_at: Option<Timestamp>) -> Self {
        let memory = Memory::with_one_show(USERS, SEATS, opens_at, id);
        Self { memory, tokens: 0, reservations: 0, payments: 0, top_ups: 0, entries: 0 }
    }

    /// Makes three of four commands what an honest client would send: with a token, a reservation
    /// and a payment of the same user. The others name things that may not be there, or be somebody
    /// else's, as attackers do.
    fn honest(&self, command: Command, n: u128) -> Command {
        if n.is_multiple_of(4) {
            return command;
        }
        let books = self.memory.books();
        let last_byte = |id: Uuid| u8::try_from(id.as_u128() & 0xff).unwrap();
        let place = |user: u8| {
            let owner: UserId = id(1, user);
            let is_theirs = |t: &&WaitingToken| t.user_id == owner && t.is_live(self.memory.now());
            books.tokens.iter().find(is_theirs).map_or(0, |token| last_byte(token.id.into()))
        };
        let reservation_of = |n: u8| books.reservations.iter().cycle().nth(n.into());
        let held = |n: u8| {
            let all = || books.reservations.iter();
            let held = all().rev().find(|r| r.status(self.memory.now()) == ReservationStatus::Held);
            held.or_else(|| reservation_of(n))
        };
        let payment_of = |n: u8| books.payments.iter().cycle().nth(n.into());
        match command.clone() {
            Command::Hold { user, seats, .. } => Command::Hold { user, token: place(user), seats },
            Command::Pay { reservation, provider, .. } => {
                held(reservation).map_or(command, |own| {
                    let user = last_byte(own.user_id.into());
                    let reservation = last_byte(own.id.into());
                    Command::Pay { user, token: place(user), reservation, provider }
                })
            }
            Command::Cancel { reservation, .. } => {
                reservation_of(reservation).map_or(command, |own| Command::Cancel {
                    user: last_byte(own.user_id.into()),
                    reservation: last_byte(own.id.into()),
                })
            }
            Command::Refund { payment, .. } => {
                payment_of(payment).map_or(command, |own| Command::Refund {
                    user: last_byte(own.user_id.into()),
                    payment: last_byte(own.id.into()),
                })
            }
            Command::Hear { payment, verdict } => payment_of(payment).map_or(command, |one| {
                Command::Hear { payment: last_byte(one.id.into()), verdict }
            }),
            other => other,
        }
    }

    /// The scope and the decision of a command.
    fn decision(&mut self, command: &Command) -> (Scope, Decide) {
        let scope = Scope::new();
        match command.clone() {
            Command::Join { user } => {
                let (token, user): (TokenId, UserId) = (id(5, self.tokens), id(1, user));
                let scope = scope.user(user).end_of_line(RoomId::SITE).place(user, RoomId::SITE);
                let ask = JoinRequest {
                    id: token,
                    user_id: user,
                    room_id: RoomId::SITE,
                    concert_id: None,
                    if_exists: IfExists::Conflict,
                };
                (scope, Box::new(move |records| join(records, &ask).map(drop)))
            }
            Command::Leave { token } => {
                let token: TokenId = id(5, token);
                let leave = move |records: &mut Records| {
                    let now = records.now;
                    records.tokens.get_mut(&token).ok_or(Refusal::NotFound)?.leave(now, now);
                    Ok(())
                };
                (scope.token(token), Box::new(leave))
            }
            Command::Admit => {
                let tokens: Vec<TokenId> = (0..self.tokens).map(|n| id(5, n)).collect();
                let scope = scope.line(RoomId::SITE).tokens(tokens.iter().copied());
                (scope, Box::new(move |records| admit(records, RoomId::SITE, &tokens).map(drop)))
            }
            Command::Open => {
                let open = |records: &mut Records| open(records, RoomId::SITE).map(drop);
                (scope.room(RoomId::SITE), Box::new(open))
            }
            Command::Draw { most } => {
                let books = self.memory.books();
                let room = books.rooms.first().unwrap();
                let lobby = &room.lobby;
                let is_of_lobby =
                    |token: &&WaitingToken| token.number.is_none_or(|number| number <= lobby.count);
                let ids: Vec<_> =
                    books.tokens.iter().filter(is_of_lobby).map(|token| token.id).collect();
                let (first, opened) = (lobby.drawn_count + 1, room.last_number > 0);
                let next = draw_order(&lobby.seed, &ids).into_iter();
                let next = next.skip(usize::try_from(first - 1).unwrap());
                let next: Vec<_> = next.take(if opened { most.into() } else { 0 }).collect();
                let scope = scope.room(RoomId::SITE).tokens(next.iter().copied());
                let draw = move |records: &mut Records| {
                    draw(records, RoomId::SITE, first, &next).map(drop)
                };
                (scope, Box::new(draw))
            }
            Command::Hold { user, token, seats } => {
                let ask = HoldRequest {
                    id: id(3, self.reservations),
                    user_id: id(1, user),
                    token_id: id(5, token),
                    show_id: id(2, 2_u8),
                    seat_ids: seats.into_iter().map(|seat| id(4, seat)).collect(),
                };
                let scope = scope
                    .token(ask.token_id)
                    .show(ask.show_id)
                    .seats(ask.seat_ids.iter().copied())
                    .reserved_by(ask.user_id, id(2, 1_u8));
                (scope, Box::new(move |records| hold(records, &ask, BOOKING).map(drop)))
            }
            Command::Cancel { user, reservation } => {
                let (user, reservation): (UserId, ReservationId) =
                    (id(1, user), id(3, reservation));
                let scope = scope.reservation(reservation);
                (scope, Box::new(move |records| cancel(records, reservation, user, BOOKING)))
            }
            Command::Expire { reservation } => {
                let reservation: ReservationId = id(3, reservation);
                let expire = move |records: &mut Records| {
                    expire(records, reservation);
                    Ok(())
                };
                (scope.reservation(reservation), Box::new(expire))
            }
            Command::RunOut { token } => {
                let token: TokenId = id(5, token);
                let run_out = move |records: &mut Records| {
                    let now = records.now;
                    records.tokens.get_mut(&token).ok_or(Refusal::NotFound)?.run_out(now);
                    Ok(())
                };
                (scope.token(token), Box::new(run_out))
            }
            Command::Charge { user, amount } => {
                let (user, entry): (UserId, _) = (id(1, user), id(7, self.entries));
                let scope = scope.user(user).account(user);
                let decide = move |records: &mut Records| {
                    charge(records, user, entry, amount, CASH).map(drop)
                };
                (scope, Box::new(decide))
            }
            Command::TopUp { user, amount } => {
                let (id, user_id) = (id(8, self.top_ups), id(1, user));
                let asked = TopUpRequest { id, user_id, minor_units: amount };
                let decide = move |records: &mut Records| {
                    top_up::ask(records, &asked, CASH, SETTLING).map(drop)
                };
                (scope.user(user_id).account(user_id), Box::new(decide))
            }
            Command::HearOfTopUp { top_up, verdict } => {
                let (top_up, entry) = (id(8, top_up), id(7, self.entries));
                let hear = move |records: &mut Records| {
                    top_up::hear(records, top_up, &verdict, entry, SETTLING).map(drop)
                };
                (self.about_top_up(top_up), Box::new(hear))
            }
            Command::UndoTopUp { top_up } => {
                let top_up = id(8, top_up);
                let undo =
                    move |records: &mut Records| top_up::undo(records, top_up, SETTLING).map(drop);
                (self.about_top_up(top_up), Box::new(undo))
            }
            Command::Pay { user, token, reservation, provider } => {
                let ask = PayRequest {
                    id: id(6, self.payments),
                    entry_id: id(7, self.entries),
                    user_id: id(1, user),
                    token_id: id(5, token),
                    reservation_id: id(3, reservation),
                };
                let scope =
                    scope.token(ask.token_id).reservation(ask.reservation_id).account(ask.user_id);
                let settling = provider.then_some(SETTLING);
                (scope, Box::new(move |records| pay(records, &ask, settling).map(drop)))
            }
            Command::Hear { payment, verdict } => {
                let (payment, entry) = (id(6, payment), id(7, self.entries));
                let hear = move |records: &mut Records| {
                    hear(records, payment, &verdict, entry, SETTLING).map(drop)
                };
                (self.about(payment), Box::new(hear))
            }
            Command::TakeOn { payment } => {
                let payment = id(6, payment);
                let take_on = move |records: &mut Records| {
                    take_on(records, &[payment], SETTLING);
                    Ok(())
                };
                (scope.payment(payment), Box::new(take_on))
            }
            Command::Undo { payment } => {
                let (payment, entry) = (id(6, payment), id(7, self.entries));
                let undo = move |records: &mut Records| {
                    undo(records, payment, entry, SETTLING, RETURNS_AFTER).map(drop)
                };
                (self.about(payment), Box::new(undo))
            }
            Command::Refund { user, payment } => {
                let ask = RefundRequest {
                    payment_id: id(6, payment),
                    entry_id: id(7, self.entries),
                    user_id: id(1, user),
                    returns_after: RETURNS_AFTER,
                };
                let scope = scope.payment(ask.payment_id).account(ask.user_id);
                (scope, Box::new(move |records| refund(records, &ask, REFUND, SETTLING).map(drop)))
            }
            Command::Resize { capacity } => {
                let change = PolicyChange { capacity: Some(capacity), ..PolicyChange::default() };
                let resize = move |records: &mut Records| {
                    change_room(records, RoomId::SITE, &change).map(drop)
                };
                (scope.room(RoomId::SITE), Box::new(resize))
            }
            Command::Forget { after_seconds } => {
                let after = TimeDelta::seconds(after_seconds.into());
                let tokens: Vec<TokenId> = (0..self.tokens).map(|n| id(5, n)).collect();
                let reservations: Vec<ReservationId> =
                    (0..self.reservations).map(|n| id(3, n)).collect();
                let scope = scope.room(RoomId::SITE).tokens(tokens.iter().copied());
                let scope = reservations.iter().fold(scope, |scope, id| scope.reservation(*id));
                let forget = move |records: &mut Records| {
                    let until = records.now - after;
                    forget_reservations(records, &reservations, until);
                    forget_tokens(records, RoomId::SITE, &tokens, until).map(drop)
                };
                (scope, Box::new(forget))
            }
        }
    }

    /// What has to be seen when a payment is settled.
    fn about(&self, payment: PaymentId) -> Scope {
        let scope = Scope::new().payment(payment);
        let books = self.memory.books();
        let Some(found) = books.payments.into_iter().find(|found| found.id == payment) else {
            return scope;
        };
        let token = found.provider.map(|charge| charge.token_id);
        scope.account(found.user_id).tokens(token)
    }

    /// The same, of a top-up.
    fn about_top_up(&self, id: TopUpId) -> Scope {
        let found = self.memory.books().top_ups.into_iter().find(|found| found.id == id);
        let scope = Scope::new().top_up(id);
        found.map_or(scope.clone(), |found| scope.account(found.user_id))
    }

    /// Runs a group of commands at one moment, and counts what came of it.
    fn run(&mut self, now: Timestamp, commands: &[Command]) {
        for command in commands {
            let command = &self.honest(command.clone(), self.entries);
            let (scope, decide) = self.decision(command);
            let accepted = self.memory.run(now, &scope, &decide);
            let made = |is_one: bool| u8::from(accepted && is_one);
            self.tokens += made(matches!(command, Command::Join { .. }));
            self.reservations += made(matches!(command, Command::Hold { .. }));
            let payments = self.memory.books().payments.len();
            self.payments = u8::try_from(payments).unwrap();
            self.top_ups = u8::try_from(self.memory.books().top_ups.len()).unwrap();
            self.entries += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// No seat has two live holds or two owners, no balance is negative, entries add up to the
    /// balance, nobody is passed in line: all that the audit knows.
    #[test]
    fn whatever_people_do_the_books_are_sound(
        opens in prop::option::of(0..1_000_i64),
        steps in prop::collection::vec((0..120_i64, prop::collection::vec(command(), 1..14)), 1..50)
    ) {
        let opens_at = opens.map(|second| Timestamp::UNIX_EPOCH + TimeDelta::seconds(second));
        let mut world = World::new(opens_at);
        let mut now = Timestamp::UNIX_EPOCH;
        let rich: Vec<_> =
            (0..USERS).map(|user| Command::Charge { user, amount: 300 }).collect();
        world.run(now, &rich);
        for (pause, commands) in steps {
            now += TimeDelta::seconds(pause) + TimeDelta::microseconds(1);
            world.run(now, &commands);
        }
        let broken: Vec<_> = audit(&world.memory.books())
            .into_iter()
            .filter(|finding| !finding.breaches.is_empty())
            .collect();
        prop_assert!(broken.is_empty(), "{broken:?}");
    }

    /// Whoever holds a seat holds it until the hold's end, and from then on anyone can have it,
    /// though nobody sweeps.
    #[test]
    fn a_hold_past_its_time_is_nobodys(seats in prop::collection::btree_set(0..SEATS, 1..4), late in 0..600_i64) {
        let mut world = World::new(None);
        let start = Timestamp::UNIX_EPOCH;
        let seats: Vec<u8> = seats.into_iter().collect();
        let hold = |user: u8| Command::Hold { user, token: user, seats: seats.clone() };
        let rich = Command::Charge { user: 0, amount: 300 };
        world.run(start, &[Command::Join { user: 0 }, Command::Join { user: 1 }, rich, hold(0)]);
        prop_assert_eq!(world.reservations, 1);
        let held_until = start + TimeDelta::seconds(300);
        world.run(held_until - TimeDelta::microseconds(1), &[hold(1)]);
        prop_assert_eq!(world.reservations, 1);
        let later = held_until + TimeDelta::milliseconds(late / 2);
        world.run(later, &[Command::Pay { user: 0, token: 0, reservation: 0, provider: false }, hold(1)]);
        prop_assert_eq!((world.payments, world.reservations), (0, 2));
        let books = world.memory.books();
        let held: BTreeMap<SeatId, _> = books.seats.iter().map(|seat| (seat.id, seat)).collect();
        for seat in seats {
            let seat = held[&id(4, seat)];
            prop_assert_eq!(seat.reservation_id(), Some(id(3, 1_u8)));
            prop_assert_eq!(seat.status(later), SeatStatus::Held);
        }
    }
}
