use async_trait::async_trait;

use super::Unavailable;
use crate::audit::Books;

/// Reads everything there is, as of one moment, for an audit.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Ledger: Send + Sync {
    /// All the books.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer or holds what cannot be read.
    async fn books(&self) -> Result<Books, Unavailable>;
}
