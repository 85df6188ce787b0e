//! What a place in line is told of the time to come.

use domain::Timestamp;
use domain::ids::TokenId;
use domain::waiting_room::RoomPolicy;

use super::Pulse;

/// How often a client near the front asks, in seconds.
const POLL_NEAR_SECONDS: u64 = 5;
/// How often a client far back asks, in seconds.
const POLL_FAR_SECONDS: u64 = 30;

/// In how many seconds the place `position` is let in, at the pace of the last minutes; none while
/// nobody is let in.
///
/// A room that fills up lets many in at once and then waits for them to leave, so the last minute alone
/// would promise too much. Use the one-minute rate, capped by the larger of the five-minute average and the
/// natural turnover (capacity / active TTL).
pub(super) fn eta_seconds(position: u64, pulse: &Pulse) -> Option<u64> {
    let policy = &pulse.room.policy;
    let is_stopped = policy.paused || pulse.room.sold_out || pulse.is_sold_out();
    if is_stopped || pulse.admitted.last_minute == 0 {
        return None;
    }
    let lasting = pulse.admitted.last_five_minutes.div_ceil(5).max(turnover_a_minute(policy));
    let mut a_minute = pulse.admitted.last_minute.min(lasting).max(1);
    if let Some(most) = policy.admissions_per_minute {
        a_minute = a_minute.min(most.into());
    }
    Some(position.saturating_mul(60).div_ceil(a_minute))
}

/// How many places a minute come free if everybody stays as long as may be.
fn turnover_a_minute(policy: &RoomPolicy) -> u64 {
    u64::from(policy.capacity) * 60 / u64::from(policy.active_ttl_seconds.max(1))
}

/// When to ask again, in seconds: often near the front, seldom far back or long before the opening,
/// and never so seldom that a place would be lost for it.
pub(super) fn poll_after_seconds(
    id: TokenId,
    position: Option<u64>,
    eta_seconds: Option<u64>,
    pulse: &Pulse,
    now: Timestamp,
) -> u32 {
    let policy = &pulse.room.policy;
    let until_opening = policy.opens_at.filter(|_| pulse.room.is_lobby(now)).map(|opens_at| {
        let left = (opens_at - now).num_seconds();
        u64::try_from(left).unwrap_or(0)
    });
    let wait = match (until_opening, position, eta_seconds) {
        (Some(left), ..) => left / 10,
        (None, Some(_), _) if pulse.is_sold_out() => POLL_FAR_SECONDS,
        (None, Some(_), Some(eta)) => eta / 10,
        (None, Some(position), None) => position / 100,
        (None, None, _) => POLL_NEAR_SECONDS,
    };
    let wait = wait.clamp(POLL_NEAR_SECONDS, POLL_FAR_SECONDS);
    let patience = u64::from(policy.idle_ttl_seconds / 4).max(1);
    let spread = spread(id, now, (wait - POLL_NEAR_SECONDS).min(wait / 5) + 1);
    u32::try_from((wait - spread).min(patience)).unwrap_or(u32::MAX)
}

/// Something below `most` that differs from client to client and from minute to minute, so that
/// clients that came together do not go on asking together. It need not be secret or even.
#[must_use]
pub fn spread(id: TokenId, now: Timestamp, most: u64) -> u64 {
    let (high, low) = uuid::Uuid::from(id).as_u64_pair();
    let minute = now.timestamp().unsigned_abs() / 60;
    let mixed = (high ^ low ^ minute).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.rotate_left(20) % most.max(1)
}

#[cfg(test)]
mod tests {
    use domain::ports::{Admitted, Stock};
    use domain::waiting_room::WaitingRoom;

    use super::*;
    use crate::testing::*;

    fn pulse(last_minute: u64, last_five_minutes: u64) -> Pulse {
        let mut room = room();
        room.policy.active_ttl_seconds = 600;
        room.policy.capacity = 500;
        Pulse { room, stock: None, admitted: Admitted { last_minute, last_five_minutes } }
    }

    #[test]
    fn an_estimate_is_at_the_pace_of_the_last_minutes() {
        assert_eq!(eta_seconds(30, &pulse(60, 300)), Some(30));
        assert_eq!(eta_seconds(1, &pulse(600, 3_000)), Some(1));
    }

    #[test]
    fn a_room_that_has_just_filled_up_does_not_promise_its_first_minute() {
        assert_eq!(eta_seconds(100, &pulse(500, 500)), Some(60));
    }

    #[test]
    fn nobody_is_told_an_estimate_while_nobody_is_let_in() {
        assert_eq!(eta_seconds(1, &pulse(0, 300)), None);
        let mut paused = pulse(60, 300);
        paused.room.policy.paused = true;
        assert_eq!(eta_seconds(1, &paused), None);
        let stock = Some(Stock { total: 5, available: 0, held: 0 });
        assert_eq!(eta_seconds(1, &Pulse { stock, ..pulse(60, 300) }), None);
        let held = Some(Stock { total: 5, available: 0, held: 1 });
        assert!(eta_seconds(1, &Pulse { stock: held, ..pulse(60, 300) }).is_some());
    }

    #[test]
    fn a_lower_rate_counts_at_once() {
        let mut slowed = pulse(600, 3_000);
        slowed.room.policy.admissions_per_minute = Some(6);
        assert_eq!(eta_seconds(6, &slowed), Some(60));
    }

    fn poll_after(id: u128, position: Option<u64>, eta: Option<u64>, pulse: &Pulse) -> u32 {
        poll_after_seconds(uuid::Uuid::from_u128(id).into(), position, eta, pulse, now())
    }

    #[test]
    fn who_is_near_asks_often_and_who_is_far_seldom_and_not_all_at_once() {
        let pulse = pulse(60, 300);
        assert_eq!(poll_after(1, None, None, &pulse), 5);
        assert_eq!(poll_after(1, Some(1), Some(1), &pulse), 5);
        assert_eq!(poll_after(1, Some(50), None, &pulse), 5);
        let far: std::collections::BTreeSet<_> =
            (1..200).map(|n| poll_after(n << 3, Some(100_000), Some(100_000), &pulse)).collect();
        assert!(far.iter().all(|wait| (24..=30).contains(wait)), "{far:?}");
        assert!(far.len() > 3, "{far:?}");
    }

    #[test]
    fn nobody_is_told_to_be_silent_for_so_long_that_the_place_is_lost() {
        let mut impatient = pulse(60, 300);
        impatient.room.policy.idle_ttl_seconds = 12;
        assert_eq!(poll_after(1, Some(100_000), Some(100_000), &impatient), 3);
        impatient.room.policy.idle_ttl_seconds = 1;
        assert_eq!(poll_after(1, Some(100_000), Some(100_000), &impatient), 1);
    }

    #[test]
    fn before_the_opening_the_lobby_asks_more_often_as_it_comes_near() {
        let opening_in = |left| {
            let mut pulse = pulse(0, 0);
            pulse.room = WaitingRoom { last_number: 0, ..pulse.room };
            pulse.room.policy.opens_at = Some(now() + seconds(left));
            poll_after(1, None, None, &pulse)
        };
        assert!((24..=30).contains(&opening_in(3_600)));
        assert_eq!(opening_in(20), 5);
    }
}
