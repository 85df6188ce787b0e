//! The waiting room with a thousand, a hundred thousand and a million in line.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use throw_away_postgres::{Cluster, Postgres};

use crate::bare;
use crate::caller::{Caller, Shot};
use crate::load::fire;
use crate::process::Program;
use crate::report::{Figure, Report};
use crate::theatre::{call, text};
use crate::waiting_line::WaitingLine;
use crate::wrk::repeat;

/// What is measured in a turn.
pub(crate) const PARTS: &[&str] =
    &["1000", "100000", "1000000", "long", "streams", "place", "draw"];
const POLLERS: usize = 64;
/// How many different people poll, where not all do.
const POLLED: u64 = 10_000;
const POLLS_LAST: Duration = Duration::from_secs(3);
const POLLS_LAST_LONG: Duration = Duration::from_secs(45);
const JOINS: usize = 4_000;
const STREAMS: u32 = 10_000;
const PLACES: usize = 20;
const LOBBY: u32 = 100_000;

/// The lines that were formed, by their length.
#[derive(Default)]
pub(crate) struct Lines {
    formed: BTreeMap<u64, WaitingLine>,
}

impl Lines {
    /// Measures one of [`PARTS`] once.
    pub(crate) async fn measure(
        &mut self,
        part: &str,
        turn: usize,
        cluster: &Cluster,
        binary: &Path,
        report: &mut Report,
    ) -> Result<()> {
        match part {
            "1000" | "100000" | "1000000" => {
                let line = self.line(part.parse()?, cluster, binary)?;
                stand_in_line(line, turn, report).await
            }
            "long" => poll_for_long(self.line(1_000_000, cluster, binary)?, report),
            "streams" => open_streams(cluster, binary, report).await,
            "draw" => draw(cluster, binary, report).await,
            "place" => free_places(cluster, binary, report).await,
            other => bail!("there is no part {other}; there are {PARTS:?}"),
        }
    }

    fn line(&mut self, length: u64, cluster: &Cluster, binary: &Path) -> Result<&WaitingLine> {
        let not_yet = match self.formed.entry(length) {
            Entry::Occupied(formed) => return Ok(formed.into_mut()),
            Entry::Vacant(not_yet) => not_yet,
        };
        let database = cluster.create_database();
        let program = Program::new(binary, Some(&database.url))?;
        Ok(not_yet.insert(WaitingLine::form(program, database, length)?))
    }
}

/// Start, polls, joins and memory with that line.
async fn stand_in_line(line: &WaitingLine, turn: usize, report: &mut Report) -> Result<()> {
    use Figure::*;
    let (polls, bare, start, joins) = match line.length {
        1_000 => (Polls1k, BareTicket1k, Some(Start1k), Some(QueueJoins1k)),
        100_000 => (Polls100k, BareTicket100k, None, None),
        _ => (Polls1m, BareTicket1m, Some(Start1m), Some(QueueJoins1m)),
    };
    let shots = line.polls(POLLED)?;
    let first = shots.first().context("nobody waits")?;
    let began = Instant::now();
    let server = line.program.serve(&[])?;
    let (status, body) = Caller::connect(&server.address).await?.send(first).await?;
    ensure!(status == 200, "the first ticket was answered {status}");
    let mut add = |figure: Option<Figure>, value| {
        figure.into_iter().for_each(|figure| report.add(figure, value));
    };
    add(start, began.elapsed().as_secs_f64() * 1_000.0);
    add(Some(bare), bare_polls(&body, &shots, POLLS_LAST)?);
    add(Some(polls), repeat(&server.address, POLLERS, &shots, POLLS_LAST)?);
    if joins.is_some() {
        let people = line.program.create_people(&format!("turn{turn}-{}", line.length), JOINS)?;
        let join = |token: &String| Shot::post("/api/queue_tokens", token, Bytes::from("{}"));
        let shots = people.iter().map(join).collect();
        add(joins, fire(&server.address, POLLERS, shots, 201).await?.times.a_second());
    }
    if line.length == 1_000_000 {
        drop(server);
        add(Some(BytesWaiting), bytes_waiting(line).await?);
        add(Some(BytesWaitingMost), 100.0);
    }
    Ok(())
}

/// How much memory a server has for each who waits: with all of the line, each heard of just now,
/// less what it has before anybody asked.
async fn bytes_waiting(line: &WaitingLine) -> Result<f64> {
    let server = line.program.serve(&[])?;
    // The same work without a line to know: it is the site's room that they wait in.
    repeat(&server.address, POLLERS, &[Shot::get("/livez", "nobody")], POLLS_LAST)?;
    let before = server.memory()?;
    for part in line.polls(line.length)?.chunks(100_000) {
        let (_, answered) =
            crate::load::fire_any(&server.address, POLLERS, part.to_vec(), |s| s == 200).await?;
        ensure!(answered.len() == part.len(), "somebody was not answered");
    }
    Ok((server.memory()? - before) / f64::from(u32::try_from(line.length)?))
}

