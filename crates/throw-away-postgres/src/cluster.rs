use std::ffi::OsStr;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Binaries, Postgres, execute, find, number};

/// Whether a commit survives the end of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It does, as PostgreSQL does by default.
    Default,
    /// It survives the end of PostgreSQL only, which is quicker.
    Off,
}

/// Starts and ends PostgreSQL as told, line by line, and takes everything away at the end of its
/// input: when whoever tells it has ended.
const KEEPER: &str = r#"
server=
signal_all() { kill "$1" $server; kill "$1" $(cat /proc/$server/task/$server/children); }
while read -r order; do
    case $order in
        start) "$1" -D "$2/data" >>"$2/log" 2>&1 </dev/null & server=$! ;;
        kill) kill -KILL $server; wait $server ;;
        hang) signal_all -STOP ;;
        go-on) signal_all -CONT ;;
    esac
done
[ -n "$server" ] && signal_all -CONT
[ -n "$server" ] && kill -INT $server && wait $server
rm -rf "$2"
"#;

const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A PostgreSQL of our own.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    folder: PathBuf,
    orders: Mutex<ChildStdin>,
    _keeper: Child,
    /// The binaries it runs on.
    pub binaries: Binaries,
}

/// A folder that its PostgreSQL may write to, and who runs it.
struct Home {
    folder: PathBuf,
    user: Option<(u32, u32)>,
    binaries: Binaries,
}

impl Home {
    fn make() -> Result<Self, String> {
        let binaries = find()?;
        let folder = tempfile::Builder::new().prefix("stagedoor-postgres-").tempdir();
        let folder = folder.map_err(|error| cannot_start(&error))?.keep();
        let user = unprivileged_user(&folder)?;
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).map_err(|error| cannot_start(&error))?;
        }
        Ok(Self { folder, user, binaries })
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs one of PostgreSQL's programs to its end.
    fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let mut command = self.command(self.binaries.path(program));
        let ran =
            command.args(args).arg(self.data()).output().map_err(|error| cannot_start(&error))?;
        if ran.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&ran.stderr);
        let reason = reason.lines().last().unwrap_or_default().to_owned();
        Err(format!("PostgreSQL cannot be started: {reason}"))
    }
}

fn cannot_start(error: &std::io::Error) -> String {
    format!("PostgreSQL cannot be started: {error}")
}

impl Cluster {
    /// Makes and starts one.
    ///
    /// # Errors
    /// One line that says what is missing or went wrong.
    pub fn start(durability: Durability) -> Result<Self, String> {
        Self::start_with(durability, &[])
    }

    /// The same, with variables in its environment, such as those that give it another clock.
    ///
    /// # Errors
    /// One line that says what is missing or went wrong.
    pub fn start_with(
        durability: Durability,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let home = Home::make()?;
        let args = ["--auth=trust", "--username=stagedoor", "--encoding=UTF8", "--locale=C"];
        home.run("initdb", &[&args[..], &["--no-sync", "--pgdata"]].concat())?;
        Self::start_in(home, durability, environment)
    }

    /// Makes and starts a standby of this one, which follows it as it is told what is written.
    ///
    /// # Errors
    /// One line that says what is missing or went wrong.
    pub fn standby(&self) -> Result<Self, String> {
        let (home, port) = (Home::make()?, self.port.to_string());
        let args = ["--host=127.0.0.1", "--username=stagedoor", "--write-recovery-conf"];
        let from = ["--port", &port, "--checkpoint=fast", "--no-sync", "--pgdata"];
        home.run("pg_basebackup", &[&args[..], &from].concat())?;
        Self::start_in(home, Durability::Default, &[])
    }

