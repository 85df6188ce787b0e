//! `stagedoor recount`.

use anyhow::Result;
use offline_store::Recounted;

use crate::offline::offline;
use crate::settings::Settings;

/// Counts anew what is kept as counts, and says how much of that was wrong.
pub(crate) async fn recount(settings: &Settings) -> Result<()> {
    let store = offline(settings).await?;
    let Recounted { rooms, shows } = offline_store::recount(store).await?;
    println!("Counts of {rooms} rooms and of {shows} shows were wrong, and are right now.");
    Ok(())
}