/// The same requests to a handler that has the answer ready.
fn bare_polls(body: &Bytes, polls: &[Shot], lasting: Duration) -> Result<f64> {
    let bare = bare::start_with_json(body.clone(), 2)?;
    let ask = |poll: &Shot| Shot { path: "/body".to_owned(), ..poll.clone() };
    repeat(&bare, POLLERS, &polls.iter().map(ask).collect::<Vec<_>>(), lasting)
}

/// Polls for so long that signs of life are written while they go on.
fn poll_for_long(line: &WaitingLine, report: &mut Report) -> Result<()> {
    let server = line.program.serve(&[])?;
    let shots = line.polls(line.length)?;
    report.add(Figure::Polls1mLong, repeat(&server.address, POLLERS, &shots, POLLS_LAST_LONG)?);
    Ok(())
}

/// How much memory the server has for each open stream.
async fn open_streams(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let program = Program::new(binary, Some(&database.url))?;
    let line = WaitingLine::form(program, database, STREAMS.into())?;
    let server = line.program.serve(&["--streams-max", &STREAMS.to_string()])?;
    let polls = line.polls(STREAMS.into())?;
    let first = polls.first().context("nobody waits")?.clone();
    repeat(&server.address, POLLERS, &[first], POLLS_LAST)?;
    let before = server.memory()?;
    let mut open = Vec::new();
    for poll in polls {
        let mut caller = Caller::connect(&server.address).await?;
        let follow = Shot { path: "/api/queue_tokens/current/events".to_owned(), ..poll };
        let mut events = caller.ask(&follow).await?.into_body();
        until(&mut events, "waiting").await?;
        open.push((caller, events));
    }
    // Each is told of its position, and some keep still for a while.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let bytes = (server.memory()? - before) / f64::from(STREAMS);
    report.add(Figure::BytesStream, bytes);
    report.add(Figure::BytesStreamMost, 20.0 * 1_024.0);
    Ok(())
}

/// Reads events until one has `state`.
async fn until(events: &mut Incoming, state: &str) -> Result<()> {
    let (wanted, mut said) = (format!("\"state\":\"{state}\""), String::new());
    while !said.contains(&wanted) {
        let frame = events.frame().await.context("the stream is at its end")??;
        if let Some(data) = frame.data_ref() {
            said.push_str(&String::from_utf8_lossy(data));
        }
    }
    Ok(())
}

/// How long it takes from one giving up the only place until the next is told of it.
async fn free_places(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let program = Program::new(binary, Some(&database.url))?;
    let operator = ["--email", "op@example.com", "--name", "op", "--role", "admin"];
    program.run(&[&["user", "create"], &operator[..]].concat(), "a long password\n")?;
    let people = program.create_people("p", PLACES + 1)?;
    let server = program.serve(&["--room-capacity", "1"])?;
    let mut caller = Caller::connect(&server.address).await?;
    let mut places = Vec::new();
    for person in &people {
        places.push(text(
            &call(&mut caller, "/api/queue_tokens", person, &json!({})).await?,
            "token",
        )?);
    }
    let mut took = Vec::new();
    for pair in places.windows(2) {
        let [inside, next] = pair else { continue };
        let mut follower = Caller::connect(&server.address).await?;
        let follow = Shot::get("/api/queue_tokens/current/events", next);
        let mut events = follower.ask(&follow).await?.into_body();
        until(&mut events, "waiting").await?;
        let leave = Shot::delete("/api/queue_tokens/current", inside);
        let left = Instant::now();
        let (status, _) = caller.send(&leave).await?;
        ensure!(status == 204, "leaving was answered {status}");
        until(&mut events, "active").await?;
        took.push(left.elapsed());
    }
    took.sort_unstable();
    let median = took.get(took.len() / 2).context("nobody was let in")?;
    report.add(Figure::FreePlace, median.as_secs_f64() * 1_000.0);
    report.add(Figure::FreePlaceMost, 1_000.0);
    Ok(())
}

/// How many numbers a second are drawn for a lobby, from its opening on.
async fn draw(cluster: &Cluster, binary: &Path, report: &mut Report) -> Result<()> {
    let database = cluster.create_database();
    let program = Program::new(binary, Some(&database.url))?;
    let line = WaitingLine::form(program, database, LOBBY.into())?.into_lobby()?;
    let server = line.program.serve(&[])?;
    let mut caller = Caller::connect(&server.address).await?;
    let look = Shot::get(&format!("/api/rooms/{}/draw", domain::ids::RoomId::SITE), "nobody");
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (_, body) = caller.send(&look).await?;
        let draw: serde_json::Value = serde_json::from_slice(&body)?;
        let time =
            |field| text(&draw, field)?.parse::<chrono::DateTime<chrono::Utc>>().context(field);
        if draw.get("drawn_at").is_some_and(serde_json::Value::is_string) {
            let took = time("drawn_at")? - time("opens_at")?;
            report.add(Figure::Draws, f64::from(LOBBY) / took.as_seconds_f64());
            return Ok(());
        }
    }
}
