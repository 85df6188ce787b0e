//! `stagedoor set-clock-back`.

use adapter_auth::RandomSeeds;
use anyhow::Result;
use domain::clock_set_back::in_words;
use domain::ids::RoomId;
use offline_store::{Plan, carry_out, plan};

use crate::offline::offline;
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
    let mut store = offline(settings).await?;
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

fn tell(plan: &Plan) {
    let Plan { reading, set_back, rows, closed, opened_early } = plan;
    let ahead = in_words(reading.ahead());
    println!(
        "The store's time is {}, the clock's {}: ahead by {ahead}.",
        reading.store, reading.wall
    );
    for cut in &set_back.cuts {
        let (began, ended) = (cut.outage.began_at, cut.outage.ended_at);
        let (from, by) = (cut.from, in_words(cut.by));
        println!("{by} came in by the outage from {began} to {ended}.");
        println!("What was recorded from {from} on moves back by as much.");
    }
    println!("So does what follows from it. Rows that move:");
    for (table, count) in rows {
        println!("  {count:>10} {table}");
    }
    tell_of_rooms("closed again until they are to open, each with a new seed for its draw", closed);
    tell_of_rooms("opened too early and stay open, since somebody has come", opened_early);
    if set_back.left.num_seconds() > 0 {
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
