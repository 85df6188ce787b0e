//! The program that is measured: run to its end, or serving.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use throw_away_postgres::execute;

/// What tokens are signed with as long as it is measured.
pub(crate) const SECRET: &str = "a secret for as long as it is measured";

/// What a database is told before it is measured.
pub(crate) const COME_TO_REST: &str = "ANALYZE; CHECKPOINT;";

/// The program, with a store and a folder of its own.
pub(crate) struct Program {
    binary: PathBuf,
    /// None: a file in the folder.
    database_url: Option<String>,
    folder: TempDir,
}

impl Program {
    pub(crate) fn new(binary: &Path, database_url: Option<&str>) -> Result<Self> {
        // Beside the binary, and so on a disk: a store in memory would prove nothing.
        let beside = binary.parent().context("the binary has no folder")?;
        let folder = tempfile::tempdir_in(beside)?;
        let database_url = database_url.map(str::to_owned);
        Ok(Self { binary: binary.to_owned(), database_url, folder })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        let url = self.database_url.as_deref().unwrap_or("sqlite:stagedoor.db");
        command.env_clear().current_dir(self.folder.path()).args(args);
        command.args(["--database-url", url, "--listen", "127.0.0.1:0"]);
        command.env("STAGEDOOR_SECRET", SECRET);
        command.env("STAGEDOOR_CHARGES", "open");
        // All clients come from one address, and each does in a second what people do in an hour.
        for limit in [
            "JOINS_PER_ADDRESS",
            "DRAWS_PER_ADDRESS",
            "CONNECTIONS_PER_ADDRESS",
            "STREAMS_PER_ADDRESS",
            "STREAMS_PER_USER",
            "WRITES_PER_ADDRESS",
            "WRITES_PER_USER",
            "SEAT_POLLS_PER_ADDRESS",
            "SEAT_POLLS_PER_USER",
        ] {
            command.env(format!("STAGEDOOR_{limit}"), "0");
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str], input: &str) -> Result<()> {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
        ensure!(child.wait()?.success(), "stagedoor {} failed", args.join(" "));
        Ok(())
    }

    /// Has the database do what is left to be done for all that was written so far, as before the
    /// hand-written way: both begin with tables that are known and pages that are on the disk.
    pub(crate) fn come_to_rest(&self) -> Result<()> {
        let Some(url) = &self.database_url else { return Ok(()) };
        execute(url, COME_TO_REST).map_err(anyhow::Error::msg)
    }

    /// Makes people, and returns their access tokens.
    pub(crate) fn create_people(&self, prefix: &str, count: usize) -> Result<Vec<String>> {
        let count = count.to_string();
        let many =
            ["user", "create-many", "--count", &count, "--prefix", prefix, "--tokens", prefix];
        self.run(&many, "")?;
        let tokens = std::fs::read_to_string(self.folder.path().join(prefix))?;
        Ok(tokens.lines().map(str::to_owned).collect())
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn serve(&self, args: &[&str]) -> Result<Server> {
        let args = [&["serve"], args].concat();
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let mut process = self.command(&args).stdout(Stdio::piped()).stderr(log).spawn()?;
        let said = process.stdout.take().context("no output")?;
        let listening = |line: String| line.strip_prefix("listening on http://").map(str::to_owned);
        let address = BufReader::new(said).lines().map_while(Result::ok).find_map(listening);
        Ok(Server { process, address: address.context("the server did not start")? })
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// How much memory it has just now, in bytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: f64 =
            line.context("no VmRSS")?.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1_024.0)
    }
}
