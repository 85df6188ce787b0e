//! Measures how many holds a second the embedded store takes over HTTP, in groups and one by one,
//! both in one run, taken in turn.
//!
//! `bench PATH-OF-STAGEDOOR`

mod caller;
mod theatre;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use crate::caller::Caller;
use crate::theatre::Theatre;

const CLIENTS: usize = 256;
const HOLDS: usize = 10_000;
const TURNS: usize = 3;
/// How many changes one transaction carries: the reference, and what the product does.
const GROUP_SIZES: [usize; 2] = [1, 256];

/// What one turn came to.
struct Turn {
    holds_a_second: f64,
    p50: Duration,
    p99: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let binary: PathBuf = std::env::args().nth(1).context("where is stagedoor?")?.into();
    // It is started in a folder of its own, from where a relative path leads nowhere.
    let binary = binary.canonicalize().with_context(|| format!("no {}", binary.display()))?;
    let steps = u64::try_from(HOLDS * TURNS * GROUP_SIZES.len())?;
    let bar = ProgressBar::new(steps).with_style(ProgressStyle::with_template(
        "{bar:40} {percent}% of {len} holds, {eta} left",
    )?);
    let mut turns: [Vec<Turn>; GROUP_SIZES.len()] = Default::default();
    for _ in 0..TURNS {
        for (group_max, turns) in GROUP_SIZES.iter().zip(&mut turns) {
            turns.push(turn(&binary, *group_max, &bar).await?);
        }
    }
    bar.finish_and_clear();

    println!(
        "{CLIENTS} clients, {HOLDS} holds of distinct seats a turn, median of {TURNS} turns\n"
    );
    println!("| changes a transaction | holds a second | p50 | p99 | turns |");
    println!("|---|---|---|---|---|");
    let mut medians = Vec::new();
    for (group_max, turns) in GROUP_SIZES.iter().zip(&mut turns) {
        turns.sort_by(|a, b| a.holds_a_second.total_cmp(&b.holds_a_second));
        let middle = turns.get(TURNS / 2).context("no turns")?;
        let all: Vec<_> = turns.iter().map(|turn| format!("{:.0}", turn.holds_a_second)).collect();
        println!(
            "| up to {group_max} | {:.0} | {:.1} ms | {:.1} ms | {} |",
            middle.holds_a_second,
            middle.p50.as_secs_f64() * 1_000.0,
            middle.p99.as_secs_f64() * 1_000.0,
            all.join(", "),
        );
        medians.push(middle.holds_a_second);
    }
    if let [one_by_one, grouped] = medians[..] {
        println!("\nratio: {:.2}; every audit was clean", grouped / one_by_one);
    }
    Ok(())
}

/// Starts a server on an empty store, has all clients hold seats, and has the books audited.
async fn turn(binary: &std::path::Path, group_max: usize, bar: &ProgressBar) -> Result<Turn> {
    let theatre = Arc::new(Theatre::open(binary, group_max, HOLDS, CLIENTS).await?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        callers.push(Caller::connect(&theatre.address).await?);
    }
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for caller in callers {
        clients.spawn(client(caller, Arc::clone(&theatre), Arc::clone(&next), bar.clone()));
    }
    let mut times = Vec::with_capacity(HOLDS);
    while let Some(done) = clients.join_next().await {
        times.extend(done??);
    }
    let took = started.elapsed();
    times.sort_unstable();
    theatre.assert_sound()?;
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let holds = f64::from(u32::try_from(times.len())?);
    Ok(Turn { holds_a_second: holds / took.as_secs_f64(), p50: at(50), p99: at(99) })
}

/// Holds one seat after the other, until there is none left; returns how long each took.
async fn client(
    mut caller: Caller,
    theatre: Arc<Theatre>,
    next: Arc<AtomicUsize>,
    bar: ProgressBar,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    while let Some((token, body)) = theatre.hold(next.fetch_add(1, Ordering::Relaxed)) {
        let asked = Instant::now();
        let (status, answer) = caller.post("/api/reservations", token, body).await?;
        times.push(asked.elapsed());
        ensure!(
            status == 201,
            "a hold was answered {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        bar.inc(1);
    }
    Ok(times)
}
