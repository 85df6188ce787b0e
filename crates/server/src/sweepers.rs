//! What is done over and over while the server runs.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::Application;
use domain::clock_discipline::Difference;
use domain::ports::UpdateError;
use domain::uptime::Outage;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const ADMIT_EVERY: Duration = Duration::from_millis(250);
const FEEL_EVERY: Duration = Duration::from_secs(1);
const BEAT_EVERY: Duration = Duration::from_millis(500);
const DROP_EVERY: Duration = Duration::from_secs(2);
const REVOKE_EVERY: Duration = Duration::from_millis(250);
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// How long a sweep may take after a signal to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);
const FORGET_ANSWERS_EVERY: Duration = Duration::from_secs(600);
const FORGET_ENDED_EVERY: Duration = Duration::from_secs(60);

/// Says that the service is up, and gives back what an outage took.
///
/// # Errors
/// None but the store's.
pub(crate) async fn beat(app: &Application) -> Result<(), UpdateError> {
    let tell = |outage: Outage| {
        let seconds = outage.lasted().num_seconds();
        tracing::warn!(
            seconds,
            "the service was away; stays and holds of before last as much longer"
        );
    };
    app.keep_time.execute(tell).await
}

/// Tells the operator once when the store's time comes to differ from the clock that it follows, and
/// once when it does no more.
fn tell_of_clock(app: &Application, told: &Mutex<Difference>) {
    let ahead = app.clock.ahead();
    let difference = Difference::of(ahead);
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut *told, difference) == difference {
        return;
    }
    let seconds_ahead = ahead.num_seconds();
    match difference {
        Difference::None => tracing::info!("the store's time is that of the clock again"),
        Difference::Passing => tracing::warn!(
            seconds_ahead,
            "the clock that the store follows was set, or the store's time was ahead of it"
        ),
        Difference::Lasting => tracing::warn!(
            seconds_ahead,
            "the store's time is far ahead of the clock that it follows, and stays so; where that \
             clock is right, stop all servers and run: stagedoor set-clock-back"
        ),
    }
}

/// Says that this server stops.
pub(crate) async fn leave(app: &Application) {
    // Without it, the others wait for a while for what it heard.
    let _ = tokio::time::timeout(STOP_WITHIN, app.keep_time.leave()).await;
}

/// The sweepers, until told to stop.
pub(crate) struct Sweepers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Sweepers {
    /// Starts them all. What is over is written down every `sweep_every`.
    pub(crate) fn start(app: &Arc<Application>, sweep_every: Duration) -> Self {
        let mut sweepers = Self { stop: watch::channel(false).0, tasks: JoinSet::new() };
        sweepers.every(ADMIT_EVERY, app, "letting in", async |app| app.admit_next.execute().await);
        sweepers.every(ADMIT_EVERY, app, "drawing", async |app| app.draw_lobbies.execute().await);
        sweepers
            .every(FEEL_EVERY, app, "feeling pulses", async |app| app.feel_pulses.execute().await);
        // Apart, so that no row that somebody locks keeps the service from saying that it is up.
        sweepers.every(BEAT_EVERY, app, "keeping time", async |app| beat(&app).await);
        sweepers.every(BEAT_EVERY, app, "writing down who was heard of", async |app| {
            app.write_heard.execute().await
        });
        let told = Arc::new(Mutex::new(Difference::None));
        sweepers.every(BEAT_EVERY, app, "watching the clock", move |app| {
            tell_of_clock(&app, &told);
            async { Ok(()) }
        });
        sweepers.every(sweep_every, app, "expiring holds", async |app| {
            app.expire_holds.execute().await
        });
        sweepers.every(sweep_every, app, "returning seats", async |app| {
            app.return_seats.execute().await
        });
        sweepers
            .every(sweep_every, app, "ending tokens", async |app| app.end_run_out.execute().await);
        sweepers.every(sweep_every.max(DROP_EVERY), app, "dropping the silent", async |app| {
            app.drop_idle.execute().await
        });
        sweepers.every(REVOKE_EVERY, app, "reading which sessions are ended", async |app| {
            app.revocations.refresh().await
        });
        sweepers.every(BEAT_EVERY, app, "writing down refused sign-ins", async |app| {
            app.sign_in_guard.write().await
        });
        sweepers.every(SETTLE_EVERY, app, "settling payments", async |app| {
            app.settle_payments.execute().await
        });
        sweepers.every(FORGET_ANSWERS_EVERY, app, "forgetting answers", async |app| {
            app.forget_answers.execute().await
        });
        sweepers.every(FORGET_ENDED_EVERY, app, "forgetting what ended", async |app| {
            app.forget_ended.execute().await
        });
        sweepers
    }

    fn every<F, Fut, T: Debug + 'static>(
        &mut self,
        pause: Duration,
        app: &Arc<Application>,
        what: &'static str,
        sweep: F,
    ) where
        F: Fn(Arc<Application>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, UpdateError>> + Send + 'static,
    {
        let app = Arc::clone(app);
        let sweep = move || sweep(Arc::clone(&app));
        self.tasks.spawn(sweep_over_and_over(pause, what, self.stop.subscribe(), sweep));
    }

    /// Lets each end what it is at, and stops them all. Who waits for somebody outside is cut short:
    /// what was asked is asked again by whoever is there next.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, all_ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

/// Sweeps every `pause` until told to stop, whatever becomes of one sweep.
async fn sweep_over_and_over<Fut, T: Debug>(
    pause: Duration,
    what: &'static str,
    mut stop: watch::Receiver<bool>,
    sweep: impl Fn() -> Fut,
) where
    Fut: Future<Output = Result<T, UpdateError>>,
{
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        match AssertUnwindSafe(async { sweep().await }).catch_unwind().await {
            Ok(Ok(done)) => tracing::trace!(what, ?done, "swept"),
            Ok(Err(error)) => {
                tracing::warn!(what, %error, "a sweep failed; the next one tries again");
            }
            Err(_) => tracing::error!(what, "a sweep panicked; the next one tries again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_sweep_that_panics_is_followed_by_the_next() {
        let (stop, stopping) = watch::channel(false);
        let sweeps = AtomicU32::new(0);
        let sweep = || {
            let first = sweeps.fetch_add(1, Ordering::Relaxed) == 0;
            assert!(!first, "a sweep that fails at once");
            async {
                match sweeps.load(Ordering::Relaxed) {
                    2 => panic!("a sweep that fails later"),
                    _ => stop.send_replace(true),
                };
                Ok(())
            }
        };
        sweep_over_and_over(Duration::from_millis(1), "testing", stopping, sweep).await;
        assert_eq!(sweeps.load(Ordering::Relaxed), 3);
    }
}
