//! A sale beside hand-written SQL and bare handlers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use throw_away_postgres::{Cluster, Postgres};

use crate::bare;
use crate::caller::{Caller, Shot};
use crate::load::{Times, fire_any};
use crate::process::Program;
use crate::reference::Reference;
use crate::report::{Figure, Report};
use crate::theatre::{Plan, Theatre};
use crate::wrk::repeat;

/// What is measured in a turn.
pub(crate) const PARTS: &[&str] =
    &["by-hand", "joins-1024", "sale-64", "sale-256", "lone", "reads", "embedded"];
/// How many people come in a turn, with a seat for each: more than can be served in a rush.
const PEOPLE: usize = 130_000;
/// How many of them hold their seats in a rush. The others hold theirs at leisure, and pay for them
/// in one.
const HOLDERS: usize = 80_000;
/// How many transactions the hand-written way runs.
const BY_HAND: usize = 16_000;
const PEOPLE_ONE_BY_ONE: usize = 6_000;
/// With more, the hand-written way only gets slower.
const REFERENCE_CLIENTS: usize = 16;
const LONE_HOLDS: usize = 1_000;
const SEATS_OF_MAP: usize = 2_000;
const READS_LAST: Duration = Duration::from_secs(3);
const READERS: usize = 64;
const AFTER_ONE_SEAT: usize = 1_000;

/// Measures one of [`PARTS`] once.
pub(crate) async fn measure(
    part: &str,
    cluster: &Cluster,
    binary: &Path,
    report: &mut Report,
) -> Result<()> {
    match part {
        "by-hand" => by_hand(cluster, binary, report),
        "joins-1024" => joins(cluster, binary, report).await,
        "sale-64" => sale(cluster, binary, 64, report).await,
        "sale-256" => sale(cluster, binary, 256, report).await,
        "lone" => lone(cluster, binary, report).await,
        "reads" => reads(cluster, binary, report).await,
        "embedded" => embedded(binary, report).await,
        other => bail!("there is no part {other}; there are {PARTS:?}"),
    }
}

fn plan(binary: &Path, database_url: Option<&str>, group_max: usize, seats: usize) -> Result<Plan> {
    Ok(Plan { program: Program::new(binary, database_url)?, group_max, seats })
}

/// What pgbench gets out of hand-written transactions.
fn by_hand(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let reference = Reference::open(cluster, binary, BY_HAND, REFERENCE_CLIENTS)?;
    report.add(Figure::JoinsByHand, reference.join()?.a_second());
    report.add(Figure::HoldsByHand, reference.hold()?.a_second());
    report.add(Figure::PaymentsByHand, reference.pay()?.a_second());
    let lone = Reference::open(cluster, binary, LONE_HOLDS, 1)?;
    lone_figures(report, &lone.hold()?, Figure::LoneByHandP50, Figure::LoneByHandP99);
    Ok(())
}

fn lone_figures(report: &mut Report, times: &Times, p50: Figure, p99: Figure) {
    report.add(p50, times.percentile(50).as_secs_f64() * 1_000.0);
    report.add(p99, times.percentile(99).as_secs_f64() * 1_000.0);
}

/// A whole sale over HTTP: people join, hold, charge and pay.
async fn sale(cluster: &Cluster, binary: &Path, clients: usize, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let mut theatre = Theatre::open(plan(binary, Some(&database.url), 256, PEOPLE)?).await?;
    let [joins, holds, payments] = match clients {
        64 => [Figure::Joins64, Figure::Holds64, Figure::Payments64],
        _ => [Figure::Joins256, Figure::Holds256, Figure::Payments256],
    };
    report.add(joins, theatre.join_rush(clients)?);
    theatre.join().await?;
    report.add(holds, theatre.hold_rush(clients, 0..HOLDERS)?);
    theatre.hold(HOLDERS..PEOPLE).await?;
    theatre.charge().await?;
    report.add(payments, theatre.pay_rush(clients)?);
    theatre.assert_sound()
}