    fn start_in(
        home: Home,
        durability: Durability,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let port = free_port().map_err(|error| cannot_start(&error))?;
        configure(&home.data(), port, durability).map_err(|error| cannot_start(&error))?;
        let mut keeper = home
            .command("sh")
            .envs(environment.iter().copied())
            .args(["-c", KEEPER, "keeper"])
            .arg(home.binaries.path("postgres"))
            .arg(&home.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to the tests does not reach it.
            .process_group(0)
            .spawn()
            .map_err(|error| cannot_start(&error))?;
        let orders = Mutex::new(keeper.stdin.take().expect("it is piped"));
        let Home { folder, binaries, .. } = home;
        let cluster = Self { port, folder, orders, _keeper: keeper, binaries };
        cluster.order("start");
        cluster.wait_until_it_answers()?;
        Ok(cluster)
    }

    /// From now on no commit is done before a standby has it, too.
    ///
    /// # Panics
    /// When it does not take that.
    pub fn wait_for_standbys(&self) {
        let url = self.url("postgres");
        let synchronous = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        execute(&url, synchronous).expect("it can be set");
        execute(&url, "SELECT pg_reload_conf()").expect("it can be told");
        let in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while number(&url, in_step).expect("it can be asked") == 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// From now on this standby is told nothing more.
    ///
    /// # Panics
    /// When it does not take that.
    pub fn stop_following(&self) {
        let url = self.url("postgres");
        execute(&url, "ALTER SYSTEM SET primary_conninfo = ''").expect("it can be set");
        execute(&url, "SELECT pg_reload_conf()").expect("it can be told");
        let gone = "DO $$ BEGIN WHILE EXISTS (SELECT 1 FROM pg_stat_wal_receiver) LOOP \
                        PERFORM pg_sleep(0.05); END LOOP; END $$";
        execute(&url, gone).expect("it ends");
    }

    /// Makes this standby the primary.
    ///
    /// # Panics
    /// When it does not become one.
    pub fn promote(&self) {
        execute(&self.url("postgres"), "SELECT pg_promote(true, 30)").expect("it is promoted");
    }

    /// From the next start on, it takes encrypted connections only, and shows this certificate.
    ///
    /// # Panics
    /// When its files cannot be written.
    pub fn take_encrypted_only(&self, certificate: &str, key: &str) {
        let data = self.folder.join("data");
        let owner = std::fs::metadata(&data).expect("it is there");
        let write = |name: &str, text: &str| {
            let path = data.join(name);
            std::fs::write(&path, text).expect("it can be written");
            chown(&path, Some(owner.uid()), Some(owner.gid())).expect("its owner can be set");
            let owners_only = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, owners_only).expect("its mode can be set");
        };
        write("server.crt", certificate);
        write("server.key", key);
        write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
        let conf = std::fs::File::options().append(true).open(data.join("postgresql.conf"));
        writeln!(conf.expect("it is there"), "ssl = on").expect("it can be written");
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        self.order("kill");
    }

    /// Until what this returns is dropped, it does nothing, and its connections stay open: as on a
    /// machine that hangs.
    #[must_use]
    pub fn hang(&self) -> Hanging<'_> {
        self.order("hang");
        Hanging { cluster: self }
    }

    /// Starts it again, without waiting until it answers.
    pub fn begin_to_start_again(&self) {
        self.order("start");
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn start_again(&self) {
        let began = Instant::now();
        while began.elapsed() < STARTS_WITHIN {
            // What is left of the one that was killed may still hold its memory.
            self.order("start");
            if self.answers_within(Duration::from_secs(3)) {
                return;
            }
        }
        panic!("PostgreSQL does not start again");
    }

    /// The port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(orders, "{order}").expect("its keeper is there");
    }

    fn wait_until_it_answers(&self) -> Result<(), String> {
        if self.answers_within(STARTS_WITHIN) {
            return Ok(());
        }
        Err(format!("PostgreSQL does not answer within {STARTS_WITHIN:?}"))
    }

    fn answers_within(&self, limit: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < limit {
            if execute(&self.url("postgres"), "SELECT 1").is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

/// A PostgreSQL that does nothing, until this is dropped.
#[derive(Debug)]
pub struct Hanging<'a> {
    cluster: &'a Cluster,
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.cluster.order("go-on");
    }
}

impl Postgres for Cluster {
    fn url(&self, database: &str) -> String {
        format!("postgres://stagedoor@127.0.0.1:{}/{database}", self.port)
    }
}

/// PostgreSQL refuses to run as root: then it is the user that its package made, or nobody.
fn unprivileged_user(folder: &Path) -> Result<Option<(u32, u32)>, String> {
    let owner = std::fs::metadata(folder).map_err(|error| error.to_string())?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let number = |flag: &str, user: &str| {
        let said = Command::new("id").args([flag, user]).output().ok()?;
        String::from_utf8_lossy(&said.stdout).trim().parse().ok()
    };
    let users = ["postgres", "nobody"].into_iter();
    let mut ids = users.filter_map(|user| Some((number("-u", user)?, number("-g", user)?)));
    ids.next().map(Some).ok_or_else(|| "PostgreSQL needs a user that is not root".to_owned())
}

/// A port that is free just now, and is not given to anyone who asks for any port soon.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn configure(data: &Path, port: u16, durability: Durability) -> std::io::Result<()> {
    let mut file = std::fs::File::options().append(true).open(data.join("postgresql.conf"))?;
    writeln!(file, "listen_addresses = '127.0.0.1'")?;
    writeln!(file, "port = {port}")?;
    writeln!(file, "unix_socket_directories = ''")?;
    writeln!(file, "max_connections = 300")?;
    if durability == Durability::Off {
        writeln!(file, "fsync = off")?;
    }
    Ok(())
}
