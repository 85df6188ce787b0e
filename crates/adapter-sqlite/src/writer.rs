//! The one writer: takes what waits, decides it all in one transaction, commits, and only then
//! answers everyone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::Integer;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::ports::{Clock, CommitObserver, Decide, Unavailable, UpdateError};
use domain::records::{Group, Records, Scope};
use domain::uptime::Uptime;
use group_commit::{Committer, Waiting, answer_all};

use crate::SqlError;
use crate::clock::StoreClock;
use crate::open::connect;
use crate::rows::heartbeat_at;
use crate::saving::save;
use crate::source::Database;

/// What a caller wants decided.
pub(crate) struct Command {
    pub(crate) scope: Scope,
    pub(crate) decide: Decide,
}

/// What a caller is told.
pub(crate) type Answer = Result<Records, UpdateError>;

/// Hears of commits, once there is somebody to hear.
pub(crate) type Observer = Arc<OnceLock<Arc<dyn CommitObserver>>>;

/// Owns the connection that writes.
pub(crate) struct Writer {
    /// The file, should the connection have to be opened anew.
    pub(crate) path: PathBuf,
    pub(crate) conn: SqliteConnection,
    pub(crate) clock: StoreClock,
    pub(crate) observer: Observer,
    /// Names the history of the file, since it was opened.
    pub(crate) history: u64,
    /// When the last group decided; the next one does later.
    pub(crate) last_now: Timestamp,
    /// Whether no server has the file beside this one.
    pub(crate) has_the_file_alone: bool,
}

/// Why a group was not committed.
enum Failure {
    /// It could not even begin: somebody else has the file, and each alone would wait as long.
    NotBegun(Unavailable),
    /// It was rolled back for certain.
    RolledBack(Unavailable),
    /// COMMIT failed in a way that may have left it on disk.
    Unknown(Unavailable),
}

impl Writer {
    /// Commits groups until the store is closed, and then leaves one file that has all in it. Beside
    /// a server that is the server's to do: it would have to wait for it.
    pub(crate) fn run(mut self, mut committer: Committer<Command, Answer>) {
        while let Some(group) = committer.next_group_blocking() {
            self.commit_and_answer(group);
        }
        if !self.has_the_file_alone {
            return;
        }
        // Where it does not work nothing is lost: what is in the log is read at the next start.
        match empty_log(&mut self.conn) {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("somebody reads: the write-ahead log stays beside the file")
            }
            Err(error) => tracing::warn!(%error, "the write-ahead log stays beside the file"),
        }
    }

    fn commit_and_answer(&mut self, group: Vec<Waiting<Command, Answer>>) {
        let commands: Vec<_> = group.iter().map(|waiting| &waiting.command).collect();
        match self.commit(&commands) {
            Ok(answers) => answer_all(group.into_iter().zip(answers)),
            // One of them spoilt it for the others, or the disk is full: each for itself.
            Err(Failure::RolledBack(_)) if group.len() > 1 => {
                for waiting in group {
                    self.commit_and_answer(vec![waiting]);
                }
            }
            Err(Failure::NotBegun(fault) | Failure::RolledBack(fault)) => {
                tracing::error!(error = %fault, source = source_of(&fault), "a group was not committed");
                for waiting in group {
                    waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
                }
            }
            Err(Failure::Unknown(fault)) => {
                tracing::error!(error = %fault, source = source_of(&fault), "a commit has no answer");
                for waiting in group {
                    waiting.answer(Err(UpdateError::Unknown(fault.clone())));
                }
            }
        }
    }

    /// Decides `commands` in one transaction and commits it. Answers are in the same order.
    fn commit(&mut self, commands: &[&Command]) -> Result<Vec<Answer>, Failure> {
        let begun = self.conn.batch_execute("BEGIN IMMEDIATE");
        begun.map_err(|error| Failure::NotBegun(fault("cannot begin to write", error.into())))?;
        self.clock.look();
        let now = self.clock.now().max(self.last_now + TimeDelta::microseconds(1));
        self.last_now = now;
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide_and_save(commands, now)));
        let (answers, changes) = match decided {
            Ok(Ok(decided)) => decided,
            Ok(Err(error)) => {
                self.roll_back();
                return Err(Failure::RolledBack(fault("cannot write", error)));
            }
            Err(_) => {
                self.roll_back();
                self.connect_anew();
                return Err(Failure::RolledBack(Unavailable::because("a change panicked")));
            }
        };
        if let Err(error) = self.conn.batch_execute("COMMIT") {
            let may_be_on_disk = is_io_error(&error);
            self.roll_back();
            let fault = fault("cannot commit", error.into());
            return Err(if may_be_on_disk { Failure::Unknown } else { Failure::RolledBack }(fault));
        }
        if let Some(uptime) = &changes.uptime {
            self.clock.hear_beat(uptime.heartbeat_at);
        }
        if let Some(observer) = self.observer.get() {
            observer.tell(&changes, self.history);
        }
        Ok(answers)
    }

    fn decide_and_save(
        &mut self,
        commands: &[&Command],
        now: Timestamp,
    ) -> Result<(Vec<Answer>, Records), SqlError> {
        let heartbeat_at = heartbeat_at(&mut self.conn)?.unwrap_or(now);
        let cutoff = Uptime::cutoff(heartbeat_at, now);
        let mut group = Group::new(Database { conn: &mut self.conn }, now, cutoff);
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let decided =
                catch_unwind(AssertUnwindSafe(|| group.run(&command.scope, &command.decide)));
            answers.push(match decided {
                Ok(decided) => decided?.map_err(UpdateError::Refused),
                Err(_) => Err(Unavailable::because("a decision panicked").into()),
            });
        }
        let changes = group.into_changes();
        save(&mut self.conn, &changes)?;
        Ok((answers, changes))
    }

    /// Leaves a connection that a panic may have left in the middle of something. Where none can be
    /// opened, it has to do: its transaction was rolled back.
    fn connect_anew(&mut self) {
        match connect(&self.path) {
            Ok(conn) => self.conn = conn,
            Err(error) => tracing::error!(%error, "no new connection after a panic"),
        }
    }

    /// Ends a transaction that failed. SQLite may have ended it already, and says so; that is fine.
    fn roll_back(&mut self) {
        if let Err(error) = self.conn.batch_execute("ROLLBACK") {
            tracing::debug!(%error, "nothing to roll back");
        }
    }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// Writes what is in the write-ahead log into the file, and says whether nothing is left in it.
/// Waits for readers as long as any statement waits.
fn empty_log(conn: &mut SqliteConnection) -> QueryResult<bool> {
    let checkpoint: Checkpoint =
        diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(conn)?;
    Ok(checkpoint.busy == 0)
}

/// A failed fsync is the one failure of COMMIT after which the change may be found on disk later.
fn is_io_error(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, said)
        if said.message().contains("disk I/O error"))
}

fn fault(what: &str, error: SqlError) -> Unavailable {
    Unavailable::from_source(format!("the database: {what}: {error}"), error)
}

fn source_of(fault: &Unavailable) -> Option<tracing::field::DisplayValue<String>> {
    std::error::Error::source(fault).map(|source| tracing::field::display(source.to_string()))
}
