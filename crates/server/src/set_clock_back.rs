//! `stagedoor set-clock-back`.

use adapter_auth::RandomSeeds;
use adapter_postgres::{OfflineDatabase, OfflineError};
use adapter_sqlite::{OfflineFile, OpenError};
use anyhow::{Result, ensure};
use domain::clock_set_back::in_words;
use domain::ids::RoomId;
use recorded_times::{OfflineStore, Plan, carry_out, plan};

use crate::database::DatabaseUrl;
use crate::settings::Settings;

/// Whether it is done, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Somebody has read what would be done.
    Given,
    /// Nobody has.
    Awaited,
}

/// Takes an error of the clock out of a store that is far ahead, or says what that would come to.
pub(crate) async fn set_clock_back(settings: &Settings, consent: Consent) -> Result<()> {
    ensure!(settings.database.exists(), "there is no {}", settings.database);
    let mut store = open(&settings.database).await?;
    let plan = plan(store.as_mut()).await?;
    tell(&plan);
    match consent {
        Consent::Awaited => println!("Nothing is changed. With --yes it is done."),
        Consent::Given => {
            carry_out(store, &plan, &RandomSeeds).await?;
            println!("Done.");
        }
    }
    Ok(())
}

async fn open(database: &DatabaseUrl) -> Result<Box<dyn OfflineStore>> {
    let in_use = |error: anyhow::Error| error.context("stop all servers first");
    match database {
        DatabaseUrl::Sqlite(path) => match OfflineFile::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error @ OpenError::InUse { .. }) => Err(in_use(error.into())),
            Err(error) => Err(error.into()),
        },
        DatabaseUrl::Postgres(database) => match OfflineDatabase::open(database).await {
            Ok(database) => Ok(Box::new(database)),
            Err(error @ OfflineError::InUse { .. }) => Err(in_use(error.into())),
            Err(error) => Err(error.into()),
        },
    }
}

fn tell(plan: &Plan) {
    let Plan { reading, set_back, rows, closed, opened_early } = plan;
    let ahead = in_words(reading.ahead());
    println!(
        "The store's time is {}, the clock's {}: ahead by {ahead}.",
        reading.store, reading.wall
    );
    let (began, ended) = (set_back.outage.began_at, set_back.outage.ended_at);
    println!("That came in by the outage from {began} to {ended}.");
    let (from, by) = (set_back.from, in_words(set_back.by));
    println!(
        "What was recorded from {from} on moves back by {by}, and so does what follows from it:"
    );
    for (table, count) in rows {
        println!("  {count:>10} {table}");
    }
    tell_of_rooms("closed again until they are to open, each with a new seed for its draw", closed);
    tell_of_rooms("opened too early and stay open, since somebody has come", opened_early);
    if !set_back.left.is_zero() {
        println!("{} are left, which go away by themselves.", in_words(set_back.left));
    }
}

fn tell_of_rooms(what: &str, rooms: &[RoomId]) {
    if rooms.is_empty() {
        return;
    }
    println!("Rooms {what}:");
    for room in rooms {
        println!("  {room}");
    }
}
