//! The log: to standard error, so that standard output stays the program's own.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::settings::Settings;

/// How many lines may wait to be written; one more is dropped.
const LINES_MAX: usize = 8_192;
/// How long one line may take to be written in the end.
const LINE_WITHIN: Duration = Duration::from_millis(500);

/// A log that is being written, by a thread of its own: nobody waits for whoever reads it. When it is
/// dropped, what waits is written first.
pub(crate) struct Log {
    thread: Option<WorkerGuard>,
    not_taken: ErrorCounter,
    output: Arc<Progress>,
}

/// How far the writing is.
#[derive(Default)]
struct Progress {
    is_writing: AtomicBool,
    written: AtomicU64,
    failed: AtomicU64,
}

/// Begins it.
pub(crate) fn begin(settings: &Settings) -> Result<Log> {
    // At `debug` it tells the parameters of statements, and among them are passwords' hashes.
    let filter = settings.log.parse::<EnvFilter>()?.add_directive("tokio_postgres=info".parse()?);
    let progress = Arc::new(Progress::default());
    // Not Rust's own handle: whoever says a last word through that would wait for the lines before.
    let to = io::stderr().as_fd().try_clone_to_owned().context("cannot log")?;
    let output = Output { to: File::from(to), progress: Arc::clone(&progress) };
    let lines = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX);
    let (writer, thread) = lines.thread_name("log").finish(output);
    let not_taken = writer.error_counter();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer);
    let begun = if settings.log_as_json { log.json().try_init() } else { log.try_init() };
    begun.map_err(|error| anyhow::anyhow!("cannot log: {error}"))?;
    Ok(Log { thread: Some(thread), not_taken, output: progress })
}

impl Log {
    /// How many lines were dropped so far, whenever it is asked.
    pub(crate) fn lines_dropped(&self) -> impl Fn() -> u64 + Send + Sync + use<> {
        let (not_taken, output) = (self.not_taken.clone(), Arc::clone(&self.output));
        move || {
            let not_taken = u64::try_from(not_taken.dropped_lines()).unwrap_or(u64::MAX);
            not_taken.saturating_add(output.failed.load(Ordering::Relaxed))
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let thread = self.thread.take();
        if self.output.is_stuck() {
            // Nobody reads. To wait for the lines that are left would not end.
            std::mem::forget(thread);
        }
    }
}

impl Progress {
    /// Whether a line is being written that does not come to its end.
    fn is_stuck(&self) -> bool {
        let (began, written) = (Instant::now(), self.written.load(Ordering::Acquire));
        while self.is_writing.load(Ordering::Acquire)
            && self.written.load(Ordering::Acquire) == written
        {
            if began.elapsed() > LINE_WITHIN {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

/// Standard error, which is given a line at a time.
struct Output {
    to: File,
    progress: Arc<Progress>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.progress.is_writing.store(true, Ordering::Release);
        let written = self.to.write_all(line);
        self.progress.is_writing.store(false, Ordering::Release);
        self.progress.written.fetch_add(1, Ordering::Release);
        if written.is_err() {
            // Its disk may be full. The next line may be written again.
            self.progress.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
