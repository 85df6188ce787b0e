//! What is done over and over while the server runs.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use application::Application;
use domain::ports::UpdateError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const ADMIT_EVERY: Duration = Duration::from_millis(250);
const FEEL_EVERY: Duration = Duration::from_secs(1);
const BEAT_EVERY: Duration = Duration::from_secs(1);
const HEAR_EVERY: Duration = Duration::from_secs(2);
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// How long a sweep may take after a signal to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);
const FORGET_EVERY: Duration = Duration::from_secs(600);

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
        sweepers.every(BEAT_EVERY, app, "keeping time", async |app| app.keep_time.execute().await);
        sweepers.every(sweep_every, app, "expiring holds", async |app| {
            app.expire_holds.execute().await
        });
        sweepers
            .every(sweep_every, app, "ending tokens", async |app| app.end_run_out.execute().await);
        // Whoever was heard of is written down right before the silent are dropped, so it need not
        // be done often.
        sweepers.every(sweep_every.max(HEAR_EVERY), app, "dropping the silent", async |app| {
            app.write_heard.execute().await?;
            app.drop_idle.execute().await
        });
        sweepers.every(SETTLE_EVERY, app, "settling payments", async |app| {
            app.settle_payments.execute().await
        });
        sweepers.every(FORGET_EVERY, app, "forgetting answers", async |app| {
            app.forget_answers.execute().await
        });
        sweepers
    }

    fn every<F, Fut, T: Debug>(
        &mut self,
        pause: Duration,
        app: &Arc<Application>,
        what: &'static str,
        sweep: F,
    ) where
        F: Fn(Arc<Application>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, UpdateError>> + Send,
    {
        let (app, mut stop) = (Arc::clone(app), self.stop.subscribe());
        self.tasks.spawn(async move {
            let mut ticks = interval(pause);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    _ = ticks.tick() => {}
                }
                match sweep(Arc::clone(&app)).await {
                    Ok(done) => tracing::trace!(what, ?done, "swept"),
                    Err(error) => {
                        tracing::warn!(what, %error, "a sweep failed; the next one tries again")
                    }
                }
            }
        });
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
