//! What somebody else keeps locked: whoever needs it is tried apart from the others, and not for long.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use domain::records::Scope;
use uuid::Uuid;

/// For how long whoever needs it is refused at once, before it is tried again.
const REFUSED_FOR: Duration = Duration::from_millis(400);
/// After how long without a failure nobody thinks of it any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// Keys of rows for which a lone change waited in vain.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    failed_at: HashMap<Uuid, Instant>,
}

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
    /// How a command on `scope` is to be tried.
    pub(crate) fn how_to_try(&self, scope: &Scope) -> Try {
        if self.failed_at.is_empty() {
            return Try::Together;
        }
        let failed_at = keys(scope).into_iter().filter_map(|key| self.failed_at.get(&key)).max();
        match failed_at.map(Instant::elapsed) {
            None => Try::Together,
            Some(since) if since < REFUSED_FOR => Try::Later,
            Some(_) => Try::Apart,
        }
    }

    /// A command on `scope` alone waited in vain.
    pub(crate) fn failed(&mut self, scope: &Scope) {
        let now = Instant::now();
        self.failed_at.retain(|_, failed_at| failed_at.elapsed() < FORGOTTEN_AFTER);
        self.failed_at.extend(keys(scope).into_iter().map(|key| (key, now)));
    }

    /// A command on `scope` did not have to wait.
    pub(crate) fn succeeded(&mut self, scope: &Scope) {
        if !self.failed_at.is_empty() {
            for key in keys(scope) {
                self.failed_at.remove(&key);
            }
        }
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
        .chain(ids(scope.live_tokens.iter().map(|(user_id, _)| *user_id)))
        .chain(ids(scope.reserved_by.iter().map(|(user_id, _)| *user_id)))
        .chain(ids(scope.seats.iter().copied()))
        .chain(ids(scope.reservations.iter().copied()))
        .chain(ids(scope.payments.iter().copied()))
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
        stuck.failed_at.values_mut().for_each(|failed_at| *failed_at = long_ago);
        assert_eq!(stuck.how_to_try(&joins), Try::Apart);
        stuck.succeeded(&joins);
        assert_eq!(stuck.how_to_try(&joins), Try::Together);
    }
}
