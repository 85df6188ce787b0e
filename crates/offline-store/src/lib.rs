//! Every time that a store records, and how all of them move when its clock is set back: what is the same
//! on both stores. How far, and what is left alone, [`domain::clock_set_back`] says.
//!
//! Whole tables move, so this is done in SQL, in one transaction, while nobody else uses the store.

mod columns;
mod dialect;
mod statements;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::clock_set_back::{CannotSetBack, Reading, SetBack};
use domain::ids::RoomId;
use domain::ports::{DrawSeeds, Unavailable};
use uuid::Uuid;

pub use columns::{TimeColumn, TimeKind, columns};
pub use dialect::Dialect;

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

    /// Commits it all. From now on the store's time is ahead of the wall clock by `ahead`.
    async fn keep(self: Box<Self>, ahead: TimeDelta) -> Result<(), Unavailable>;
}

/// What setting a clock back comes to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the store says of its time.
    pub reading: Reading,
    /// What moves, and by how much.
    pub set_back: SetBack,
    /// How many rows move of which table, where some do.
    pub rows: Vec<(&'static str, i64)>,
    /// Rooms that are closed again until they are to open: nobody has come to them yet.
    pub closed: Vec<RoomId>,
    /// Rooms that opened too early and stay open: somebody has come to them.
    pub opened_early: Vec<RoomId>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum NoPlan {
    /// The clock cannot be set back.
    #[error(transparent)]
    Cannot(#[from] CannotSetBack),
    /// The store cannot be read.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Finds out what setting the clock back comes to. Changes nothing.
///
/// # Errors
/// [`NoPlan`].
pub async fn plan(store: &mut dyn OfflineStore) -> Result<Plan, NoPlan> {
    let dialect = store.dialect();
    let reading = store.reading().await?;
    let candidates = reading.candidates()?;
    let decided = store.times(&statements::decided_in(dialect, &candidates)).await?;
    let set_back = reading.set_back(&decided)?;
    let mut rows = Vec::new();
    for of_table in statements::moves(dialect, &set_back) {
        let count = store.count(&of_table.count).await?;
        if count > 0 {
            rows.push((of_table.table, count));
        }
    }
    let closed = store.ids(&statements::rooms_to_close(dialect, &set_back)).await?;
    let opened_early = store.ids(&statements::rooms_opened_early(dialect, &set_back)).await?;
    let [closed, opened_early] =
        [closed, opened_early].map(|ids| ids.into_iter().map(RoomId::from).collect());
    Ok(Plan { reading, set_back, rows, closed, opened_early })
}

/// Sets the clock back as planned on the same store, all or nothing.
///
/// # Errors
/// [`Unavailable`]; then nothing is changed.
pub async fn carry_out(
    mut store: Box<dyn OfflineStore>,
    plan: &Plan,
    seeds: &dyn DrawSeeds,
) -> Result<(), Unavailable> {
    let dialect = store.dialect();
    for room_id in &plan.closed {
        store.change(&statements::close(dialect, *room_id, &seeds.next())).await?;
    }
    for of_table in statements::moves(dialect, &plan.set_back) {
        store.change(&of_table.update).await?;
    }
    store.keep(plan.set_back.left).await
}
