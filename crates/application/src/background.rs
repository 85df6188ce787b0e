//! Where work goes on that many wait for.

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The runtime of whoever wired the application, on which nobody's requests are answered. On a thread
/// that answers them, each step of what thousands wait for would have its turn after all of those
/// thousands.
#[derive(Debug, Clone)]
pub(crate) struct Background(Option<Handle>);

impl Background {
    /// The runtime that this is called on.
    pub(crate) fn here() -> Self {
        Self(Handle::try_current().ok())
    }

    /// Starts `work` there; or on the runtime of the caller, where this was made outside of one.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match &self.0 {
            Some(runtime) => runtime.spawn(work),
            None => tokio::spawn(work),
        }
    }
}
