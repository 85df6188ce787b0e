//! One transaction of a writer: decides what a group of callers wants, saves it, and commits.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::ports::Unavailable;
use domain::records::{Records, Scope};
use domain::uptime::Uptime;
use futures_util::{FutureExt, try_join};
use tokio::time::timeout;

use crate::SqlError;
use crate::connect::Session;
use crate::deciding::{Answer, Command, Decided, decide, together};
use crate::desk::Desk;
use crate::discipline;
use crate::heard::Late;
use crate::loading::begin_and_load;
use crate::marking::CommitMark;
use crate::saving::save;
use crate::statement::Statement;
use crate::writers::{LiveWriter, register};

/// How long a step before COMMIT may take while the database is heard of. PostgreSQL itself ends a
/// statement before that.
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
            let open = self.begin_and_decide(desk, commands, &mut scope, patience, step_within);
            let Some(open) = open.await.map_err(failed)? else { continue };
            let is_probe = commands.iter().any(|command| command.is_probe);
            if open.changes.is_unchanged_since(open.uptime.as_ref()) && !is_probe {
                within(desk, step_within, roll_back(&self.conn)).await.map_err(failed)?;
                return Ok(open.answers);
            }
            return self.finish(desk, open, step_within).await;
        }
        Err(Failure::RolledBack(Unavailable::because("what a change needs keeps changing")))
    }

    /// Begins a transaction and decides in it. Where it cannot go on, it is rolled back and there is none;
    /// the next one finds in `scope` what this one lacked.
    async fn begin_and_decide(
        &mut self,
        desk: &Desk,
        commands: &[&Command],
        scope: &mut Scope,
        patience: Patience,
        step_within: Duration,
    ) -> Result<Option<Open>, SqlError> {
        let since = desk.beginning();
        let begin = self.begin(patience);
        let conn = &self.conn;
        let mark = CommitMark { writer_id: self.writer.id, number: self.writer.next_number() };
        let loading = begin_and_load(conn, begin, mark, scope);
        let mut loaded = within(desk, step_within, loading).await?;
        if desk.is_ahead_of_time(&loaded.moment) {
            within(desk, step_within, roll_back(conn)).await?;
            let looking = async { Ok(discipline::look(conn).await?) };
            let look = within(desk, step_within, looking).await?;
            within(desk, step_within, desk.keep_discipline(conn, &look)).await?;
            return Ok(None);
        }
        let adding = desk.programme.add_to(&mut loaded, scope, conn, since);
        within(desk, step_within, adding).await?;
        let Decided { answers, changes, missing } = decide(commands, scope, &loaded);
        if !missing.is_empty() {
            // Locked now, it would be out of order; so everything is, once more.
            scope.absorb(&missing);
            within(desk, step_within, roll_back(conn)).await?;
            return Ok(None);
        }
        Ok(Some(Open { mark, since, uptime: loaded.uptime, answers, changes }))
    }

    /// Saves what was decided, commits it, and tells whoever listens.
    async fn finish(
        &mut self,
        desk: &Desk,
        open: Open,
        step_within: Duration,
    ) -> Result<Vec<Answer>, Failure> {
        let limit = step_within + STEP_WITHIN_MORE_A_ROW * row_count(&open.changes);
        match save_and_commit_within(limit, &self.conn, &open).await {
            Ok(()) => {
                self.writer.committed();
                desk.tell(&open.changes, open.since);
                Ok(open.answers)
            }
            Err(NotCommitted::RolledBack(error)) => Err(failed(error)),
            Err(NotCommitted::Lost(error)) => {
                let Open { mark, answers, changes, .. } = open;
                let fault = fault("the answer to COMMIT was lost", error);
                Err(Failure::Unknown(Box::new(Lost { mark, answers, changes, fault })))
            }
        }
    }
}

/// A transaction in which all is decided and nothing is saved yet.
struct Open {
    mark: CommitMark,
    /// The desk's beginning at which it began.
    since: u64,
    /// The heartbeat as it was loaded.
    uptime: Option<Uptime>,
    answers: Vec<Answer>,
    changes: Records,
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

/// Saves and commits within `limit`. A panic goes on as one only where COMMIT cannot have been sent.
async fn save_and_commit_within(
    limit: Duration,
    conn: &AsyncPgConnection,
    open: &Open,
) -> Result<(), NotCommitted> {
    let is_committing = Cell::new(false);
    let saving = save_and_commit(conn, open, &is_committing);
    match AssertUnwindSafe(timeout(limit, saving)).catch_unwind().await {
        Ok(saved) => saved.unwrap_or(Err(NotCommitted::Lost(SqlError::TooSlow(limit)))),
        Err(_) if is_committing.get() => Err(NotCommitted::Lost(SqlError::Panicked)),
        Err(panic) => resume_unwind(panic),
    }
}

/// Saves and commits, all sent at once. A statement that fails spoils the transaction, and
/// COMMIT, already on its way, rolls it back. Notes when that may be sent.
async fn save_and_commit(
    mut conn: &AsyncPgConnection,
    open: &Open,
    is_committing: &Cell<bool>,
) -> Result<(), NotCommitted> {
    let saving = async {
        let saved = save(conn, &open.changes, open.uptime.as_ref(), open.mark).await;
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
    match desk.heard.wait(limit, step).await {
        Ok(done) => done,
        Err(Late::Silent) => Err(SqlError::Silent),
        Err(Late::Slow) => Err(SqlError::TooSlow(limit)),
    }
}

/// A step before COMMIT failed, so nothing is in the database, nor will be.
fn failed(error: SqlError) -> Failure {
    use DatabaseErrorKind::{ForeignKeyViolation, ReadOnlyTransaction};
    let failure = match &error {
        SqlError::Silent => Failure::Away,
        // It is still at it, and others may have better luck.
        SqlError::TooSlow(_) => Failure::BadSession,
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

/// Whether COMMIT itself was answered with a no. Errors of kind Unknown are ambiguous: a backend that is
/// shutting down can send one after it has committed.
fn was_refused(error: &Error) -> bool {
    was_heard(error) && !matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, _))
}

fn fault(what: &str, error: SqlError) -> Unavailable {
    Unavailable::from_source(format!("{what}: {error}"), error)
}
