//! What ended is not kept for ever: waiting tokens that are over and reservations that were not paid
//! for are forgotten after a time, and so are the answers kept for idempotency keys. What was paid for
//! is kept, and so is everybody of a lobby, without whom nobody could check the draw.
//!
//! A room's numbers have no gap, and an audit proves that. So its tokens are forgotten in the order of
//! their numbers, and the room says up to which ([`WaitingRoom::forgotten_to`]).
//!
//! [`WaitingRoom::forgotten_to`]: crate::waiting_room::WaitingRoom::forgotten_to

use std::cmp::Reverse;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::idempotency::IdempotencyKey;
use crate::ids::{PasswordResetId, ReservationId, RoomId, SessionId, TokenId};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::reservation::Reservation;
use crate::uptime::Outage;
use crate::waiting_token::WaitingToken;

/// For how long what ended is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// From its end on.
    pub kept_for: TimeDelta,
}

impl RetentionPolicy {
    /// What had ended by this time is forgotten at `now`. Time in which the service was away does not count:
    /// after a jump of the clock by years, which is on record as an outage, everything would be old.
    #[must_use]
    pub fn forgets_until(self, now: Timestamp, outages: &[Outage]) -> Timestamp {
        let mut newest_first = outages.to_vec();
        newest_first.sort_by_key(|outage| Reverse(outage.ended_at));
        newest_first.iter().fold(now - self.kept_for, |until, outage| {
            let earlier =
                || until.checked_sub_signed(outage.lasted()).unwrap_or(Timestamp::MIN_UTC);
            if outage.ended_at > until { earlier() } else { until }
        })
    }
}

/// Forgets those of `oldest` that have the lowest numbers of the room past its lobby, up to the first that
/// is missing among them or was not over by `until`. Returns how many were forgotten. Needs the room and
/// the tokens among the records.
///
/// None of them may be one with which a payment was made that a provider owes an answer about. Nothing
/// here looks for such a payment, since none begins with a token that is over: whoever looked up `oldest`
/// has seen them all.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room.
pub fn forget_tokens(
    records: &mut Records,
    room_id: RoomId,
    oldest: &[TokenId],
    until: Timestamp,
) -> Result<usize, Refusal> {
    let room = records.rooms.get_mut(&room_id).ok_or(Refusal::NotFound)?;
    let first = room.first_kept_number();
    let tokens = oldest.iter().filter_map(|id| records.tokens.get(id));
    let mut tokens: Vec<_> = tokens.filter(|token| token.number >= Some(first)).collect();
    tokens.sort_by_key(|token| token.number);
    let is_next = |(number, token): &(u64, &WaitingToken)| {
        (token.room_id, token.number) == (room_id, Some(*number))
            && token.ended_at().is_some_and(|ended_at| ended_at <= until)
    };
    let next = (first..).zip(tokens).take_while(is_next);
    let next: Vec<_> = next.map(|(number, token)| (number, token.id)).collect();
    for (number, id) in &next {
        room.forgotten_to = *number;
        records.tokens.remove(id);
    }
    Ok(next.len())
}

/// Forgets those of `ids` that had ended by `until` without having been paid for, and whose seats are
/// others' or nobody's. Returns how many. Needs the reservations among the records.
pub fn forget_reservations(
    records: &mut Records,
    ids: &[ReservationId],
    until: Timestamp,
) -> usize {
    let names = |seat_id, id| {
        records.seats.get(&seat_id).is_some_and(|seat| seat.reservation_id() == Some(id))
    };
    let is_old = |reservation: &&Reservation| {
        let ended_at = reservation.state.ended_unpaid_at();
        ended_at.is_some_and(|ended_at| ended_at <= until)
            && !reservation.seat_ids().any(|seat_id| names(seat_id, reservation.id))
    };
    let found = ids.iter().filter_map(|id| records.reservations.get(id));
    let old: Vec<_> = found.filter(is_old).map(|reservation| reservation.id).collect();
    for id in &old {
        records.reservations.remove(id);
    }
    old.len()
}

