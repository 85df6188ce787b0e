//! One of the writers: takes what waits, decides it all in one transaction, commits, and only then
//! answers everyone.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::ports::{Unavailable, UpdateError};
use futures_util::FutureExt;
use group_commit::{Committer, Waiting, answer_all};
use tokio::time::timeout;

use crate::committing::{Connected, Failure, Lost, Patience};
use crate::connect::Session;
use crate::deciding::{Answer, Command};
use crate::desk::Desk;
use crate::settling::{Fortune, Unsettled, settle};
use crate::stuck::{Stuck, Try};

/// How often a group is tried whole before each of it is tried alone, and for how long.
const TRIES_WHOLE: u32 = 2;
const TRY_WHOLE_WITHIN: Duration = Duration::from_millis(500);
/// After how long those of a group that were not tried alone yet are tried no more.
const TRY_ALONE_WITHIN: Duration = Duration::from_secs(4);
/// A lone change that failed after this long waited for somebody.
const WAITED: Duration = Duration::from_millis(40);
/// For how long callers wait to hear what became of a COMMIT whose answer was lost.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Owns a connection that writes.
pub(crate) struct Worker {
    pub(crate) desk: Arc<Desk>,
    pub(crate) session: Session,
    /// How long a step of a group may take: to lock and load, and to save and commit. The first may take
    /// longer while the database is heard of.
    pub(crate) step_within: Duration,
    pub(crate) conn: Option<Connected>,
    pub(crate) stuck: Stuck,
    pub(crate) unsettled: Unsettled,
}

type Group = Vec<Waiting<Command, Answer>>;

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
            } else if began.elapsed() > TRY_ALONE_WITHIN
                || self.stuck.how_to_try(&waiting.command.scope) == Try::Later
            {
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

    /// Decides `commands` in one transaction and commits it. Answers are in the same order.
    async fn commit(
        &mut self,
        commands: &[&Command],
        patience: Patience,
    ) -> Result<Vec<Answer>, Failure> {
        let mut connected = match self.conn.take() {
            Some(connected) => connected,
            None if self.unsettled.are_too_many() => {
                let what = "the database does not say what became of earlier commits";
                return Err(Failure::Away(Unavailable::because(what)));
            }
            None => Connected::new(&self.desk, self.session, self.step_within).await?,
        };
        let committing = connected.commit(&self.desk, commands, patience, self.step_within);
        let committing = AssertUnwindSafe(committing);
        let Ok(committed) = committing.catch_unwind().await else {
            // Nothing was committed, and the connection ends here with all that is open on it.
            return Err(Failure::RolledBack(Unavailable::because("a change panicked")));
        };
        // A connection that failed in the middle of something is not used again.
        match &committed {
            Ok(_) => self.conn = Some(connected),
            Err(Failure::RolledBack(_)) => {
                self.conn =
                    connected.roll_back(&self.desk, self.step_within).await.then_some(connected);
            }
            Err(Failure::Away(_) | Failure::BadSession(_) | Failure::Unknown(_)) => {}
        }
        committed
    }
}

/// Finds out whether a group was committed, and answers it; those who wait hear within a while that it
/// is not known yet, and what became of it is found out even so.
async fn find_out(desk: Arc<Desk>, lost: Lost, group: Group) {
    let since = desk.beginning();
    let settling = settle(&desk.database, lost.mark);
    tokio::pin!(settling);
    match timeout(SETTLED_WITHIN, &mut settling).await {
        Ok(Fortune::Committed) => {
            desk.tell(&lost.changes, since);
            answer_all(group.into_iter().zip(lost.answers));
        }
        Ok(Fortune::RolledBack) => tell_all(group, &lost.fault),
        Err(_) => {
            tracing::error!("whether a group was committed is not known");
            for waiting in group {
                waiting.answer(Err(UpdateError::Unknown(lost.fault.clone())));
            }
            if settling.await == Fortune::Committed {
                desk.tell(&lost.changes, since);
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
