use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::records::Records;

/// Hears of every commit: of this server's before anyone is answered, and of other servers' soon
/// after they were made. What is heard of other servers may be heard again, or out of order.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait CommitObserver: Send + Sync {
    /// `changes` are in the store for good. Must be quick: everyone in the group waits for it.
    fn committed(&self, changes: &Records);

    /// What is remembered may be out of date, or may never have been: commits may have been missed, or
    /// the store gone back to an earlier time. From here on it has the history that `history` names.
    fn began_anew(&self, history: u64);
}

impl dyn CommitObserver {
    /// Tells of a commit in the history that `history` names. Should the observer panic over it, it is
    /// told to begin anew, and whoever waits for the commit's answer hears of nothing but the commit.
    pub fn tell(&self, changes: &Records, history: u64) {
        let told = catch_unwind(AssertUnwindSafe(|| self.committed(changes)));
        if told.is_err() {
            self.begin_anew(history);
        }
    }

    /// Tells to begin anew, and goes on though the observer panics over it.
    pub fn begin_anew(&self, history: u64) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.began_anew(history)));
    }
}
