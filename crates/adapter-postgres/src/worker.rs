//! One of the writers: takes what waits, decides it all in one transaction, commits, and only then
//! answers everyone.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::ports::{CommitObserver, Ids, Unavailable, UpdateError};
use domain::records::Records;
use domain::uptime::Uptime;
use futures_util::{FutureExt, try_join};
use group_commit::{Committer, Waiting, answer_all};
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::{Database, Session};
use crate::deciding::{Answer, Command, Programme, decide, together};
use crate::loading::begin_and_load;
use crate::marking::CommitMark;
use crate::saving::save;
use crate::settling::{Fortune, settle};
use crate::statement::Statement;

/// How long a step of a group may take: to lock and load, to save, to commit.
const STEP_WITHIN: Duration = Duration::from_millis(1_500);
/// How much longer for each row that is saved.
const STEP_WITHIN_MORE_A_ROW: Duration = Duration::from_micros(200);
/// How often a group is tried whole before each of it is tried alone, and for how long.
const TRIES_WHOLE: u32 = 2;
const TRY_WHOLE_WITHIN: Duration = Duration::from_millis(500);
/// After how long those of a group that were not tried alone yet are tried no more.
const TRY_ALONE_WITHIN: Duration = Duration::from_secs(4);
/// How long plans are kept. One that was made while a table was small may take the wrong index for
/// minutes after it has grown, until PostgreSQL analyses the table; making them anew costs less.
const PLANS_KEPT_FOR: Duration = Duration::from_millis(500);
/// How often a group may find that it needs more than it locked.
const LOCKS_MAX: u32 = 8;

/// Hears of commits, once there is somebody to hear.
pub(crate) type Observer = Arc<OnceLock<Arc<dyn CommitObserver>>>;

/// What all writers of a store share.
pub(crate) struct Desk {
    pub(crate) database: Database,
    pub(crate) clock: DatabaseClock,
    pub(crate) observer: Observer,
    pub(crate) programme: Programme,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) server_id: Uuid,
    /// Where what outlives a writer runs.
    pub(crate) runtime: Handle,
}

/// Owns a connection that writes.
pub(crate) struct Worker {
    pub(crate) desk: Arc<Desk>,
    pub(crate) conn: Option<Connected>,
}

/// A connection that writes.
pub(crate) struct Connected {
    conn: AsyncPgConnection,
    planned: Instant,
}

impl Connected {
    /// How the next transaction begins.
    fn begin(&mut self) -> &'static str {
        if self.planned.elapsed() < PLANS_KEPT_FOR {
            return "BEGIN";
        }
        self.planned = Instant::now();
        "DISCARD PLANS; BEGIN"
    }
}

type Group = Vec<Waiting<Command, Answer>>;

/// Why a group was not committed.
enum Failure {
    /// The database cannot be reached; whoever waits behind would hear the same.
    Away(Unavailable),
    /// It was rolled back for certain.
    RolledBack(Unavailable),
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
            if let Some(fault) = self.commit_and_answer(group).await {
                // Nobody is to wait one after the other for what is known already.
                while let Some(waiting) = committer.next_waiting() {
                    waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
                }
            }
        }
    }

    /// Returns why, if the database is away.
    async fn commit_and_answer(&mut self, group: Group) -> Option<Unavailable> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            match self
                .commit(&group.iter().map(|waiting| &waiting.command).collect::<Vec<_>>())
                .await
            {
                Ok(answers) => {
                    answer_all(group.into_iter().zip(answers));
                    return None;
                }
                Err(Failure::Unknown(lost)) => {
                    tracing::warn!(error = %lost.fault, "the answer to a commit was lost");
                    self.desk.runtime.spawn(find_out(Arc::clone(&self.desk), *lost, group));
                    return None;
                }
                Err(Failure::Away(fault)) => {
                    tell_all(group, &fault);
                    return Some(fault);
                }
                Err(Failure::RolledBack(fault)) => {
                    tracing::debug!(error = %fault, tries, "a group was rolled back");
                    if tries >= TRIES_WHOLE || began.elapsed() > TRY_WHOLE_WITHIN {
                        return self.commit_one_by_one(group, began, &fault).await;
                    }
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
        if group.len() == 1 {
            tell_all(group, fault);
            return None;
        }
        let mut away = None;
        for waiting in group {
            if let Some(fault) = &away {
                waiting.answer(Err(UpdateError::Unavailable(Unavailable::clone(fault))));
            } else if began.elapsed() > TRY_ALONE_WITHIN {
                waiting.answer(Err(UpdateError::Unavailable(fault.clone())));
            } else {
                away = Box::pin(self.commit_and_answer(vec![waiting])).await;
            }
        }
        away
    }

    /// Decides `commands` in one transaction and commits it. Answers are in the same order.
    async fn commit(&mut self, commands: &[&Command]) -> Result<Vec<Answer>, Failure> {
        let mut connected = match self.conn.take() {
            Some(connected) => connected,
            None => {
                let conn = self.desk.database.connect(Session::Writes).await;
                let conn = conn.map_err(|error| {
                    let what = format!("the database is away: {error}");
                    Failure::Away(Unavailable::from_source(what, error))
                })?;
                Connected { conn, planned: Instant::now() }
            }
        };
        let committing = AssertUnwindSafe(commit_on(&mut connected, &self.desk, commands));
        let Ok(committed) = committing.catch_unwind().await else {
            // Nothing was committed, and the connection ends here with all that is open on it.
            return Err(Failure::RolledBack(Unavailable::because("a change panicked")));
        };
        // A connection that failed in the middle of something is not used again.
        match &committed {
            Ok(_) => self.conn = Some(connected),
            Err(Failure::RolledBack(_)) => {
                let rolled_back = within(STEP_WITHIN, roll_back(&connected.conn)).await;
                self.conn = rolled_back.is_ok().then_some(connected);
            }
            Err(Failure::Away(_) | Failure::Unknown(_)) => {}
        }
        committed
    }
}

