//! Starts the binary, and speaks to it as its clients do.

mod caller;
pub(crate) mod wall_clock;

pub(crate) use caller::{Answer, Caller, http_client, text};
pub(crate) use wall_clock::WallClock;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use throw_away_postgres::Database;

const BINARY: &str = env!("CARGO_BIN_EXE_stagedoor");
/// What all servers on one PostgreSQL share in these tests.
pub(crate) const SECRET: &str = "what all servers on one PostgreSQL share";

/// How many invariants an audit looks at.
const INVARIANTS: usize = 22;

/// All clients of a test come from one address, and most do in a second what people do in an hour.
const NO_LIMITS: [&str; 16] = [
    "SIGN_UPS_PER_ADDRESS",
    "SIGN_UPS_PER_HOUR",
    "SIGN_INS_PER_ADDRESS",
    "WRONG_PASSWORDS_MAX",
    "JOINS_PER_ADDRESS",
    "JOINS_PER_USER",
    "DRAWS_PER_ADDRESS",
    "CONNECTIONS_PER_ADDRESS",
    "STREAMS_PER_ADDRESS",
    "STREAMS_PER_USER",
    "WRITES_PER_ADDRESS",
    "WRITES_PER_USER",
    "SEAT_POLLS_PER_ADDRESS",
    "SEAT_POLLS_PER_USER",
    "REHOLD_COOLDOWN_SECONDS",
    "RETURN_SECONDS",
];

/// Plays as many rounds of a test as `STAGEDOOR_HISTORY_ROUNDS` says (1).
pub(crate) async fn each_round(round: impl AsyncFn()) {
    for _ in 0..rounds() {
        round().await;
    }
}

