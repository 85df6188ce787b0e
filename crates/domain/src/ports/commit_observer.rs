use crate::records::Records;

/// Hears of every commit: of this server's before anyone is answered, and of other servers' soon
/// after they were made. What is heard of other servers may be heard again, or out of order.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait CommitObserver: Send + Sync {
    /// `changes` are in the store for good. Must be quick: everyone in the group waits for it.
    fn committed(&self, changes: &Records);

    /// Commits of other servers may have been missed: what is remembered may be long out of date.
    fn lost_track(&self);
}
