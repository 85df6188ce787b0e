//! What is done to a store while nobody else uses it, and is the same on both: [its clock is set
//! back](carry_out), [its counts are made anew](recount).
//!
//! Whole tables change, so this is done in SQL, in one transaction.

mod columns;
mod counts;
mod dialect;
mod set_clock_back;
mod statements;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::clock_set_back::Reading;
use domain::ports::Unavailable;
use uuid::Uuid;

pub use columns::{TimeColumn, TimeKind, columns};
pub use counts::{Recounted, recount};
pub use dialect::Dialect;
pub use set_clock_back::{NoPlan, Plan, carry_out, plan};

/// A store that nobody else uses meanwhile, in a transaction that is rolled back where it is not kept.
#[async_trait]
pub trait OfflineStore: Send {
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// What it says of its time.
    ///
    /// # Errors
    /// [`Unavailable`], as from all of these.
    async fn reading(&mut self) -> Result<Reading, Unavailable>;

    /// The times in the column `at` of a query.
    async fn times(&mut self, query: &str) -> Result<Vec<Timestamp>, Unavailable>;

    /// The ids in the column `id` of a query.
    async fn ids(&mut self, query: &str) -> Result<Vec<Uuid>, Unavailable>;

    /// The number in the column `count` of a query.
    async fn count(&mut self, query: &str) -> Result<i64, Unavailable>;

    /// Changes what a statement says.
    async fn change(&mut self, statement: &str) -> Result<(), Unavailable>;

    /// From now on the store's time is ahead of the wall clock by `ahead`.
    async fn set_ahead(&mut self, ahead: TimeDelta) -> Result<(), Unavailable>;

    /// Commits it all.
    async fn keep(self: Box<Self>) -> Result<(), Unavailable>;
}
