//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Files that are no client's connections: the store's, the payment provider's, and a few of our own.
const BESIDE_CONNECTIONS: u64 = 512;

/// Has the system give as many files as `connections` need, which by itself it often does not, and
/// returns for how many connections it did.
pub(crate) fn room_for(connections: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let (Some(current), wanted) = (limit.current, u64::try_from(connections)) else {
        return connections;
    };
    let wanted = wanted.unwrap_or(u64::MAX).saturating_add(BESIDE_CONNECTIONS);
    let given = wanted.min(limit.maximum.unwrap_or(u64::MAX)).max(current);
    limit.current = Some(given);
    let given = if setrlimit(Resource::Nofile, limit).is_ok() { given } else { current };
    let room = usize::try_from(given.saturating_sub(BESIDE_CONNECTIONS)).unwrap_or(connections);
    // With none at all nobody could ask what is wrong.
    let room = room.clamp(1, connections.max(1));
    if room < connections {
        tracing::warn!(
            connections = room,
            files = given,
            "the system gives too few open files for STAGEDOOR_CONNECTIONS_MAX (ulimit -n)"
        );
    }
    room
}
