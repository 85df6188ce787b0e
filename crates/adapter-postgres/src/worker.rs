//! One of the writers: takes what waits, decides it all in one transaction, commits, and only then
//! answers everyone.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::ports::{Unavailable, UpdateError};
use domain::records::Records;
use domain::uptime::Uptime;
use futures_util::{FutureExt, try_join};
use group_commit::{Committer, Waiting, answer_all};
use tokio::time::timeout;

use crate::SqlError;
use crate::connect::Session;
use crate::deciding::{Answer, Command, decide, together};
use crate::desk::Desk;
use crate::discipline;
use crate::loading::begin_and_load;
use crate::marking::CommitMark;
use crate::saving::save;
use crate::settling::{Fortune, Unsettled, settle};
use crate::statement::Statement;
use crate::stuck::{Stuck, Try};
use crate::writers::{LiveWriter, register};

/// How much longer a step may take for each row that is saved.
const STEP_WITHIN_MORE_A_ROW: Duration = Duration::from_micros(200);
/// How often a group is tried whole before each of it is tried alone, and for how long.
const TRIES_WHOLE: u32 = 2;
const TRY_WHOLE_WITHIN: Duration = Duration::from_millis(500);
/// After how long those of a group that were not tried alone yet are tried no more.
const TRY_ALONE_WITHIN: Duration = Duration::from_secs(4);
/// A lone change that failed after this long waited for somebody.
const WAITED: Duration = Duration::from_millis(40);
/// How long plans are kept. One that was made while a table was small may take the wrong index for
/// minutes after it has grown, until PostgreSQL analyses the table; making them anew costs less.
const PLANS_KEPT_FOR: Duration = Duration::from_millis(500);
/// How often a group may find that it needs more than it locked.
const LOCKS_MAX: u32 = 8;
/// For how long callers wait to hear what became of a COMMIT whose answer was lost.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Owns a connection that writes.
pub(crate) struct Worker {
    pub(crate) desk: Arc<Desk>,
    pub(crate) session: Session,
    /// How long a step of a group may take: to lock and load, to save, to commit.
    pub(crate) step_within: Duration,
    pub(crate) conn: Option<Connected>,
    pub(crate) stuck: Stuck,
    pub(crate) unsettled: Unsettled,
}

/// A connection that writes.
pub(crate) struct Connected {
    conn: AsyncPgConnection,
    writer: LiveWriter,
    planned: Instant,
}

/// How long a transaction waits for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// As the session says: as long as a transaction of another server may take.
    Usual,
    /// Hardly: it is known to be locked.
    Short,
}

impl Connected {
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
}

type Group = Vec<Waiting<Command, Answer>>;

/// Why a group was not committed.
enum Failure {
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
struct Lost {
    mark: CommitMark,
    answers: Vec<Answer>,
    changes: Records,
    fault: Unavailable,
}

impl Worker {
    /// Starts it on a thread of its own, where it and its connection need not wake each other
    /// across threads at every step.
    pub(crate) fn start(self, committer: Committer<Command, Answer>) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(self.run(committer));
        std::thread::Builder::new().name("postgres-writer".to_owned()).spawn(run)
    }

    /// Commits groups until all callers are gone.
    async fn run(mut self, mut committer: Committer<Command, Answer>) {
        while let Some(group) = committer.next_group().await {
            if let Some(fault) = self.serve(group).await {
                // Nobody is to wait one after the other for what is known already.
                while let Some(waiting) = committer.next_waiting() {
                    waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
                }
            }
        }
    }

    /// Commits a group; those of it that need what is stuck, one by one at the end. Returns why, if the
    /// database is away.
    async fn serve(&mut self, group: Group) -> Option<Unavailable> {
        let (mut together, mut apart) = (Vec::with_capacity(group.len()), Vec::new());
        for waiting in group {
            match self.stuck.how_to_try(&waiting.command.scope) {
                Try::Together => together.push(waiting),
                Try::Apart | Try::Later => apart.push(waiting),
            }
        }
        let mut away = None;
        if !together.is_empty() {
            away = self.commit_and_answer(together).await;
        }
        for waiting in apart {
            let how = self.stuck.how_to_try(&waiting.command.scope);
            match (&away, how) {
                (Some(fault), _) => waiting.answer(Err(UpdateError::Unavailable(fault.clone()))),
                (None, Try::Later) => {
                    let fault = Unavailable::because("what this needs is locked by somebody");
                    waiting.answer(Err(UpdateError::Unavailable(fault)));
                }
                (None, Try::Apart | Try::Together) => away = self.commit_alone(waiting).await,
            }
        }
        away
    }

