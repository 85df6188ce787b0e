//! Gathers what many callers want written, so that one transaction can write it for all of them.
//!
//! A line with one end for callers and one for whoever commits. A caller puts a command in and
//! waits for its answer; the committer takes all that wait, a group at a time. A lone command waits
//! for nobody: a group is simply what came while the last one was committed. Nothing is timed, but for
//! how long a command may wait in line.
//!
//! This crate knows nothing of what the commands are about.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long a command waits in line.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Makes a line in which at most `waiting_max` commands wait, taken at most `group_max` at a time.
#[must_use]
pub fn line<C, A>(waiting_max: usize, group_max: usize) -> (Callers<C, A>, Committer<C, A>) {
    let (sender, receiver) = mpsc::channel(waiting_max.max(1));
    (
        Callers { sender: RwLock::new(Some(sender)), taken_within: TAKEN_WITHIN },
        Committer { receiver, group_max: group_max.max(1) },
    )
}

/// Where callers put their commands.
#[derive(Debug)]
pub struct Callers<C, A> {
    /// Nothing once the line is closed.
    sender: RwLock<Option<mpsc::Sender<Waiting<C, A>>>>,
    taken_within: Duration,
}

/// Where a committer takes them, in order of arrival.
#[derive(Debug)]
pub struct Committer<C, A> {
    receiver: mpsc::Receiver<Waiting<C, A>>,
    group_max: usize,
}

/// A command and whoever waits for its answer.
#[derive(Debug)]
pub struct Waiting<C, A> {
    /// What is asked for.
    pub command: C,
    answer: oneshot::Sender<A>,
    fate: Fate,
    /// The thread that called, and what runs tasks there.
    thread: ThreadId,
    runtime: Option<Handle>,
}

/// What becomes of a command: taken by the committer, or taken back by the caller, whoever is first.
#[derive(Debug, Clone, Default)]
struct Fate(Arc<AtomicBool>);

impl Fate {
    /// Says whether it is for the one who asks to decide.
    fn decide(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }
}

impl<C, A> Waiting<C, A> {
    /// Answers. To be called only after what the answer rests on was committed; the refused too
    /// have to wait for that, since a refusal may rest on what a neighbour changed.
    pub fn answer(self, answer: A) {
        // A caller that went away does not want to know.
        let _ = self.answer.send(answer);
    }
}

/// Answers many, each with its own. To wake a thread costs more than most answers do, so those of one
/// thread go there together and are handed out there.
pub fn answer_all<C, A>(answers: impl IntoIterator<Item = (Waiting<C, A>, A)>)
where
    C: Send + 'static,
    A: Send + 'static,
{
    type Answers<C, A> = Vec<(Waiting<C, A>, A)>;
    let mut of_threads: Vec<(ThreadId, Answers<C, A>)> = Vec::new();
    for (waiting, answer) in answers {
        match of_threads.iter_mut().find(|(thread, _)| *thread == waiting.thread) {
            Some((_, of_thread)) => of_thread.push((waiting, answer)),
            None => of_threads.push((waiting.thread, vec![(waiting, answer)])),
        }
    }
    for (_, of_thread) in of_threads {
        let runtime = match &of_thread[..] {
            [(first, _), _, ..] => first.runtime.clone(),
            _ => None,
        };
        let hand_out =
            move || of_thread.into_iter().for_each(|(waiting, answer)| waiting.answer(answer));
        match runtime {
            Some(runtime) => drop(runtime.spawn(async { hand_out() })),
            None => hand_out(),
        }
    }
}

/// Why a command got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The line is full; the command was not taken.
    Full,
    /// The command waited for too long, and was taken back.
    Late,
    /// Nobody commits any more; the command was not taken.
    Closed,
    /// The command was taken, and its committer ended without a word. What became of it is not
    /// known.
    Lost,
}

