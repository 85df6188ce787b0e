use crate::records::Records;

/// Hears of every commit of this server, before anyone is answered.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait CommitObserver: Send + Sync {
    /// `changes` are in the store for good. Must be quick: everyone in the group waits for it.
    fn committed(&self, changes: &Records);
}
