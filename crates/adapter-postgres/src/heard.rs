//! How long the database is waited for. One that is slow is heard of; of one that is away, or cut off,
//! nothing is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// After how long a silence of the database nobody waits for it any more.
const SILENCE_MAX: Duration = Duration::from_millis(1_800);
/// How often whoever has waited for that long looks whether it was heard of.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// When something was last heard of: the database, by whoever asks it, four times a second by the feed.
#[derive(Debug, Clone)]
pub(crate) struct LastHeard {
    origin: Instant,
    /// In milliseconds since the origin.
    at: Arc<AtomicU64>,
}

/// Why nobody waits any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// Nothing is heard of the database.
    Silent,
    /// It is heard of, and this is not done.
    Slow,
}

impl Default for LastHeard {
    fn default() -> Self {
        Self { origin: Instant::now(), at: Arc::default() }
    }
}

impl LastHeard {
    /// It was heard of now.
    pub(crate) fn note(&self) {
        self.at.fetch_max(self.millis(), Ordering::Relaxed);
    }

    /// How long ago that was; if it never was, how long it is waited for.
    pub(crate) fn ago(&self) -> Duration {
        Duration::from_millis(self.millis().saturating_sub(self.at.load(Ordering::Relaxed)))
    }

    fn is_silent(&self) -> bool {
        self.ago() > SILENCE_MAX
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits as long as the database is heard of, and `limit` at the most.
    pub(crate) async fn wait<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let began = Instant::now();
        let mut look_after = SILENCE_MAX;
        tokio::pin!(answer);
        loop {
            match timeout(look_after, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) if self.is_silent() => return Err(Late::Silent),
                Err(_) if began.elapsed() >= limit => return Err(Late::Slow),
                Err(_) => look_after = LOOK_EVERY,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_database_that_is_heard_of_is_waited_for_up_to_the_limit_and_a_silent_one_is_not() {
        let heard = LastHeard::default();
        heard.note();
        let answer = heard.wait(Duration::MAX, pending::<()>());
        assert_eq!(answer.await, Err(Late::Silent));
        let hears = heard.clone();
        let hearing = tokio::spawn(async move {
            loop {
                hears.note();
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        tokio::task::yield_now().await;
        let answer = heard.wait(SILENCE_MAX, pending::<()>());
        assert_eq!(answer.await, Err(Late::Slow));
        let late = tokio::time::sleep(SILENCE_MAX * 2);
        assert_eq!(heard.wait(Duration::MAX, late).await, Ok(()));
        hearing.abort();
    }
}
