use std::panic::{AssertUnwindSafe, catch_unwind};

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

impl dyn CommitObserver {
    /// Tells of a commit. Should the observer panic over it, it is told to begin anew, and whoever
    /// waits for the commit's answer hears of nothing but the commit.
    pub fn tell(&self, changes: &Records) {
        let told = catch_unwind(AssertUnwindSafe(|| self.committed(changes)));
        if told.is_err() {
            let _ = catch_unwind(AssertUnwindSafe(|| self.lost_track()));
        }
    }
}
