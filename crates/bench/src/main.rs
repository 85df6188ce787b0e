//! Measures the product beside what one would write by hand, all in one run and taken in turn, and
//! writes what came out into a section of a file.
//!
//! `bench PATH-OF-STAGEDOOR FILE-FOR-THE-FIGURES sale` or `queue`; or, to measure some of it and
//! write nothing, `bench PATH-OF-STAGEDOOR - sale PART…`.

mod bare;
mod caller;
mod load;
mod process;
mod queue;
mod reference;
mod report;
mod sale;
mod theatre;
mod waiting_line;
mod wrk;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use throw_away_postgres::{Cluster, Durability};

use crate::report::{Report, Section};

/// Each figure is the median of so many turns.
const TURNS: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let binary: PathBuf = args.next().context("where is stagedoor?")?.into();
    let figures: PathBuf = args.next().context("where do the figures go?")?.into();
    let section = match args.next().as_deref() {
        Some("sale") => Section::Sale,
        Some("queue") => Section::Queue,
        _ => bail!("measure what: sale or queue?"),
    };
    // It is started in a folder of its own, from where a relative path leads nowhere.
    let binary = binary.canonicalize().with_context(|| format!("no {}", binary.display()))?;
    let cluster = Cluster::start(Durability::Default).map_err(anyhow::Error::msg)?;
    let asked: Vec<String> = args.collect();
    let parts: Vec<&str> = match (&asked[..], section) {
        ([], Section::Sale) => sale::PARTS.to_vec(),
        ([], Section::Queue) => queue::PARTS.to_vec(),
        (some, _) => some.iter().map(String::as_str).collect(),
    };
    let steps = u64::try_from(TURNS * parts.len())?;
    let bar = ProgressBar::new(steps)
        .with_style(ProgressStyle::with_template("{bar:40} {pos} of {len}: {msg}, {eta} left")?);
    let (mut report, mut lines) = (Report::default(), queue::Lines::default());
    for turn in 0..TURNS {
        for part in &parts {
            bar.set_message((*part).to_owned());
            match section {
                Section::Sale => sale::measure(part, &cluster, &binary, &mut report).await?,
                Section::Queue => {
                    lines.measure(part, turn, &cluster, &binary, &mut report).await?;
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let text = report.write(section, &cluster.binaries)?;
    println!("{text}");
    if figures == Path::new("-") {
        return Ok(());
    }
    let before = std::fs::read_to_string(&figures).unwrap_or_default();
    let after = section.put(&text, &before);
    std::fs::write(&figures, after).with_context(|| format!("cannot write {}", figures.display()))
}
