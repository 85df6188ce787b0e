//! Giving the length of an outage back, in batches: first to who was inside, then to what was held.
//!
//! Each batch is one commit that also says how far it has come, so that everybody gets it once, whichever
//! server goes on, and a crash in between changes nothing.

use uuid::Uuid;

use crate::ids::{ReservationId, TokenId};
use crate::records::Records;
use crate::reservation::ReservationState;
use crate::uptime::{Outage, RecoveryStep};
use crate::waiting_token::TokenState;

/// Gives it back to those of `inside` whose end it moves: the next after `done_to` in order of their
/// ids, or none if nobody is left. Says whether it was their turn. Needs the heartbeat and the tokens
/// among the records.
pub fn give_back_to_tokens(
    records: &mut Records,
    done_to: Option<Uuid>,
    inside: &[TokenId],
) -> bool {
    let last = inside.iter().max().copied().map(Uuid::from);
    let Some(outage) = take_turn(records, RecoveryStep::Tokens, done_to, last) else {
        return false;
    };
    for id in inside {
        let Some(token) = records.tokens.get(id) else { continue };
        let TokenState::Active { admission, expires_at } = token.state else { continue };
        let lost = outage.lost_since(admission.at);
        if outage.moves(expires_at) && !lost.is_zero() {
            let mut token = token.clone();
            token.prolong(lost);
            records.tokens.put(token);
        }
    }
    true
}

/// Gives it back to those of `held` whose end it moves: the next after `done_to` in order of their ids,
/// or none if none are left. Says whether it was their turn. Needs the heartbeat and the reservations
/// among the records.
pub fn give_back_to_holds(
    records: &mut Records,
    done_to: Option<Uuid>,
    held: &[ReservationId],
) -> bool {
    let last = held.iter().max().copied().map(Uuid::from);
    let Some(outage) = take_turn(records, RecoveryStep::Holds, done_to, last) else {
        return false;
    };
    for id in held {
        let Some(reservation) = records.reservations.get(id) else { continue };
        let lost = outage.lost_since(reservation.created_at);
        let is_moved = outage.moves(reservation.held_until) && !lost.is_zero();
        if reservation.state != ReservationState::Held || !is_moved {
            continue;
        }
        let mut reservation = reservation.clone();
        reservation.held_until += lost;
        for seat_id in reservation.seat_ids() {
            if let Some(seat) = records.seats.get_mut(&seat_id) {
                seat.hold_until(reservation.id, reservation.held_until);
            }
        }
        records.reservations.put(reservation);
    }
    true
}

/// The outage, if this is what comes next; then it is noted as done.
fn take_turn(
    records: &mut Records,
    step: RecoveryStep,
    done_to: Option<Uuid>,
    up_to: Option<Uuid>,
) -> Option<Outage> {
    let now = records.now;
    let uptime = records.uptime.as_mut()?;
    let recovery = uptime.recovery?;
    if (recovery.step, recovery.done_to) != (step, done_to) {
        return None;
    }
    let outage = uptime.outage(now);
    uptime.gave_back(up_to, now);
    outage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::seat::SeatState;
    use crate::uptime::{Uptime, Word};
    use crate::waiting_token::tests::{at, id, inside};
    use Records as AfterOutage;

    /// After an outage from second 100 to 400.
    fn after_outage() -> Records {
        let mut records = Records::at(at(400));
        let mut uptime = Uptime::first(at(100));
        uptime.beat(Uuid::from_u128(1).into(), Word::Nothing, at(400));
        records.uptime = Some(uptime);
        records
    }

    fn ends(records: &Records) -> Vec<(u64, Timestamp)> {
        let active = records.tokens.iter().filter_map(|token| match token.state {
            TokenState::Active { expires_at, .. } => Some((token.number?, expires_at)),
            _ => None,
        });
        active.collect()
    }

    #[test]
    fn whose_time_an_outage_took_gets_it_back_once() {
        let mut records = after_outage();
        let tokens = [inside(1, 0, 102), inside(2, 0, 103), inside(3, 0, 500), inside(4, 101, 701)];
        tokens.into_iter().for_each(|token| records.tokens.load(token));
        let ids = [id(1), id(2), id(3), id(4)];
        assert!(give_back_to_tokens(&mut records, None, &ids));
        let left = [(1, at(102)), (2, at(403)), (3, at(800)), (4, at(1_000))];
        assert_eq!(ends(&records), left, "the first had run out before");
        assert!(!give_back_to_tokens(&mut records, None, &ids), "that was done");
        assert!(give_back_to_tokens(&mut records, Some(id(4).into()), &[]));
        assert!(!give_back_to_tokens(&mut records, None, &ids), "it is the turn of what was held");
        assert_eq!(ends(&records), left);
    }

    #[test]
    fn a_hold_gets_it_back_with_its_seats_and_then_the_outage_is_over() {
        let AfterOutage { now, uptime, .. } = after_outage();
        let mut records = Records { now, uptime, ..crate::settling::tests::held_for(60) };
        let held = records.reservations.iter().next().unwrap().clone();
        let (reservation_id, seat_id) = (held.id, held.seat_ids().next().unwrap());
        assert!(!give_back_to_holds(&mut records, None, &[reservation_id]), "tokens come first");
        assert!(give_back_to_tokens(&mut records, None, &[]));
        assert!(give_back_to_holds(&mut records, None, &[reservation_id]));
        assert_eq!(records.reservations.get(&reservation_id).unwrap().held_until, at(600));
        let state = records.seats.get(&seat_id).unwrap().state;
        assert_eq!(state, SeatState::Held { by: reservation_id, until: at(600) });
        assert!(records.uptime.as_ref().unwrap().outage(at(400)).is_some());
        let done_to = Some(reservation_id.into());
        assert!(give_back_to_holds(&mut records, done_to, &[]));
        assert_eq!(records.uptime.as_ref().unwrap().outage(at(400)), None);
    }
}