    /// Returns why, if the database is away.
    async fn commit_and_answer(&mut self, group: Group) -> Option<Unavailable> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let commands: Vec<_> = group.iter().map(|waiting| &waiting.command).collect();
            match self.commit(&commands, Patience::Usual).await {
                Ok(answers) => {
                    answer_all(group.into_iter().zip(answers));
                    return None;
                }
                Err(Failure::Unknown(lost)) => {
                    self.look_for(*lost, group);
                    return None;
                }
                Err(Failure::Away(fault)) => {
                    tell_all(group, &fault);
                    return Some(fault);
                }
                Err(Failure::RolledBack(fault) | Failure::BadSession(fault)) => {
                    tracing::debug!(error = %fault, tries, "a group was rolled back");
                    if tries < TRIES_WHOLE && began.elapsed() < TRY_WHOLE_WITHIN {
                        continue;
                    }
                    if let [lone] = &group[..] {
                        self.note_stuck(lone, began);
                        tell_all(group, &fault);
                        return None;
                    }
                    return self.commit_one_by_one(group, began, &fault).await;
                }
            }
        }
    }

    /// One of the group spoils it for the others, so each is tried for itself.
    async fn commit_one_by_one(
        &mut self,
        group: Group,
        began: Instant,
        fault: &Unavailable,
    ) -> Option<Unavailable> {
        let mut away = None;
        for waiting in group {
            if let Some(fault) = &away {
                waiting.answer(Err(UpdateError::Unavailable(Unavailable::clone(fault))));
            } else if began.elapsed() > TRY_ALONE_WITHIN {
                waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
            } else if self.stuck.how_to_try(&waiting.command.scope) == Try::Later {
                waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
            } else {
                away = self.commit_alone(waiting).await;
            }
        }
        away
    }

    /// Tries one alone, without waiting long for a lock. Returns why, if the database is away.
    async fn commit_alone(&mut self, waiting: Waiting<Command, Answer>) -> Option<Unavailable> {
        let began = Instant::now();
        match self.commit(&[&waiting.command], Patience::Short).await {
            Ok(answers) => {
                self.stuck.succeeded(&waiting.command.scope);
                answer_all([waiting].into_iter().zip(answers));
                None
            }
            Err(Failure::Unknown(lost)) => {
                self.look_for(*lost, vec![waiting]);
                None
            }
            Err(Failure::Away(fault)) => {
                tell_all(vec![waiting], &fault);
                Some(fault)
            }
            Err(Failure::RolledBack(fault) | Failure::BadSession(fault)) => {
                self.note_stuck(&waiting, began);
                tell_all(vec![waiting], &fault);
                None
            }
        }
    }

    fn note_stuck(&mut self, waiting: &Waiting<Command, Answer>, began: Instant) {
        if began.elapsed() > WAITED {
            self.stuck.failed(&waiting.command.scope);
        }
    }

    /// Finds out whether a group was committed, beside the next ones.
    fn look_for(&self, lost: Lost, group: Group) {
        tracing::warn!(error = %lost.fault, "the answer to a commit was lost");
        let finding_out = find_out(Arc::clone(&self.desk), lost, group);
        self.desk.runtime.spawn(self.unsettled.until(finding_out));
    }

    async fn connect(&self) -> Result<Connected, Failure> {
        if self.unsettled.are_too_many() {
            let what = "the database does not say what became of earlier commits";
            return Err(Failure::Away(Unavailable::because(what)));
        }
        let away = |error: &dyn std::fmt::Display| format!("the database is away: {error}");
        let conn = self
            .desk
            .database
            .connect(self.session)
            .await
            .map_err(|error| Failure::Away(Unavailable::from_source(away(&error), error)))?;
        let id = self.desk.ids.next();
        // Before it is registered, so that the feed never takes it for another server's.
        let writer = LiveWriter::new(id, Arc::clone(&self.desk.writers));
        let registered = async { Ok(register(&conn, id, self.desk.server_id).await?) };
        within(self.step_within, registered)
            .await
            .map_err(|error| Failure::Away(Unavailable::from_source(away(&error), error)))?;
        Ok(Connected { conn, writer, planned: Instant::now() })
    }

    /// Decides `commands` in one transaction and commits it. Answers are in the same order.
    async fn commit(
        &mut self,
        commands: &[&Command],
        patience: Patience,
    ) -> Result<Vec<Answer>, Failure> {
        let mut connected = match self.conn.take() {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        let committing = AssertUnwindSafe(self.commit_on(&mut connected, commands, patience));
        let Ok(committed) = committing.catch_unwind().await else {
            // Nothing was committed, and the connection ends here with all that is open on it.
            return Err(Failure::RolledBack(Unavailable::because("a change panicked")));
        };
        // A connection that failed in the middle of something is not used again.
        match &committed {
            Ok(_) => self.conn = Some(connected),
            Err(Failure::RolledBack(_)) => {
                let rolled_back = within(self.step_within, roll_back(&connected.conn)).await;
                self.conn = rolled_back.is_ok().then_some(connected);
            }
            Err(Failure::Away(_) | Failure::BadSession(_) | Failure::Unknown(_)) => {}
        }
        committed
    }

    async fn commit_on(
        &self,
        connected: &mut Connected,
        commands: &[&Command],
        patience: Patience,
    ) -> Result<Vec<Answer>, Failure> {
        let (desk, step_within) = (&*self.desk, self.step_within);
        let mut scope = together(commands);
        for _ in 0..LOCKS_MAX {
            let begin = connected.begin(patience);
            let writer = &connected.writer;
            let mark = CommitMark { writer_id: writer.id, number: writer.next_number() };
            let conn = &connected.conn;
            let loading = begin_and_load(conn, begin, mark, &scope);
            let mut loaded = within(step_within, loading).await.map_err(failed)?;
            if desk.is_ahead_of_time(&loaded.moment) {
                within(step_within, roll_back(conn)).await.map_err(failed)?;
                let looking = async { Ok(discipline::look(conn).await?) };
                let look = within(step_within, looking).await.map_err(failed)?;
                let keeping = desk.keep_discipline(conn, &look);
                within(step_within, keeping).await.map_err(failed)?;
                continue;
            }
            let adding = desk.programme.add_to(&mut loaded, &scope, conn);
            within(step_within, adding).await.map_err(failed)?;
            let decided = decide(commands, &scope, &loaded);
            if !decided.missing.is_empty() {
                // Locked now, it would be out of order; so everything is, once more.
                scope.absorb(&decided.missing);
                within(step_within, roll_back(conn)).await.map_err(failed)?;
                continue;
            }
            let (answers, changes) = (decided.answers, decided.changes);
            let uptime = loaded.uptime.as_ref();
            let is_probe = commands.iter().any(|command| command.is_probe);
            if changes.is_unchanged_since(uptime) && !is_probe {
                within(step_within, roll_back(conn)).await.map_err(failed)?;
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
                    connected.writer.committed();
                    desk.tell(&changes);
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

/// Finds out whether a group was committed, and answers it; those who wait hear within a while that it
/// is not known yet, and what became of it is found out even so.
async fn find_out(desk: Arc<Desk>, lost: Lost, group: Group) {
    let settling = settle(&desk.database, lost.mark);
    tokio::pin!(settling);
    match timeout(SETTLED_WITHIN, &mut settling).await {
        Ok(Fortune::Committed) => {
            desk.tell(&lost.changes);
            answer_all(group.into_iter().zip(lost.answers));
        }
        Ok(Fortune::RolledBack) => tell_all(group, &lost.fault),
        Err(_) => {
            tracing::error!("whether a group was committed is not known");
            for waiting in group {
                waiting.answer(Err(UpdateError::Unknown(lost.fault.clone())));
            }
            if settling.await == Fortune::Committed {
                desk.tell(&lost.changes);
            }
        }
    }
}

fn tell_all(group: Group, fault: &Unavailable) {
    tracing::warn!(error = %fault, waiting = group.len(), "a group was not committed");
    for waiting in group {
        waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
    }
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

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, SqlError>>,
) -> Result<T, SqlError> {
    timeout(limit, step).await.unwrap_or(Err(SqlError::TooSlow(limit)))
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
