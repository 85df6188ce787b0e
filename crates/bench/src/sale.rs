//! A sale beside hand-written SQL and bare handlers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use throw_away_postgres::{Cluster, Database, Postgres};

use crate::bare;
use crate::caller::{Caller, Shot};
use crate::load::{Times, fire_any};
use crate::process::Program;
use crate::reference::Reference;
use crate::report::{Figure, Report};
use crate::theatre::{Plan, Theatre};
use crate::wrk::repeat;

/// What is measured in a turn. The hand-written way is measured twice, in between: how fast a COMMIT
/// is changes within minutes on machines that others use, too.
pub(crate) const PARTS: &[&str] = &[
    "joins-64",
    "joins-256",
    "joins-1024",
    "by-hand",
    "sale-64",
    "sale-256",
    "by-hand",
    "lone",
    "reads",
    "embedded",
];
/// How many people come to join: more than can in a rush.
const PEOPLE: usize = 130_000;
/// How many seats a large stadium has, with somebody for each.
const SEATS: usize = 70_000;
/// How many of them hold their seats in a rush: more than can. The others hold theirs at leisure, and
/// pay for them in one.
const HOLDERS: usize = 40_000;
/// How many transactions the hand-written way runs, on tables of as many people and seats.
const BY_HAND: usize = 16_000;
const PEOPLE_ONE_BY_ONE: usize = 6_000;
/// With more, the hand-written way only gets slower.
const REFERENCE_CLIENTS: usize = 16;
const LONE_HOLDS: usize = 1_000;
const SEATS_OF_MAP: usize = 2_000;
const READERS: usize = 64;
/// How often in a turn each kind of read is measured, one kind after the other, and for how long.
const READ_PASSES: usize = 3;
const READS_LAST: Duration = Duration::from_secs(2);
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
        "joins-64" => joins(cluster, binary, 64, Figure::Joins64, report).await,
        "joins-256" => joins(cluster, binary, 256, Figure::Joins256, report).await,
        "joins-1024" => joins(cluster, binary, 1_024, Figure::Joins1024, report).await,
        "sale-64" => sale(cluster, binary, 64, [Figure::Holds64, Figure::Payments64], report).await,
        "sale-256" => {
            sale(cluster, binary, 256, [Figure::Holds256, Figure::Payments256], report).await
        }
        "lone" => lone(cluster, binary, report).await,
        "reads" => reads(cluster, binary, report).await,
        "embedded" => embedded(binary, report).await,
        other => bail!("there is no part {other}; there are {PARTS:?}"),
    }
}

/// On PostgreSQL, a seat for each of so many.
fn sale_of(binary: &Path, database: &Database, people: usize) -> Result<Plan> {
    let program = Program::new(binary, Some(&database.url))?;
    Ok(Plan { program, group_max: 256, people, seats: people })
}

/// What pgbench gets out of hand-written transactions.
fn by_hand(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let reference = Reference::open(cluster, binary, SEATS, BY_HAND, REFERENCE_CLIENTS)?;
    report.add(Figure::JoinsByHand, reference.join()?.a_second());
    report.add(Figure::HoldsByHand, reference.hold()?.a_second());
    report.add(Figure::PaymentsByHand, reference.pay()?.a_second());
    let people = LONE_HOLDS + AFTER_ONE_SEAT;
    let lone = Reference::open(cluster, binary, people, LONE_HOLDS, 1)?;
    lone_figures(report, &lone.hold()?, Figure::LoneByHandP50, Figure::LoneByHandP99);
    Ok(())
}

fn lone_figures(report: &mut Report, times: &Times, p50: Figure, p99: Figure) {
    report.add(p50, times.percentile(50).as_secs_f64() * 1_000.0);
    report.add(p99, times.percentile(99).as_secs_f64() * 1_000.0);
}

/// A whole sale over HTTP: people hold, charge and pay.
async fn sale(
    cluster: &Cluster,
    binary: &Path,
    clients: usize,
    [holds, payments]: [Figure; 2],
    report: &mut Report,
) -> Result<()> {
    let database = cluster.create_database();
    let mut theatre = Theatre::open(sale_of(binary, &database, SEATS)?).await?;
    theatre.join().await?;
    report.add(holds, theatre.hold_rush(clients, 0..HOLDERS)?);
    theatre.hold(HOLDERS..SEATS).await?;
    theatre.charge().await?;
    report.add(payments, theatre.pay_rush(clients)?);
    theatre.assert_sound()
}

/// A crowd at the door of the waiting room, and nothing else.
async fn joins(
    cluster: &Cluster,
    binary: &Path,
    clients: usize,
    figure: Figure,
    report: &mut Report,
) -> Result<()> {
    let database = cluster.create_database();
    let plan = Plan { people: PEOPLE, ..sale_of(binary, &database, 1)? };
    let theatre = Theatre::open(plan).await?;
    report.add(figure, theatre.join_rush(clients)?);
    theatre.assert_sound()
}

/// One client after the other; and then all of them after one seat.
async fn lone(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let people = LONE_HOLDS + AFTER_ONE_SEAT;
    let mut theatre = Theatre::open(sale_of(binary, &database, people)?).await?;
    theatre.join().await?;
    theatre.come_to_rest()?;
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
    let mut theatre = Theatre::open(sale_of(binary, &database, SEATS_OF_MAP)?).await?;
    theatre.join().await?;
    let look = theatre.look()?.with("accept-encoding", "gzip");
    let answer = Caller::connect(&theatre.address).await?.ask(&look).await?;
    let etag = answer.headers().get("etag").context("no ETag")?.to_str()?.to_owned();
    let (_, body) = Caller::connect(&theatre.address).await?.send(&look).await?;
    let bare = bare::start(Bytes::copy_from_slice(&body), 2)?;
    // The very same requests, but for the path.
    let get = |path: &str| Shot { path: path.to_owned(), ..look.clone() };
    let if_changed = |shot: Shot| shot.with("if-none-match", etag.clone());
    let ours = theatre.address.as_str();
    let kinds = [
        (Figure::BareBody, bare.as_str(), get("/body")),
        (Figure::SeatMaps, ours, look.clone()),
        (Figure::BareTiny, &bare, get("/tiny")),
        (Figure::SeatMapsUnmodified, ours, if_changed(look.clone())),
        (Figure::BareUnmodified, &bare, if_changed(get("/unmodified"))),
        (Figure::OwnTiny, ours, get("/api/queue_tokens/current")),
    ];
    for _ in 0..READ_PASSES {
        for (figure, address, shot) in &kinds {
            let rate = repeat(address, READERS, std::slice::from_ref(shot), READS_LAST)?;
            report.add(*figure, rate);
        }
    }
    Ok(())
}

/// Holds on the embedded store, in groups and one by one.
async fn embedded(binary: &Path, report: &mut Report) -> Result<()> {
    for (group_max, figure) in [(1, Figure::EmbeddedOneByOne), (256, Figure::EmbeddedInGroups)] {
        let (program, people) = (Program::new(binary, None)?, PEOPLE_ONE_BY_ONE);
        let mut theatre = Theatre::open(Plan { program, group_max, people, seats: people }).await?;
        theatre.join().await?;
        report.add(figure, theatre.hold(0..PEOPLE_ONE_BY_ONE).await?.a_second());
        theatre.assert_sound()?;
    }
    Ok(())
}