async fn commit_on(
    connected: &mut Connected,
    desk: &Desk,
    commands: &[&Command],
) -> Result<Vec<Answer>, Failure> {
    let mut scope = together(commands);
    for _ in 0..LOCKS_MAX {
        let (begin, conn) = (connected.begin(), &connected.conn);
        let mark = CommitMark { id: desk.ids.next(), server_id: desk.server_id };
        let loading = begin_and_load(conn, begin, mark, &scope);
        let mut loaded = within(STEP_WITHIN, loading).await.map_err(failed)?;
        let adding = desk.programme.add_to(&mut loaded, &scope, conn);
        within(STEP_WITHIN, adding).await.map_err(failed)?;
        let now = desk.clock.decide_at(loaded.time);
        let decided = decide(commands, &scope, &loaded, now);
        if !decided.missing.is_empty() {
            // Locked now, it would be out of order; so everything is, once more.
            scope.absorb(&decided.missing);
            within(STEP_WITHIN, roll_back(conn)).await.map_err(failed)?;
            continue;
        }
        let (answers, changes) = (decided.answers, decided.changes);
        let uptime = loaded.uptime.as_ref();
        if changes.is_unchanged_since(uptime) {
            within(STEP_WITHIN, roll_back(conn)).await.map_err(failed)?;
            return Ok(answers);
        }
        let limit = STEP_WITHIN + STEP_WITHIN_MORE_A_ROW * row_count(&changes);
        let is_committing = Cell::new(false);
        let saving = save_and_commit(conn, &changes, uptime, mark, &is_committing);
        let saved = match AssertUnwindSafe(timeout(limit, saving)).catch_unwind().await {
            Ok(saved) => saved.unwrap_or(Err(NotCommitted::Lost(SqlError::TooSlow(limit)))),
            Err(_) if is_committing.get() => Err(NotCommitted::Lost(SqlError::Panicked)),
            Err(panic) => resume_unwind(panic),
        };
        return match saved {
            Ok(()) => {
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

impl Desk {
    /// Tells whoever listens what is in the database for good.
    pub(crate) fn tell(&self, changes: &Records) {
        if let Some(observer) = self.observer.get() {
            observer.tell(changes);
        }
    }
}

/// Finds out whether a group was committed, and answers it.
async fn find_out(desk: Arc<Desk>, lost: Lost, group: Group) {
    match settle(&desk.database, lost.mark).await {
        Fortune::Committed => {
            desk.tell(&lost.changes);
            answer_all(group.into_iter().zip(lost.answers));
        }
        Fortune::RolledBack => tell_all(group, &lost.fault),
        Fortune::Unknown => {
            tracing::error!("whether a group was committed is not known");
            for waiting in group {
                waiting.answer(Err(UpdateError::Unknown(lost.fault.clone())));
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
    let too_slow = matches!(error, SqlError::TooSlow(_));
    let fault = fault("a change was not committed", error);
    if too_slow { Failure::Away(fault) } else { Failure::RolledBack(fault) }
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