/// How many rounds of a test are played whose faults come by chance.
pub(crate) fn rounds() -> u64 {
    std::env::var("STAGEDOOR_HISTORY_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// A store, on which servers can be started: one after the other on a file, and any number at once
/// on PostgreSQL; and a folder for them to run in.
pub(crate) struct Installation {
    folder: TempDir,
    database: Option<Database>,
    /// What its processes have in their environment.
    environment: Vec<(String, String)>,
}

impl Installation {
    pub(crate) fn new() -> Self {
        Self::on(crate::ON_POSTGRES.then(|| throw_away_postgres::shared().create_database()))
    }

    /// On that database, or else on a file.
    pub(crate) fn on(database: Option<Database>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database, environment: Vec::new() }
    }

    /// A copy of its store as it is, which no server may use meanwhile.
    pub(crate) fn copy(&self) -> Self {
        let database = self.database.as_ref();
        let copy = Self::on(database.map(|database| throw_away_postgres::shared().copy(database)));
        if database.is_none() {
            std::fs::copy(self.file(), copy.file()).unwrap();
        }
        copy
    }

    /// Runs SQL on its store, where references need not hold.
    pub(crate) fn execute(&self, sql: &str) {
        let done = match &self.database {
            Some(database) => {
                let unchecked = format!("SET session_replication_role = replica; {sql}");
                throw_away_postgres::execute(&database.url, &unchecked)
            }
            None => rusqlite::Connection::open(self.file())
                .and_then(|conn| conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")))
                .map_err(|error| error.to_string()),
        };
        done.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Runs SQL on its store as anybody might who can reach it.
    pub(crate) fn try_execute(&self, sql: &str) -> Result<(), String> {
        match &self.database {
            Some(database) => throw_away_postgres::execute(&database.url, sql),
            None => rusqlite::Connection::open(self.file())
                .and_then(|conn| conn.execute_batch(sql))
                .map_err(|error| error.to_string()),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("stagedoor.db")
    }

    /// With a setting, as it is named in the environment after `STAGEDOOR_`.
    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.environment.push((format!("STAGEDOOR_{name}"), value.to_string()));
        self
    }

    /// With variables in the environment of its processes.
    pub(crate) fn in_environment(mut self, variables: &[(&str, &str)]) -> Self {
        let variable = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.environment.extend(variables.iter().map(variable));
        self
    }

    /// Where its store is.
    pub(crate) fn database_url(&self) -> String {
        match &self.database {
            Some(database) => database.url.clone(),
            None => format!("sqlite:{}", self.file().display()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with these arguments, in an empty environment but for the settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        self.prepare(&mut command);
        command.args(args);
        command
    }

    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("STAGEDOOR_DATABASE_URL", self.database_url())
            .env("STAGEDOOR_LISTEN", "127.0.0.1:0")
            .envs(NO_LIMITS.map(|name| (format!("STAGEDOOR_{name}"), "0")))
            // Buyers need cash, and nobody means it.
            .env("STAGEDOOR_CHARGES", "open")
            // Nobody sends requests elsewhere meanwhile.
            .env("STAGEDOOR_DRAIN_SECONDS", "0")
            .current_dir(self.folder.path());
        if self.database.is_some() {
            command.env("STAGEDOOR_SECRET", SECRET);
        }
        command.envs(self.environment.iter().cloned());
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Makes an operator, whose password is `operator password`.
    pub(crate) fn create_operator(&self) {
        let args =
            ["user", "create", "--email", "op@example.com", "--name", "운영자", "--role", "admin"];
        let made = self.run(&args, "operator password\n");
        assert!(made.status.success(), "{made:?}");
    }

    /// Has the books audited.
    pub(crate) fn assert_sound(&self) {
        let (broken, said) = self.audit();
        assert!(broken.is_empty(), "{said}");
    }

    /// Has the books audited. Returns the numbers of what is broken, and all that was said.
    pub(crate) fn audit(&self) -> (Vec<u8>, String) {
        let audit = self.run(&["audit"], "");
        let said = String::from_utf8_lossy(&audit.stdout).into_owned();
        let number = |line: &str| line.trim_start().split('.').next().unwrap().parse().unwrap();
        let of = |verdict: &str| -> Vec<u8> {
            said.lines().filter_map(|line| line.strip_prefix(verdict)).map(number).collect()
        };
        let (sound, broken) = (of("ok    "), of("BROKEN"));
        assert_eq!(sound.len() + broken.len(), INVARIANTS, "{said}{audit:?}");
        assert_eq!(audit.status.success(), broken.is_empty(), "{said}");
        (broken, said)
    }

    pub(crate) fn start(&self) -> Server {
        self.start_as(self.command(&["serve"]))
    }

    /// Starts a server by `command`, and waits until it listens.
    pub(crate) fn start_as(&self, mut command: Command) -> Server {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        self.start_with(&mut command, log.into())
    }

    /// The same, with its log somewhere else.
    pub(crate) fn start_with(&self, command: &mut Command, log: Stdio) -> Server {
        let process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut server = Server { process, address: String::new(), told: String::new() };
        let mut said = BufReader::new(server.process.stdout.take().unwrap());
        loop {
            let mut line = String::new();
            let length = said.read_line(&mut line).unwrap();
            assert!(length > 0, "the server ended: {}", self.log());
            if let Some(address) = line.trim().strip_prefix("listening on ") {
                address.clone_into(&mut server.address);
                return server;
            }
            server.told.push_str(&line);
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// A server that runs; killed when dropped.
pub(crate) struct Server {
    process: Child,
    address: String,
    /// What it printed before it listened.
    pub(crate) told: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Where it listens, as `http://…`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop, as service managers do.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// From now on it does nothing, as on a machine that is held up.
    pub(crate) fn hold_up(&self) {
        self.signal("-STOP");
    }

    /// One that was held up goes on.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until it has ended, and says whether it did so in order.
    pub(crate) fn ended_well(mut self) -> bool {
        self.process.wait().unwrap().success()
    }

    pub(crate) fn anyone(&self) -> Caller {
        Caller::at_server(&self.address)
    }

    /// Signs somebody up and in.
    pub(crate) async fn user(&self, name: &str) -> Caller {
        let email = format!("{name}-{}@example.com", uuid::Uuid::now_v7());
        let account = json!({ "email": email, "password": "password of mine", "name": name });
        self.anyone().post("/api/users", account).await.expect(201);
        self.sign_in(&email, "password of mine").await
    }

    pub(crate) async fn operator(&self) -> Caller {
        self.sign_in("op@example.com", "operator password").await
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Caller {
        let credentials = json!({ "email": email, "password": password });
        let session = self.anyone().post("/api/sessions", credentials).await.expect(201);
        self.anyone().with_token(text(&session, "access_token"))
    }
}

/// A concert with one show, entered by an operator.
#[derive(Default)]
pub(crate) struct Concert {
    pub(crate) id: String,
    pub(crate) show: String,
    pub(crate) date: String,
    /// The ids of its seats, `A-1-1` first, 50,000 each.
    pub(crate) seats: Vec<String>,
}

/// What a concert is entered with, but for the room.
pub(crate) fn new_concert() -> Value {
    json!({
        "title": "봄의 노래", "venue": "Seoul Arena", "time_zone": "Asia/Seoul",
        "currency": "KRW", "sale_opens_at": null, "sale_closes_at": null,
        "max_seats_per_user": 4, "room": null
    })
}

/// What a show of `seats` seats in one row is entered with.
pub(crate) fn new_show(seats: u32) -> Value {
    let section =
        json!({ "name": "A", "grade": "R", "price": 50_000, "rows": 1, "seats_per_row": seats });
    json!({ "starts_at": "2035-05-01T11:00:00Z", "sections": [section] })
}

/// Enters a concert with a room of its own and a show, and looks at the seats, where the room is
/// open.
pub(crate) async fn enter(operator: &Caller, room: Value, seats: u32) -> Concert {
    let opens_later = !room["opens_at"].is_null();
    let mut details = new_concert();
    details["room"] = room;
    let concert = operator.post("/api/admin/concerts", details).await.expect(201);
    let id = text(&concert, "concert_id");
    let path = format!("/api/admin/concerts/{id}/shows");
    let show = operator.post(&path, new_show(seats)).await.expect(201);
    let (show, date) = (text(&show, "show_id"), text(&show, "date"));

    if opens_later {
        return Concert { id, show, date, seats: Vec::new() };
    }
    let (looker, _) = operator.join(Some(&id)).await;
    let seats = match looker.get(&format!("/api/shows/{show}/seats")).await {
        map if map.status == 200 => {
            let seats = map.body["seats"].as_array().unwrap().clone();
            seats.iter().map(|seat| text(seat, "seat_id")).collect()
        }
        _ => Vec::new(),
    };
    looker.delete("/api/queue_tokens/current").await.expect(204);
    Concert { id, show, date, seats }
}

/// The path of a concert's own room, for its operator.
pub(crate) async fn room_path(operator: &Caller, concert: &str) -> String {
    let rooms = operator.get("/api/admin/rooms").await.expect(200);
    let mut rooms = rooms["rooms"].as_array().unwrap().iter();
    let room = rooms.find(|room| room["concert_id"] == concert).unwrap();
    format!("/api/admin/rooms/{}", text(room, "room_id"))
}

/// A running server with an operator and a concert behind a room of `capacity`.
pub(crate) struct Theatre {
    pub(crate) installation: Installation,
    pub(crate) server: Server,
    pub(crate) operator: Caller,
    pub(crate) concert: Concert,
}

impl Theatre {
    pub(crate) async fn open(capacity: u32, seats: u32) -> Self {
        Self::open_in(Installation::new(), capacity, seats).await
    }

    pub(crate) async fn open_in(installation: Installation, capacity: u32, seats: u32) -> Self {
        installation.create_operator();
        let server = installation.start();
        let operator = server.operator().await;
        let concert = enter(&operator, json!({ "capacity": capacity }), seats).await;
        Self { installation, server, operator, concert }
    }

    /// Somebody new who is let in, with cash.
    pub(crate) async fn buyer(&self, cash: i64) -> Caller {
        let user = self.server.user("buyer").await;
        let (queue, _) = user.join(Some(&self.concert.id)).await;
        queue.until("active").await;
        if cash > 0 {
            user.charge(cash).await;
        }
        queue
    }

    /// Changes the policy of the concert's room.
    pub(crate) async fn change_room(&self, change: Value) -> Answer {
        self.operator.patch(&room_path(&self.operator, &self.concert.id).await, change).await
    }

    /// The concert's room as its operator sees it.
    pub(crate) async fn room(&self) -> Value {
        self.operator.get(&room_path(&self.operator, &self.concert.id).await).await.expect(200)
    }

    pub(crate) fn seat(&self, n: usize) -> &str {
        &self.concert.seats[n]
    }

    /// The status of each seat, as anyone who is let in sees it.
    pub(crate) async fn statuses(&self, looker: &Caller) -> Vec<String> {
        let path = format!("/api/shows/{}/seats", self.concert.show);
        let map = looker.get(&path).await.expect(200);
        map["seats"].as_array().unwrap().iter().map(|seat| text(seat, "status")).collect()
    }
}
