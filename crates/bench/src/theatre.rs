//! A server on an empty store, with a show and people who were let in.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::caller::Caller;

/// A user may hold this many seats.
const SEATS_A_USER: usize = 4;

/// A running server; killed when dropped.
pub(crate) struct Theatre {
    pub(crate) address: String,
    binary: PathBuf,
    folder: TempDir,
    process: Child,
    /// Queue tokens of people who were let in.
    tokens: Vec<String>,
    /// A request for each seat.
    holds: Vec<Bytes>,
}

impl Drop for Theatre {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Theatre {
    /// Opens with `seats` seats, and lets in as many people as it takes to hold them all.
    pub(crate) async fn open(
        binary: &Path,
        group_max: usize,
        seats: usize,
        clients: usize,
    ) -> Result<Self> {
        // Beside the binary, and so on a disk: a store in memory would prove nothing.
        let beside = binary.parent().context("the binary has no folder")?;
        let folder = tempfile::tempdir_in(beside)?;
        let operator = ["--email", "op@example.com", "--name", "op", "--role", "admin"];
        run(binary, &folder, &[&["user", "create"], &operator[..]].concat(), "a long password\n")?;
        let people = seats.div_ceil(SEATS_A_USER).to_string();
        let many =
            ["user", "create-many", "--count", &people, "--prefix", "b", "--tokens", "tokens"];
        run(binary, &folder, &many, "")?;

        let group_max = group_max.to_string();
        let settings =
            ["serve", "--group-max", &group_max, "--room-capacity", "1000000", "--log", "off"];
        let mut process = command(binary, &folder, &settings).stdout(Stdio::piped()).spawn()?;
        let said = process.stdout.take().context("no output")?;
        let listening = |line: String| line.strip_prefix("listening on http://").map(str::to_owned);
        let address = BufReader::new(said).lines().map_while(Result::ok).find_map(listening);
        let mut theatre = Self {
            address: address.context("the server did not start")?,
            binary: binary.to_owned(),
            folder,
            process,
            tokens: Vec::new(),
            holds: Vec::new(),
        };
        let concert = theatre.enter(seats).await?;
        theatre.let_in(&concert.0, clients).await?;
        theatre.read_seats(&concert.1).await?;
        Ok(theatre)
    }

    /// The request for the n-th seat, if there is one, and whose it is.
    pub(crate) fn hold(&self, n: usize) -> Option<(&str, Bytes)> {
        let token = self.tokens.get(n / SEATS_A_USER)?;
        Some((token, self.holds.get(n)?.clone()))
    }

    /// Has the books audited.
    pub(crate) fn assert_sound(&self) -> Result<()> {
        run(&self.binary, &self.folder, &["audit"], "").context("the audit is not clean")
    }

    /// Enters a concert and a show, and returns their ids.
    async fn enter(&self, seats: usize) -> Result<(String, String)> {
        let mut caller = Caller::connect(&self.address).await?;
        let sign_in = json!({ "email": "op@example.com", "password": "a long password" });
        let session = call(&mut caller, "/api/sessions", "", &sign_in).await?;
        let operator = text(&session, "access_token")?;
        let concert = json!({
            "title": "rush", "venue": "hall", "time_zone": "Asia/Seoul", "currency": "KRW",
            "sale_opens_at": null, "sale_closes_at": null, "max_seats_per_user": SEATS_A_USER,
            "room": {}
        });
        let concert = call(&mut caller, "/api/admin/concerts", &operator, &concert).await?;
        let concert = text(&concert, "concert_id")?;
        let section = json!({
            "name": "A", "grade": "R", "price": 1, "rows": 1, "seats_per_row": seats
        });
        let show = json!({ "starts_at": "2099-01-01T00:00:00Z", "sections": [section] });
        let path = format!("/api/admin/concerts/{concert}/shows");
        let show = call(&mut caller, &path, &operator, &show).await?;
        Ok((concert, text(&show, "show_id")?))
    }

    async fn let_in(&mut self, concert: &str, clients: usize) -> Result<()> {
        let access = std::fs::read_to_string(self.folder.path().join("tokens"))?;
        let access: Vec<String> = access.lines().map(str::to_owned).collect();
        let mut joining = JoinSet::new();
        for part in access.chunks(access.len().div_ceil(clients).max(1)) {
            let (part, address) = (part.to_vec(), self.address.clone());
            let ask = json!({ "concert_id": concert });
            joining.spawn(async move {
                let mut caller = Caller::connect(&address).await?;
                let mut tokens = Vec::new();
                for access in part {
                    let place = call(&mut caller, "/api/queue_tokens", &access, &ask).await?;
                    ensure!(text(&place, "state")? == "active", "somebody has to wait: {place}");
                    tokens.push(text(&place, "token")?);
                }
                anyhow::Ok(tokens)
            });
        }
        while let Some(tokens) = joining.join_next().await {
            self.tokens.extend(tokens??);
        }
        Ok(())
    }

    async fn read_seats(&mut self, show: &str) -> Result<()> {
        let mut caller = Caller::connect(&self.address).await?;
        let token = self.tokens.first().context("nobody was let in")?;
        let (status, map) = caller.get(&format!("/api/shows/{show}/seats"), token).await?;
        ensure!(status == 200, "the seat map was answered {status}");
        let map: Value = serde_json::from_slice(&map)?;
        let hold = |seat: &Value| {
            let body = json!({ "show_id": show, "seat_ids": [text(seat, "seat_id")?] });
            anyhow::Ok(Bytes::from(body.to_string()))
        };
        let seats = map.get("seats").and_then(Value::as_array).context("no seats")?;
        self.holds = seats.iter().map(hold).collect::<Result<_>>()?;
        Ok(())
    }
}

async fn call(caller: &mut Caller, path: &str, token: &str, body: &Value) -> Result<Value> {
    let (status, answer) = caller.post(path, token, Bytes::from(body.to_string())).await?;
    ensure!((200..300).contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&answer));
    Ok(serde_json::from_slice(&answer)?)
}

fn text(body: &Value, field: &str) -> Result<String> {
    body.get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no {field} in {body}"))
}

fn command(binary: &Path, folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().current_dir(folder.path()).args(args);
    command.args(["--database-url", "sqlite:stagedoor.db", "--listen", "127.0.0.1:0"]);
    command
}

fn run(binary: &Path, folder: &TempDir, args: &[&str], input: &str) -> Result<()> {
    let mut command = command(binary, folder, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
    ensure!(child.wait()?.success(), "stagedoor {} failed", args.join(" "));
    Ok(())
}
