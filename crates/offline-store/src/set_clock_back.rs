//! Every time that a store records moves when its clock is set back. How far, and what is left alone,
//! [`domain::clock_set_back`] says.

use domain::clock_set_back::{CannotSetBack, Reading, SetBack};
use domain::ids::RoomId;
use domain::ports::{DrawSeeds, Unavailable};
use uuid::Uuid;

use crate::{OfflineStore, statements};

/// In how many outages it is looked at once what was decided.
const OUTAGES_AT_ONCE: usize = 50;

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
    let mut decided = Vec::new();
    for outages in reading.candidates()?.chunks(OUTAGES_AT_ONCE) {
        decided.extend(store.times(&statements::decided_in(dialect, outages)).await?);
    }
    let set_back = reading.set_back(&decided)?;
    let (mut rows, mut closed, mut early) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(oldest) = set_back.cuts.last() {
        for of_table in statements::moves(dialect, oldest) {
            let count = store.count(&of_table.count).await?;
            if count > 0 {
                rows.push((of_table.table, count));
            }
        }
        closed = store.ids(&statements::rooms_to_close(dialect, oldest)).await?;
    }
    for cut in &set_back.cuts {
        early.extend(store.ids(&statements::rooms_opened_early(dialect, cut)).await?);
    }
    early.sort_unstable();
    early.dedup();
    let rooms = |ids: Vec<Uuid>| ids.into_iter().map(RoomId::from).collect();
    let (closed, opened_early) = (rooms(closed), rooms(early));
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
    store.change(dialect.open_audit_log()).await?;
    for cut in &plan.set_back.cuts {
        for of_table in statements::moves(dialect, cut) {
            store.change(&of_table.update).await?;
        }
    }
    store.change(statements::LAST_POLICIES_ARE_THE_ROOMS).await?;
    store.change(dialect.seal_audit_log()).await?;
    store.set_ahead(plan.set_back.left).await?;
    store.keep().await
}
