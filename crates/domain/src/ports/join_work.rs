use crate::Timestamp;
use crate::ids::UserId;

/// Work that has to be done before a place in line is taken: little for one person, much for who
/// wants a great many places.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait JoinWork: Send + Sync {
    /// Demands `bits` of work of `user_id`.
    fn demand(&self, user_id: UserId, bits: u32, now: Timestamp) -> WorkDemand;

    /// Whether `done` is all of the work that was demanded of `user_id`, done in time. Whether it was used
    /// before is not known here.
    fn is_done(&self, user_id: UserId, done: &WorkDone, now: Timestamp) -> bool;
}

/// Work that is demanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkDemand {
    /// What it is done on; good for some minutes and for one user.
    pub challenge: String,
    /// How many leading bits of the SHA-256 of challenge and nonce must be zero.
    pub bits: u32,
}

/// Work that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkDone {
    /// What it was done on.
    pub challenge: String,
    /// What was found.
    pub nonce: String,
}
