//! What was measured, as a table of ratios.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use anyhow::Result;
use throw_away_postgres::Binaries;

/// Something that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    JoinsByHand,
    Joins64,
    Joins256,
    Joins1024,
    HoldsByHand,
    Holds64,
    Holds256,
    PaymentsByHand,
    Payments64,
    Payments256,
    LoneByHandP50,
    LoneByHandP99,
    LoneP50,
    LoneP99,
    OneSeat,
    BareBody,
    SeatMaps,
    BareTiny,
    BareUnmodified,
    SeatMapsUnmodified,
    OwnTiny,
    EmbeddedOneByOne,
    EmbeddedInGroups,
    BareTicket1k,
    BareTicket100k,
    BareTicket1m,
    Polls1k,
    Polls100k,
    Polls1m,
    Polls1mLong,
    QueueJoins1k,
    QueueJoins1m,
    Start1k,
    Start1m,
    BytesWaiting,
    BytesWaitingMost,
    BytesStream,
    BytesStreamMost,
    FreePlace,
    FreePlaceMost,
    Draws,
}

/// A part of the file of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Sale,
    Queue,
}

const TITLE: &str = "# Benchmarks\n";

impl Section {
    const fn heading(self) -> &'static str {
        match self {
            Self::Sale => "## The sale (`make bench`)\n",
            Self::Queue => "## The waiting room (`make bench-queue`)\n",
        }
    }

    const fn lines(self) -> &'static [Line] {
        match self {
            Self::Sale => SALE,
            Self::Queue => QUEUE,
        }
    }

    /// The file with `text` as this section.
    pub(crate) fn put(self, text: &str, file: &str) -> String {
        let kept = |section: Self| {
            let (_, rest) = file.split_once(section.heading())?;
            let end = rest.find("\n## ").unwrap_or(rest.len());
            Some(format!("{}{}", section.heading(), rest.get(..end)?.trim_end()))
        };
        let section = |section: Self| {
            if section == self { Some(text.trim_end().to_owned()) } else { kept(section) }
        };
        let sections = [Self::Sale, Self::Queue].into_iter().filter_map(section);
        format!("{TITLE}\n{}\n", sections.collect::<Vec<_>>().join("\n\n"))
    }
}

/// All turns of all figures.
#[derive(Default)]
pub(crate) struct Report {
    turns: BTreeMap<Figure, Vec<f64>>,
}

