//! What somebody else keeps locked: whoever needs it is tried apart from the others, and not for long.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use domain::records::Scope;
use uuid::Uuid;

/// For how long whoever needs it is refused at once, before it is tried again.
const REFUSED_FOR: Duration = Duration::from_millis(400);
/// After how long without a failure nobody thinks of it any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// What lone changes needed that waited in vain: of each, keys of rows, one of which at least is locked by
/// somebody.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    failed: Vec<Failed>,
}

#[derive(Debug)]
struct Failed {
    keys: HashSet<Uuid>,
    at: Instant,
}

/// How many of them are thought of at the most.
const FAILED_MAX: usize = 256;

/// How a command is to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    /// With the others.
    Together,
    /// Apart, and not for long.
    Apart,
    /// Not yet: it failed a moment ago.
    Later,
}

impl Stuck {
    /// How a command on `scope` is to be tried. One that needs all that another one did would wait in vain
    /// like that; one that needs some of it may not.
    pub(crate) fn how_to_try(&self, scope: &Scope) -> Try {
        if self.failed.is_empty() {
            return Try::Together;
        }
        let keys = keys(scope);
        let mut how = Try::Together;
        for failed in self.failed.iter().filter(|failed| !failed.keys.is_disjoint(&keys)) {
            if failed.keys.is_subset(&keys) && failed.at.elapsed() < REFUSED_FOR {
                return Try::Later;
            }
            how = Try::Apart;
        }
        how
    }

    /// A command on `scope` alone waited in vain.
    pub(crate) fn failed(&mut self, scope: &Scope) {
        let keys = keys(scope);
        // What needed all of this, and more, is explained by it.
        self.failed.retain(|failed| {
            failed.at.elapsed() < FORGOTTEN_AFTER && !failed.keys.is_superset(&keys)
        });
        if self.failed.len() >= FAILED_MAX {
            self.failed.remove(0);
        }
        self.failed.push(Failed { keys, at: Instant::now() });
    }

    /// A command on `scope` did not have to wait: none of what it needs is locked.
    pub(crate) fn succeeded(&mut self, scope: &Scope) {
        if self.failed.is_empty() {
            return;
        }
        let keys = keys(scope);
        for failed in &mut self.failed {
            failed.keys.retain(|key| !keys.contains(key));
        }
        self.failed.retain(|failed| !failed.keys.is_empty());
    }
}

/// The ids of the rows that a change on `scope` locks, or finds what it locks by.
fn keys(scope: &Scope) -> HashSet<Uuid> {
    fn ids<Id: Into<Uuid> + Copy>(ids: impl Iterator<Item = Id>) -> impl Iterator<Item = Uuid> {
        ids.map(Into::into)
    }
    let rooms = scope.rooms.iter().chain(&scope.lines).chain(&scope.ends_of_lines).copied();
    let mut keys: HashSet<Uuid> = ids(rooms)
        .chain(ids(scope.tokens.iter().copied()))
        .chain(ids(scope.places.iter().map(|(user_id, _)| *user_id)))
        .chain(ids(scope.reserved_by.iter().map(|(user_id, _)| *user_id)))
        .chain(ids(scope.seats.iter().copied()))
        .chain(ids(scope.reservations.iter().copied()))
        .chain(ids(scope.payments.iter().copied()))
        .chain(ids(scope.top_ups.iter().copied()))
        .chain(ids(scope.accounts.iter().copied()))
        .collect();
    if scope.uptime {
        keys.insert(Uuid::nil());
    }
    keys
}

#[cfg(test)]
mod tests {
    use domain::ids::{RoomId, SeatId};

    use super::*;

    #[test]
    fn whoever_needs_what_is_stuck_is_tried_apart_until_it_is_not() {
        let (room, seat) = (RoomId::SITE, SeatId::from(Uuid::max()));
        let (joins, holds) = (Scope::new().end_of_line(room), Scope::new().seats([seat]));
        let mut stuck = Stuck::default();
        assert_eq!(stuck.how_to_try(&joins), Try::Together);
        stuck.failed(&joins);
        assert_eq!(stuck.how_to_try(&joins), Try::Later);
        assert_eq!(stuck.how_to_try(&holds), Try::Together, "others go on");
        let long_ago = Instant::now().checked_sub(REFUSED_FOR).unwrap();
        stuck.failed.iter_mut().for_each(|failed| failed.at = long_ago);
        assert_eq!(stuck.how_to_try(&joins), Try::Apart);
        stuck.succeeded(&joins);
        assert_eq!(stuck.how_to_try(&joins), Try::Together);
    }

    #[test]
    fn what_is_locked_among_many_is_closed_in_on_by_halves_and_the_others_go_on() {
        let seats: Vec<SeatId> = (1..=8).map(|n| Uuid::from_u128(n).into()).collect();
        let locked = seats[5];
        let mut stuck = Stuck::default();
        let mut parts = vec![seats];
        let mut went_through = Vec::new();
        while let Some(part) = parts.pop() {
            let scope = Scope::new().seats(part.iter().copied());
            let is_tried = stuck.how_to_try(&scope) != Try::Later;
            if !part.contains(&locked) {
                assert!(is_tried, "nothing of {part:?} is locked");
                stuck.succeeded(&scope);
                went_through.extend(part);
                continue;
            }
            if is_tried {
                stuck.failed(&scope);
            }
            if part.len() > 1 {
                let (one, other) = part.split_at(part.len() / 2);
                parts.extend([one.to_vec(), other.to_vec()]);
            }
        }
        assert_eq!(went_through.len(), 7);
        assert_eq!(stuck.how_to_try(&Scope::new().seats([locked])), Try::Later);
        assert_eq!(stuck.how_to_try(&Scope::new().seats(went_through)), Try::Together);
    }
}
