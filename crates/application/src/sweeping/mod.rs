//! What is done over and over without a request: letting in, ending what is over, keeping time.
//!
//! Every rule compares times itself, so a sweep that is late or missing makes no answer wrong. The work
//! stands still without it: nobody is let in, no end counts without a beat, and a payment that a provider
//! left open stays so.

mod admit_next;
mod draw_lobbies;
mod drop_idle;
mod end_run_out;
mod expire_holds;
mod feel_pulses;
mod forget_answers;
mod forget_ended;
mod keep_time;
mod parts;
mod return_seats;
mod settle_payments;
mod write_heard;

pub use admit_next::*;
pub use draw_lobbies::*;
pub use drop_idle::*;
pub use end_run_out::*;
pub use expire_holds::*;
pub use feel_pulses::*;
pub use forget_answers::*;
pub use forget_ended::*;
pub use keep_time::*;
pub use return_seats::*;
pub use settle_payments::*;
pub use write_heard::*;

use domain::Timestamp;
use domain::ports::{Clock, DueWork, Unavailable, UpdateError};
use domain::retention::RetentionPolicy;
use futures_util::stream::{self, StreamExt};

/// What had ended by this time is forgotten now. By the time that counts, read before the outages on record:
/// a jump of the clock that is not yet known as an outage makes nothing old.
async fn forgets_until(
    policy: RetentionPolicy,
    clock: &dyn Clock,
    due_work: &dyn DueWork,
) -> Result<Timestamp, Unavailable> {
    let now = clock.cutoff();
    Ok(policy.forgets_until(now, &due_work.outages().await?))
}

/// How many things of one kind are worked on side by side.
const SIDE_BY_SIDE: usize = 8;

/// Works on each of `items`, several at a time, and goes on past those that fail: one thing that is stuck
/// does not stop the rest. Returns how much was done in all.
async fn side_by_side<T, F: Future<Output = Result<usize, UpdateError>>>(
    items: Vec<T>,
    work: impl Fn(T) -> F,
) -> Result<usize, UpdateError> {
    several_at_a_time(SIDE_BY_SIDE, items, work).await
}

/// The same, one after the other.
async fn one_by_one<T, F: Future<Output = Result<usize, UpdateError>>>(
    items: Vec<T>,
    work: impl Fn(T) -> F,
) -> Result<usize, UpdateError> {
    several_at_a_time(1, items, work).await
}

async fn several_at_a_time<T, F: Future<Output = Result<usize, UpdateError>>>(
    several: usize,
    items: Vec<T>,
    work: impl Fn(T) -> F,
) -> Result<usize, UpdateError> {
    let results = stream::iter(items.into_iter().map(work)).buffer_unordered(several);
    let add = |sum: Result<usize, UpdateError>, next: Result<usize, UpdateError>| async move {
        match (sum, next) {
            (Ok(sum), Ok(next)) => Ok(sum + next),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    };
    results.fold(Ok(0), add).await
}

/// How many things one decision of a sweeper looks at.
const BATCH: u32 = 256;

/// Whether a batch was full, so that there may be more.
fn was_full(count: usize) -> bool {
    u32::try_from(count).is_ok_and(|count| count >= BATCH)
}