/// A row of the table: what, its figure, what it stands beside, its figure, and the unit.
type Line = (&'static str, Figure, &'static str, Figure, &'static str);

const SALE: &[Line] = {
    use Figure::*;
    const HAND: &str = "hand-written transaction, pgbench -c 16 -M prepared";
    &[
        ("holds, 64 clients", Holds64, HAND, HoldsByHand, "a second"),
        ("holds, 256 clients", Holds256, HAND, HoldsByHand, "a second"),
        ("payments, 64 clients", Payments64, HAND, PaymentsByHand, "a second"),
        ("payments, 256 clients", Payments256, HAND, PaymentsByHand, "a second"),
        ("joins, 64 clients", Joins64, "single inserts, pgbench -c 16", JoinsByHand, "a second"),
        ("joins, 256 clients", Joins256, "single inserts, pgbench -c 16", JoinsByHand, "a second"),
        (
            "joins, 1,024 clients",
            Joins1024,
            "single inserts, pgbench -c 16",
            JoinsByHand,
            "a second",
        ),
        (
            "seat map of 2,000 seats, gzip",
            SeatMaps,
            "bare handler, same bytes",
            BareBody,
            "a second",
        ),
        ("seat map, 304", SeatMapsUnmodified, "bare handler, tiny JSON", BareTiny, "a second"),
        (
            "seat map, 304",
            SeatMapsUnmodified,
            "bare handler, a 304 with the same headers",
            BareUnmodified,
            "a second",
        ),
        (
            "seat map, 304",
            SeatMapsUnmodified,
            "our own tiny JSON: a poll of the same place in line",
            OwnTiny,
            "a second",
        ),
        ("a lone hold, p50", LoneP50, "a lone hand-written one", LoneByHandP50, "ms"),
        ("a lone hold, p99", LoneP99, "a lone hand-written one", LoneByHandP99, "ms"),
        (
            "1,000 clients after one seat, until all are answered",
            OneSeat,
            "a lone hold, p50",
            LoneP50,
            "ms",
        ),
        (
            "embedded store: holds, 256 clients, groups of 256",
            EmbeddedInGroups,
            "groups of one",
            EmbeddedOneByOne,
            "a second",
        ),
    ]
};

const QUEUE: &[Line] = {
    use Figure::*;
    const BARE: &str = "bare handler, same requests and bytes";
    &[
        ("polls, 1,000 waiting", Polls1k, BARE, BareTicket1k, "a second"),
        ("polls, 100,000 waiting", Polls100k, BARE, BareTicket100k, "a second"),
        ("polls, 1,000,000 waiting", Polls1m, BARE, BareTicket1m, "a second"),
        ("polls, 1,000,000 waiting", Polls1m, "1,000 waiting", Polls1k, "a second"),
        (
            "polls for 45 s, 1,000,000 waiting, signs of life being written",
            Polls1mLong,
            BARE,
            BareTicket1m,
            "a second",
        ),
        ("joins, 1,000,000 waiting", QueueJoins1m, "1,000 waiting", QueueJoins1k, "a second"),
        (
            "numbers drawn for a lobby of 100,000, from its opening on",
            Draws,
            "joins, 1,000 waiting",
            QueueJoins1k,
            "a second",
        ),
        (
            "start until the first ticket is told, 1,000,000 waiting",
            Start1m,
            "1,000 waiting",
            Start1k,
            "ms",
        ),
        (
            "memory for each of 1,000,000 who wait, each just heard of",
            BytesWaiting,
            "at most",
            BytesWaitingMost,
            "bytes",
        ),
        (
            "memory for each of 10,000 open streams",
            BytesStream,
            "at most",
            BytesStreamMost,
            "bytes",
        ),
        (
            "from a place being given up to `active` at the next one's stream",
            FreePlace,
            "at most",
            FreePlaceMost,
            "ms",
        ),
    ]
};

impl Report {
    pub(crate) fn add(&mut self, figure: Figure, value: f64) {
        self.turns.entry(figure).or_default().push(value);
    }

    /// None where it was not measured.
    fn median(&self, figure: Figure) -> Option<f64> {
        let mut turns = self.turns.get(&figure)?.clone();
        turns.sort_by(f64::total_cmp);
        let (low, high) = (turns.get((turns.len() - 1) / 2)?, turns.get(turns.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    fn all(&self, figure: Figure) -> String {
        let turns = self.turns.get(&figure).into_iter().flatten();
        turns.map(|value| shown(*value)).collect::<Vec<_>>().join(", ")
    }

    /// The table, with what it was measured on.
    pub(crate) fn write(&self, section: Section, postgres: &Binaries) -> Result<String> {
        let mut text = format!("{}\n", section.heading());
        let cores = std::thread::available_parallelism()?;
        writeln!(
            text,
            "{cores} cores, which the load, the server and PostgreSQL share; {}; \
             {}; PostgreSQL with its default durability, and nothing else set but its port. Each figure is \
             the median of the turns in brackets, taken in turn in one run; every audit was clean.\n",
            version(Command::new("rustc").arg("--version"))?,
            version(Command::new(postgres.path("postgres")).arg("--version"))?,
        )?;
        text.push_str("| what | figure | beside | figure | ratio |\n|---|---|---|---|---|\n");
        for (what, figure, beside, reference, unit) in section.lines() {
            let (Some(value), Some(other)) = (self.median(*figure), self.median(*reference)) else {
                continue;
            };
            writeln!(
                text,
                "| {what} | {} {unit} ({}) | {beside} | {} {unit} ({}) | **{:.2}** |",
                shown(value),
                self.all(*figure),
                shown(other),
                self.all(*reference),
                value / other,
            )?;
        }
        Ok(text)
    }
}

fn shown(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn version(command: &mut Command) -> Result<String> {
    let said = command.output()?.stdout;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}
