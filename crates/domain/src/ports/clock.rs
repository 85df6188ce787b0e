use crate::Timestamp;

/// The store's clock, as near as this server can tell it. Nothing is decided by any other.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time. Never goes back while the server runs.
    fn now(&self) -> Timestamp;
}