/// A crowd at the door of the waiting room, and nothing else.
async fn joins(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let theatre = Theatre::open(plan(binary, Some(&database.url), 256, PEOPLE)?).await?;
    report.add(Figure::Joins1024, theatre.join_rush(1_024)?);
    theatre.assert_sound()
}

/// One client after the other; and then all of them after one seat.
async fn lone(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let people = LONE_HOLDS + AFTER_ONE_SEAT;
    let mut theatre = Theatre::open(plan(binary, Some(&database.url), 256, people)?).await?;
    theatre.join().await?;
    let is_held = |status| status == 201;
    let (took, held) = fire_any(&theatre.address, 1, theatre.holds(0..LONE_HOLDS), is_held).await?;
    let mut each: Vec<_> = held.iter().map(|held| held.took).collect();
    each.sort_unstable();
    let times = Times { took, each };
    lone_figures(report, &times, Figure::LoneP50, Figure::LoneP99);

    let rush = theatre.all_hold(LONE_HOLDS, LONE_HOLDS..people);
    let is_answered = |status| status == 201 || status == 409;
    let (took, answers) = fire_any(&theatre.address, AFTER_ONE_SEAT, rush, is_answered).await?;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    ensure!(won == 1, "{won} got the seat");
    report.add(Figure::OneSeat, took.as_secs_f64() * 1_000.0);
    theatre.assert_sound()
}

/// The seat map of a show with many seats, whole and not modified, beside a bare handler.
async fn reads(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let mut theatre = Theatre::open(plan(binary, Some(&database.url), 256, SEATS_OF_MAP)?).await?;
    theatre.join().await?;
    let look = theatre.look()?.with("accept-encoding", "gzip");
    let answer = Caller::connect(&theatre.address).await?.ask(&look).await?;
    let etag = answer.headers().get("etag").context("no ETag")?.to_str()?.to_owned();
    let (_, body) = Caller::connect(&theatre.address).await?.send(&look).await?;
    let bare = bare::start(Bytes::copy_from_slice(&body), 2)?;
    // The very same requests, but for the path.
    let get = |path: &str| Shot { path: path.to_owned(), ..look.clone() };
    let if_changed = |shot: Shot| shot.with("if-none-match", etag.clone());
    let body = repeat(&bare, READERS, &[get("/body")], READS_LAST)?;
    report.add(Figure::BareBody, body);
    let map = repeat(&theatre.address, READERS, std::slice::from_ref(&look), READS_LAST)?;
    report.add(Figure::SeatMaps, map);
    report.add(Figure::BareTiny, repeat(&bare, READERS, &[get("/tiny")], READS_LAST)?);
    let bare_unmodified = [if_changed(get("/unmodified"))];
    report.add(Figure::BareUnmodified, repeat(&bare, READERS, &bare_unmodified, READS_LAST)?);
    let unmodified = repeat(&theatre.address, READERS, &[if_changed(look.clone())], READS_LAST)?;
    report.add(Figure::SeatMapsUnmodified, unmodified);
    let poll = repeat(&theatre.address, READERS, &[get("/api/queue_tokens/current")], READS_LAST)?;
    report.add(Figure::OwnTiny, poll);
    Ok(())
}

/// Holds on the embedded store, in groups and one by one.
async fn embedded(binary: &Path, report: &mut Report) -> Result<()> {
    for (group_max, figure) in [(1, Figure::EmbeddedOneByOne), (256, Figure::EmbeddedInGroups)] {
        let mut theatre = Theatre::open(plan(binary, None, group_max, PEOPLE_ONE_BY_ONE)?).await?;
        theatre.join().await?;
        report.add(figure, theatre.hold(0..PEOPLE_ONE_BY_ONE).await?.a_second());
        theatre.assert_sound()?;
    }
    Ok(())
}
