//! One transaction of a writer: decides what a group of callers wants, saves it, and commits.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::ports::Unavailable;
use domain::records::Records;
use domain::uptime::Uptime;
use futures_util::{FutureExt, try_join};
use tokio::time::timeout;

use crate::SqlError;
use crate::connect::Session;
use crate::deciding::{Answer, Command, decide, together};
use crate::desk::Desk;
use crate::discipline;
use crate::loading::begin_and_load;
use crate::marking::CommitMark;
use crate::saving::save;
use crate::statement::Statement;
use crate::writers::{LiveWriter, register};

/// How long a step before COMMIT may take while the database is heard of. PostgreSQL itself ends a
/// statement by then.
const SLOW_STEP_WITHIN: Duration = Duration::from_secs(5);
/// How much longer saving may take for each row that is saved.
const STEP_WITHIN_MORE_A_ROW: Duration = Duration::from_micros(200);
/// How long plans are kept. One that was made while a table was small may take the wrong index for
/// minutes after it has grown, until PostgreSQL analyses the table; making them anew costs less.
const PLANS_KEPT_FOR: Duration = Duration::from_millis(500);
/// How often a group may find that it needs more than it locked.
const LOCKS_MAX: u32 = 8;

/// A connection that writes.
pub(crate) struct Connected {
    conn: AsyncPgConnection,
    writer: LiveWriter,
    planned: Instant,
}

/// How long a transaction waits for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As the session says: as long as a transaction of another server may take.
    Usual,
    /// Hardly: it is known to be locked.
    Short,
}

impl Connected {
    /// Connects, and registers as a writer.
    pub(crate) async fn new(
        desk: &Desk,
        session: Session,
        step_within: Duration,
    ) -> Result<Self, Failure> {
        let away = |error: &dyn std::fmt::Display| format!("the database is away: {error}");
        let conn = desk
            .database
            .connect(session)
            .await
            .map_err(|error| Failure::Away(Unavailable::from_source(away(&error), error)))?;
        let id = desk.ids.next();
        // Before it is registered, so that the feed never takes it for another server's.
        let writer = LiveWriter::new(id, Arc::clone(&desk.writers));
        let registered = async { Ok(register(&conn, id, desk.server_id).await?) };
        within(desk, step_within, registered)
            .await
            .map_err(|error| Failure::Away(Unavailable::from_source(away(&error), error)))?;
        Ok(Self { conn, writer, planned: Instant::now() })
    }

    /// Ends what failed. Says whether the connection can go on.
    pub(crate) async fn roll_back(&self, desk: &Desk, step_within: Duration) -> bool {
        within(desk, step_within, roll_back(&self.conn)).await.is_ok()
    }

    /// How the next transaction begins.
    fn begin(&mut self, patience: Patience) -> &'static str {
        let plans_are_new = self.planned.elapsed() < PLANS_KEPT_FOR;
        if !plans_are_new {
            self.planned = Instant::now();
        }
        match (plans_are_new, patience) {
            (true, Patience::Usual) => "BEGIN",
            (false, Patience::Usual) => "DISCARD PLANS; BEGIN",
            (true, Patience::Short) => "BEGIN; SET LOCAL lock_timeout = 50",
            (false, Patience::Short) => "DISCARD PLANS; BEGIN; SET LOCAL lock_timeout = 50",
        }
    }

    /// Decides `commands` in one transaction and commits it; each step within that time. Answers are in
    /// the same order.
    pub(crate) async fn commit(
        &mut self,
        desk: &Desk,
        commands: &[&Command],
        patience: Patience,
        step_within: Duration,
    ) -> Result<Vec<Answer>, Failure> {
        let mut scope = together(commands);
        for _ in 0..LOCKS_MAX {
            let since = desk.beginning();
            let begin = self.begin(patience);
            let writer = &self.writer;
            let mark = CommitMark { writer_id: writer.id, number: writer.next_number() };
            let conn = &self.conn;
            let loading = begin_and_load(conn, begin, mark, &scope);
            let mut loaded = within(desk, step_within, loading).await.map_err(failed)?;
            if desk.is_ahead_of_time(&loaded.moment) {
                within(desk, step_within, roll_back(conn)).await.map_err(failed)?;
                let looking = async { Ok(discipline::look(conn).await?) };
                let look = within(desk, step_within, looking).await.map_err(failed)?;
                let keeping = desk.keep_discipline(conn, &look);
                within(desk, step_within, keeping).await.map_err(failed)?;
                continue;
            }
            let adding = desk.programme.add_to(&mut loaded, &scope, conn, since);
            within(desk, step_within, adding).await.map_err(failed)?;
            let decided = decide(commands, &scope, &loaded);
            if !decided.missing.is_empty() {
                // Locked now, it would be out of order; so everything is, once more.
                scope.absorb(&decided.missing);
                within(desk, step_within, roll_back(conn)).await.map_err(failed)?;
                continue;
            }
            let (answers, changes) = (decided.answers, decided.changes);
            let uptime = loaded.uptime.as_ref();
            let is_probe = commands.iter().any(|command| command.is_probe);
            if changes.is_unchanged_since(uptime) && !is_probe {
                within(desk, step_within, roll_back(conn)).await.map_err(failed)?;
                return Ok(answers);
            }
            let limit = step_within + STEP_WITHIN_MORE_A_ROW * row_count(&changes);
            let is_committing = Cell::new(false);
            let saving = save_and_commit(conn, &changes, uptime, mark, &is_committing);
            let saved = match AssertUnwindSafe(timeout(limit, saving)).catch_unwind().await {
                Ok(saved) => saved.unwrap_or(Err(NotCommitted::Lost(SqlError::TooSlow(limit)))),
                Err(_) if is_committing.get() => Err(NotCommitted::Lost(SqlError::Panicked)),
                Err(panic) => resume_unwind(panic),
            };
            return match saved {
                Ok(()) => {
                    self.writer.committed();
                    desk.tell(&changes, since);
                    Ok(answers)
                }
                Err(NotCommitted::RolledBack(error)) => Err(failed(error)),
                Err(NotCommitted::Lost(error)) => {
                    let fault = fault("the answer to COMMIT was lost", error);
                    Err(Failure::Unknown(Box::new(Lost { mark, answers, changes, fault })))
                }
            };
        }
        Err(Failure::RolledBack(Unavailable::because("what a change needs keeps changing")))
    }
}