impl<C, A> Callers<C, A> {
    /// Puts a command in and waits until it is answered. Never waits for a place in the line, and not
    /// for more than ten seconds in it.
    ///
    /// # Errors
    /// [`NoAnswer`], saying whether the command may have been carried out.
    pub async fn call(&self, command: C) -> Result<A, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let (thread, runtime) = (thread::current().id(), Handle::try_current().ok());
        let fate = Fate::default();
        self.put_in(Waiting { command, answer, fate: fate.clone(), thread, runtime })?;
        let mut answered = answered;
        match timeout(self.taken_within, &mut answered).await {
            Err(_) if fate.decide() => return Err(NoAnswer::Late),
            Err(_) => answered.await,
            Ok(answer) => answer,
        }
        .map_err(|_| NoAnswer::Lost)
    }

    /// A caller that waits for its answer holds nothing of the line, so that it can be closed.
    fn put_in(&self, waiting: Waiting<C, A>) -> Result<(), NoAnswer> {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or(NoAnswer::Closed)?;
        sender.try_send(waiting).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => NoAnswer::Full,
            mpsc::error::TrySendError::Closed(_) => NoAnswer::Closed,
        })
    }

    /// Takes no more commands. The committer is given those that wait, and then ends, whoever still
    /// holds this end of the line.
    pub fn close(&self) {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl<C, A> Committer<C, A> {
    /// Waits for a command and takes it with all that wait behind it, or nothing once the line is
    /// closed or all callers are gone. For committers that are tasks.
    pub async fn next_group(&mut self) -> Option<Vec<Waiting<C, A>>> {
        loop {
            let first = self.receiver.recv().await?;
            if first.fate.decide() {
                return Some(self.with_all_behind(first));
            }
        }
    }

    /// The same for committers that are threads of their own.
    pub fn next_group_blocking(&mut self) -> Option<Vec<Waiting<C, A>>> {
        loop {
            let first = self.receiver.blocking_recv()?;
            if first.fate.decide() {
                return Some(self.with_all_behind(first));
            }
        }
    }

    /// Takes one that waits already, if any does.
    pub fn next_waiting(&mut self) -> Option<Waiting<C, A>> {
        std::iter::from_fn(|| self.receiver.try_recv().ok()).find(|waiting| waiting.fate.decide())
    }

    fn with_all_behind(&mut self, first: Waiting<C, A>) -> Vec<Waiting<C, A>> {
        let mut group = vec![first];
        while group.len() < self.group_max
            && let Some(next) = self.next_waiting()
        {
            group.push(next);
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed_runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[tokio::test]
    async fn what_came_while_the_last_group_committed_is_one_group_in_order_of_arrival() {
        let (callers, mut committer) = line::<u32, u32>(10, 3);
        let callers = Arc::new(callers);
        let calls: Vec<_> = (0..4)
            .map(|n| {
                let callers = Arc::clone(&callers);
                tokio::spawn(async move { callers.call(n).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let mut sizes = Vec::new();
        for _ in 0..2 {
            let group = committer.next_group().await.unwrap();
            sizes.push(group.iter().map(|waiting| waiting.command).collect::<Vec<_>>());
            group.into_iter().for_each(|waiting| {
                let n = waiting.command;
                waiting.answer(n * 10);
            });
        }
        assert_eq!(sizes, [vec![0, 1, 2], vec![3]]);
        for (n, call) in (0..).zip(calls) {
            assert_eq!(call.await.unwrap(), Ok(n * 10));
        }
    }

    #[tokio::test]
    async fn a_full_line_says_so_at_once() {
        let (callers, _committer) = line::<u32, u32>(1, 1);
        let callers = Arc::new(callers);
        let waiting = Arc::clone(&callers);
        let first = tokio::spawn(async move { waiting.call(1).await });
        tokio::task::yield_now().await;
        assert_eq!(callers.call(2).await, Err(NoAnswer::Full));
        first.abort();
    }

    #[tokio::test]
    async fn a_command_that_waits_too_long_is_taken_back_and_one_that_was_taken_is_not() {
        let (mut callers, mut committer) = line::<u32, u32>(10, 10);
        callers.taken_within = Duration::from_millis(1);
        let callers = Arc::new(callers);
        assert_eq!(callers.call(1).await, Err(NoAnswer::Late));
        let calling = Arc::clone(&callers);
        let taken = tokio::spawn(async move { calling.call(2).await });
        tokio::task::yield_now().await;
        let group = committer.next_group().await.unwrap();
        assert_eq!(group.iter().map(|waiting| waiting.command).collect::<Vec<_>>(), [2]);
        tokio::time::sleep(Duration::from_millis(10)).await;
        group.into_iter().for_each(|waiting| waiting.answer(20));
        assert_eq!(taken.await.unwrap(), Ok(20));
    }

    #[tokio::test]
    async fn a_committer_that_ends_tells_who_was_taken_from_who_was_not() {
        let (callers, mut committer) = line::<u32, u32>(1, 1);
        let callers = Arc::new(callers);
        let waiting = Arc::clone(&callers);
        let taken = tokio::spawn(async move { waiting.call(1).await });
        tokio::task::yield_now().await;
        drop(committer.next_group().await);
        drop(committer);
        assert_eq!(taken.await.unwrap(), Err(NoAnswer::Lost));
        assert_eq!(callers.call(2).await, Err(NoAnswer::Closed));
    }

    #[test]
    fn callers_of_several_threads_are_answered_each_with_its_own() {
        let (callers, mut committer) = line::<u32, u32>(100, 100);
        let callers = Arc::new(callers);
        let calling = |from: u32| {
            let callers = Arc::clone(&callers);
            std::thread::spawn(move || {
                let runtime = timed_runtime();
                runtime.block_on(async {
                    let calls = (from..from + 10).map(|n| {
                        let callers = Arc::clone(&callers);
                        tokio::spawn(async move { (n, callers.call(n).await) })
                    });
                    for call in calls.collect::<Vec<_>>() {
                        let (n, answer) = call.await.unwrap();
                        assert_eq!(answer, Ok(n * 10));
                    }
                });
            })
        };
        let threads = [calling(0), calling(50)];
        let mut waiting = Vec::new();
        while waiting.len() < 20 {
            waiting.extend(committer.next_group_blocking().unwrap());
        }
        answer_all(waiting.into_iter().map(|waiting| {
            let n = waiting.command;
            (waiting, n * 10)
        }));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[tokio::test]
    async fn a_closed_line_answers_who_waits_in_it_and_takes_nobody_else() {
        let (callers, mut committer) = line::<u32, u32>(10, 10);
        let callers = Arc::new(callers);
        let waiting = Arc::clone(&callers);
        let waits = tokio::spawn(async move { waiting.call(1).await });
        tokio::task::yield_now().await;
        callers.close();
        assert_eq!(callers.call(2).await, Err(NoAnswer::Closed));
        for waiting in committer.next_group().await.unwrap() {
            waiting.answer(10);
        }
        assert_eq!(waits.await.unwrap(), Ok(10));
        assert!(committer.next_group().await.is_none(), "though callers hold the line still");
    }

    #[test]
    fn a_thread_gets_its_groups_too_and_hears_when_all_callers_are_gone() {
        let (callers, mut committer) = line::<u32, u32>(1, 1);
        let thread = std::thread::spawn(move || {
            while let Some(group) = committer.next_group_blocking() {
                group.into_iter().for_each(|waiting| waiting.answer(0));
            }
        });
        let runtime = timed_runtime();
        assert_eq!(runtime.block_on(callers.call(1)), Ok(0));
        drop(callers);
        thread.join().unwrap();
    }
}