/// Forgets those of `keys` whose answers were kept by `until` already. Needs them among the records.
pub fn forget_answers(records: &mut Records, keys: &[IdempotencyKey], until: Timestamp) {
    for key in keys {
        let kept = records.kept_answers.get(key);
        if kept.is_some_and(|kept| kept.created_at <= until) {
            records.kept_answers.remove(key);
        }
    }
}

/// Forgets what had run out by `until`, of sessions and of resets of passwords. Returns how much that was.
pub fn forget_sign_ins(
    records: &mut Records,
    sessions: &[SessionId],
    resets: &[PasswordResetId],
    until: Timestamp,
) -> usize {
    let mut forgotten = 0;
    for id in sessions {
        if records.sessions.get(id).is_some_and(|session| session.expires_at <= until) {
            records.sessions.remove(id);
            forgotten += 1;
        }
    }
    for id in resets {
        if records.password_resets.get(id).is_some_and(|reset| reset.expires_at <= until) {
            records.password_resets.remove(id);
            forgotten += 1;
        }
    }
    forgotten
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::draw::Lobby;
    use crate::records::Forgotten;
    use crate::reservation::ReservationState;
    use crate::seat::{Seat, SeatState};
    use crate::settling::tests::held_for;
    use crate::waiting_room::WaitingRoom;
    use crate::waiting_room::tests::room;
    use crate::waiting_token::tests::{at, id, inside, numbered};
    use crate::waiting_token::{Admission, TokenState};

    /// What is over by then is forgotten.
    const UNTIL: Timestamp = Timestamp::from_timestamp(100, 0).unwrap();

    #[test]
    fn what_ended_is_kept_for_its_time_without_that_in_which_the_service_was_away() {
        let policy = RetentionPolicy { kept_for: TimeDelta::seconds(100) };
        let outage = |began, ended| Outage { began_at: at(began), ended_at: at(ended) };
        assert_eq!(policy.forgets_until(at(1_000), &[]), at(900));
        assert_eq!(policy.forgets_until(at(1_000), &[outage(100, 200)]), at(900));
        let years = [outage(10, 90), outage(100, 1_000_000)];
        assert_eq!(policy.forgets_until(at(1_000_010), &years), at(-70));
        assert_eq!(policy.forgets_until(at(1_000_050), &years), at(-30));
        assert_eq!(policy.forgets_until(at(1_000_200), &years), at(1_000_100));
    }

    /// A token that was over at that second.
    fn over(number: u64, second: i64) -> WaitingToken {
        numbered(number, TokenState::Expired { admission: None, ended_at: at(second) })
    }

    fn bought(number: u64, second: i64) -> WaitingToken {
        let admission = Admission { at: at(0), capacity: 2, leave_by: None };
        numbered(number, TokenState::Done { admission, ended_at: at(second) })
    }

    /// At second 200, a room as `change` leaves it, and these tokens.
    fn records(tokens: &[WaitingToken], change: impl Fn(&mut WaitingRoom)) -> Records {
        let mut records = Records::at(at(200));
        let mut room = WaitingRoom { last_number: 9, ..room(2).0 };
        change(&mut room);
        records.rooms.load(room);
        tokens.iter().for_each(|token| records.tokens.load(token.clone()));
        records
    }

    /// What was forgotten of the site's room, and up to which number.
    fn forget(records: &mut Records) -> (Vec<TokenId>, u64) {
        let mut all: Vec<_> = records.tokens.iter().map(|token| token.id).collect();
        all.reverse();
        let count = forget_tokens(records, RoomId::SITE, &all, UNTIL).unwrap();
        let Forgotten { tokens, reservations, kept_answers, .. } = records.forgotten();
        assert_eq!((tokens.len(), reservations, kept_answers), (count, vec![], vec![]));
        (tokens, records.rooms.get(&RoomId::SITE).unwrap().forgotten_to)
    }

    #[test]
    fn tokens_are_forgotten_from_the_lowest_number_on_up_to_the_first_that_is_not_over_for_long() {
        let none = || (vec![], 0);
        for (kept, third) in [
            ("over for less long", over(3, 101)),
            ("inside, though its time is over", inside(3, 0, 50)),
            ("waiting", numbered(3, TokenState::Waiting)),
            ("of another room", WaitingToken { room_id: Uuid::from_u128(9).into(), ..over(3, 0) }),
        ] {
            let tokens = [over(1, 100), bought(2, 99), third, over(4, 0)];
            let mut records = records(&tokens, |_| ());
            assert_eq!(forget(&mut records), (vec![id(1), id(2)], 2), "{kept}");
        }
        let mut young = records(&[over(1, 101), over(2, 0)], |_| ());
        assert_eq!(forget(&mut young), none());
        assert!(young.rooms.is_unchanged());
        assert_eq!(
            forget(&mut records(&[over(2, 0)], |_| ())),
            none(),
            "the first is not among them"
        );
    }

    #[test]
    fn forgetting_goes_on_where_it_ended() {
        let tokens = [over(5, 0), over(6, 0), over(7, 150)];
        let mut records = records(&tokens, |room| room.forgotten_to = 4);
        assert_eq!(forget(&mut records), (vec![id(5), id(6)], 6));
        let again = forget_tokens(&mut records, RoomId::SITE, &[id(5), id(6)], UNTIL);
        assert_eq!(again, Ok(0), "they are gone");
    }

    #[test]
    fn everybody_of_a_lobby_is_kept() {
        let undrawn = WaitingToken { number: None, ..over(8, 0) };
        let tokens = [over(1, 0), over(2, 0), undrawn, over(4, 0)];
        let with_lobby = |room: &mut WaitingRoom| {
            room.lobby = Lobby { count: 3, drawn_count: 2, ..room.lobby.clone() };
        };
        assert_eq!(forget(&mut records(&tokens, with_lobby)), (vec![id(4)], 4));
    }

    /// Whether the reservation of [`held_for`], in that state, is forgotten while its seat is in that one.
    fn is_forgotten(state: ReservationState, seat: SeatState) -> bool {
        let (held, mut records) = (held_for(60), Records::at(at(1_000)));
        let reservation = held.reservations.iter().next().unwrap();
        records.reservations.load(Reservation { state, ..reservation.clone() });
        held.seats.iter().for_each(|s| records.seats.load(Seat { state: seat, ..s.clone() }));
        let count = forget_reservations(&mut records, &[reservation.id], UNTIL);
        let forgotten = records.forgotten().reservations;
        assert_eq!((forgotten.len(), forgotten.contains(&reservation.id)), (count, count > 0));
        count > 0
    }

    #[test]
    fn a_reservation_that_ended_long_ago_and_unpaid_is_forgotten_and_no_other() {
        let payment_id = Uuid::from_u128(7).into();
        for ended_at in [at(0), at(100)] {
            for state in
                [ReservationState::Expired { ended_at }, ReservationState::Cancelled { ended_at }]
            {
                assert!(is_forgotten(state, SeatState::Available), "{state:?}");
            }
        }
        for state in [
            ReservationState::Held,
            ReservationState::Expired { ended_at: at(101) },
            ReservationState::Cancelled { ended_at: at(101) },
            ReservationState::Paying { payment_id },
            ReservationState::Confirmed { payment_id, confirmed_at: at(0) },
            ReservationState::PaymentFailed { payment_id, ended_at: at(0) },
            ReservationState::Refunded { payment_id, confirmed_at: at(0), refunded_at: at(0) },
        ] {
            assert!(!is_forgotten(state, SeatState::Available), "{state:?}");
        }
    }

    #[test]
    fn a_reservation_that_a_seat_names_is_kept_and_one_whose_seat_another_has_is_forgotten() {
        let expired = ReservationState::Expired { ended_at: at(0) };
        let its_own = held_for(60).reservations.iter().next().unwrap().id;
        for (to, is_anothers) in [(its_own, false), (Uuid::from_u128(99).into(), true)] {
            assert_eq!(is_forgotten(expired, SeatState::Sold { to }), is_anothers);
        }
    }

    #[test]
    fn a_room_that_there_is_not_forgets_nothing() {
        let mut records = Records::at(at(200));
        let forgotten = forget_tokens(&mut records, RoomId::SITE, &[], UNTIL);
        assert_eq!(forgotten, Err(Refusal::NotFound));
    }
}