/// Why a group was not committed.
pub(crate) enum Failure {
    /// The database cannot be reached; whoever waits behind would hear the same.
    Away(Unavailable),
    /// It was rolled back for certain.
    RolledBack(Unavailable),
    /// It was rolled back, and the session will do no better: another one may.
    BadSession(Unavailable),
    /// The answer to COMMIT was lost.
    Unknown(Box<Lost>),
}

/// A group whose answer to COMMIT was lost, and what to say should it turn out to be committed.
pub(crate) struct Lost {
    pub(crate) mark: CommitMark,
    pub(crate) answers: Vec<Answer>,
    pub(crate) changes: Records,
    pub(crate) fault: Unavailable,
}

fn row_count(changes: &Records) -> u32 {
    let rows = changes.seats.changes().count() + changes.tokens.changes().count();
    u32::try_from(rows).unwrap_or(u32::MAX)
}

/// Why what was saved is not known to be in the database.
enum NotCommitted {
    /// PostgreSQL said no to something, so there was nothing to commit.
    RolledBack(SqlError),
    /// It did not say.
    Lost(SqlError),
}

/// Saves `changes` and commits, all sent at once. A statement that fails spoils the transaction, and
/// COMMIT, already on its way, rolls it back. Notes when that may be sent.
async fn save_and_commit(
    mut conn: &AsyncPgConnection,
    changes: &Records,
    uptime: Option<&Uptime>,
    mark: CommitMark,
    is_committing: &Cell<bool>,
) -> Result<(), NotCommitted> {
    let saving = async {
        let saved = save(conn, changes, uptime, mark).await;
        saved.map_err(|error| match was_heard(&error) {
            true => NotCommitted::RolledBack(error.into()),
            false => NotCommitted::Lost(error.into()),
        })
    };
    // As a prepared statement, it waits its turn behind those that have to be prepared first.
    let commit = Statement::<()>::new("COMMIT", vec![]);
    let committing = async {
        is_committing.set(true);
        let committed = commit.execute(&mut conn).await.map(drop);
        committed.map_err(|error| match was_refused(&error) {
            true => NotCommitted::RolledBack(error.into()),
            false => NotCommitted::Lost(error.into()),
        })
    };
    try_join!(saving, committing).map(drop)
}

async fn roll_back(mut conn: &AsyncPgConnection) -> Result<(), SqlError> {
    Ok(conn.batch_execute("ROLLBACK").await?)
}

/// A step before COMMIT. A database that is heard of is waited for longer than one that is silent.
async fn within<T>(
    desk: &Desk,
    limit: Duration,
    step: impl Future<Output = Result<T, SqlError>>,
) -> Result<T, SqlError> {
    let limit = limit.max(SLOW_STEP_WITHIN);
    desk.heard.wait(limit, step).await.unwrap_or(Err(SqlError::TooSlow(limit)))
}

/// A step before COMMIT failed, so nothing is in the database, nor will be.
fn failed(error: SqlError) -> Failure {
    use DatabaseErrorKind::{ForeignKeyViolation, ReadOnlyTransaction};
    let failure = match &error {
        SqlError::TooSlow(_) => Failure::Away,
        // A standby, or a database that takes no writes just now.
        SqlError::Diesel(Error::DatabaseError(ReadOnlyTransaction, _)) => Failure::Away,
        // The writer was given up for dead.
        SqlError::Diesel(Error::DatabaseError(ForeignKeyViolation, said))
            if said.constraint_name() == Some("commits_writer_exists") =>
        {
            Failure::BadSession
        }
        _ => Failure::RolledBack,
    };
    failure(fault("a change was not committed", error))
}

/// Whether it was PostgreSQL that said it, and not the connection that was lost.
fn was_heard(error: &Error) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    match error {
        Error::DatabaseError(kind, _) => !matches!(kind, ClosedConnection | UnableToSendCommand),
        _ => false,
    }
}

/// Whether COMMIT itself was answered with a no. Of what PostgreSQL has no kind for, some may be said
/// by one that is ending after it has committed.
fn was_refused(error: &Error) -> bool {
    was_heard(error) && !matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, _))
}

fn fault(what: &str, error: SqlError) -> Unavailable {
    Unavailable::from_source(format!("{what}: {error}"), error)
}
