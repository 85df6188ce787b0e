//! Threads that hash passwords and do nothing else: half the processors at the most, and behind whatever
//! else has to be done, so that nobody who only looks on feels it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How much the threads stand back. The system gives one of this niceness a quarter of a processor that
/// somebody else wants, too, and all of one that nobody wants.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

type Work = Box<dyn FnOnce() + Send>;

/// The threads, which end when this is dropped.
pub(crate) struct HashingThreads(Sender<Work>);

/// How many passwords are hashed at once: on half the processors, and on one at least.
#[must_use]
pub fn hashed_at_once() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).max(1)
}

impl HashingThreads {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..hashed_at_once() {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new().name("hashing".into()).spawn(move || work(&receiver))?;
        }
        Ok(Self(sender))
    }

    /// Has a thread do that as soon as one can.
    pub(crate) fn give(&self, work: impl FnOnce() + Send + 'static) {
        // The threads are there for as long as this is.
        let _ = self.0.send(Box::new(work));
    }
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    stand_back();
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // Whoever waits for it is told by the end of the channel.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

#[cfg(target_os = "linux")]
fn stand_back() {
    // Of a process without a name, Linux means the calling thread. Where it may not, it goes on as it is.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}
