//! Seats that were paid for and come back: at a moment that nobody can foresee, so that whoever gives them
//! back cannot hand them to somebody who waits for that.

use chrono::TimeDelta;

use super::release;
use crate::ids::{ReservationId, SeatId};
use crate::records::Records;
use crate::seat::LetGo;

/// Frees the seats of a payment that was given back, or that an operator ended: at once, or all of them
/// together after a time.
pub(crate) fn free_after(
    records: &mut Records,
    from: ReservationId,
    seat_ids: &[SeatId],
    delay: TimeDelta,
    let_go: Option<LetGo>,
) {
    if delay <= TimeDelta::zero() {
        return release(records, from, seat_ids, let_go);
    }
    let returns_at = records.now + delay;
    for id in seat_ids {
        if let Some(seat) = records.seats.get_mut(id) {
            seat.come_back(from, returns_at);
        }
    }
}

/// Frees the seats of a reservation that are to come back by now. Says whether there were any. Needs the
/// reservation among the records.
pub fn free_returned(records: &mut Records, id: ReservationId) -> bool {
    let cutoff = records.cutoff;
    let Some(reservation) = records.reservations.get(&id) else { return false };
    let is_due = |id: &SeatId| records.seats.get(id).is_some_and(|seat| seat.is_to_return(cutoff));
    let due: Vec<_> = reservation.seat_ids().filter(is_due).collect();
    release(records, id, &due, None);
    !due.is_empty()
}
