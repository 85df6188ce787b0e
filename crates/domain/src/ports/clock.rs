use chrono::TimeDelta;

use crate::Timestamp;

/// The store's clock, as near as this server can tell it. Nothing is decided by any other.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time. Never goes back while the server runs.
    fn now(&self) -> Timestamp;

    /// The time as of which ends of stays and holds count: now, unless the service may be away (see
    /// [`Uptime::cutoff`](crate::uptime::Uptime::cutoff)). Never goes back either, and is never ahead of
    /// the cutoff that a decision of that moment would have.
    fn cutoff(&self) -> Timestamp;

    /// How far the store's time is ahead of the wall clock that it follows; negative where it is behind.
    fn ahead(&self) -> TimeDelta;
}
