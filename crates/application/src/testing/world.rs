//! Records of all that there is.

use domain::cash::CashAccount;
use domain::ids::{ReservationId, RoomId};
use domain::money::Amount;
use domain::records::Records;
use domain::reservation::{BookingPolicy, HoldRequest, Reservation, hold};
use domain::waiting_room::Line;
use uuid::Uuid;

use super::{
    active_token, buyer, buyer_id, claims, concert, now, operator, room, seat, seat_id, show,
};

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

pub(crate) fn empty() -> Records {
    Records::at(now())
}

pub(crate) fn reservation_id() -> ReservationId {
    Uuid::from_u128(7).into()
}

pub(crate) const BOOKING: BookingPolicy =
    BookingPolicy { hold_seconds: 300, seats_per_reservation: 4, rehold_cooldown_seconds: 60 };
