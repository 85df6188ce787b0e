//! Many clients who each send one request after the other, until there is none left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::caller::{Caller, Shot};

/// How long all of it took, and each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    pub(crate) took: Duration,
    /// In ascending order.
    pub(crate) each: Vec<Duration>,
}

impl Times {
    pub(crate) fn a_second(&self) -> f64 {
        let count = u32::try_from(self.each.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.took.as_secs_f64()
    }

    /// What so many in a hundred were not slower than.
    pub(crate) fn percentile(&self, share: usize) -> Duration {
        let at = (self.each.len() * share / 100).min(self.each.len().saturating_sub(1));
        self.each.get(at).copied().unwrap_or_default()
    }
}

/// What became of the requests.
pub(crate) struct Fired {
    pub(crate) times: Times,
    /// The bodies of the answers, in the order of the requests.
    pub(crate) answers: Vec<Value>,
}

/// Has `clients` send `shots`, each of which must be answered with `status`.
pub(crate) async fn fire(
    address: &str,
    clients: usize,
    shots: Vec<Shot>,
    status: u16,
) -> Result<Fired> {
    let (took, mut answered) =
        fire_any(address, clients, shots, move |found| found == status).await?;
    answered.sort_by_key(|answer| answer.at);
    let answers = answered.iter().map(|answer| Ok(serde_json::from_slice(&answer.body)?));
    let answers = answers.collect::<Result<_>>()?;
    let mut each: Vec<_> = answered.iter().map(|answer| answer.took).collect();
    each.sort_unstable();
    Ok(Fired { times: Times { took, each }, answers })
}

/// An answer, and the place of its request among all.
pub(crate) struct Answered {
    pub(crate) at: usize,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Has `clients` send `shots`, each of which must be answered with a status that `wanted` takes;
/// returns how long all took, and each answer.
pub(crate) async fn fire_any(
    address: &str,
    clients: usize,
    shots: Vec<Shot>,
    wanted: impl Fn(u16) -> bool + Copy + Send + 'static,
) -> Result<(Duration, Vec<Answered>)> {
    let (shots, next) = (Arc::new(shots), Arc::new(AtomicUsize::new(0)));
    let mut callers = Vec::with_capacity(clients);
    for _ in 0..clients {
        callers.push(Caller::connect(address).await?);
    }
    let began = Instant::now();
    let mut firing = JoinSet::new();
    for mut caller in callers {
        let (shots, next) = (Arc::clone(&shots), Arc::clone(&next));
        firing.spawn(async move {
            let mut answered = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(shot) = shots.get(at) else { return anyhow::Ok(answered) };
                let asked = Instant::now();
                let (status, body) = caller.send(shot).await.context("no answer")?;
                let took = asked.elapsed();
                let said = || String::from_utf8_lossy(&body).into_owned();
                ensure!(wanted(status), "{} was answered {status}: {}", shot.path, said());
                answered.push(Answered { at, took, status, body });
            }
        });
    }
    let mut answered = Vec::with_capacity(shots.len());
    while let Some(done) = firing.join_next().await {
        answered.extend(done??);
    }
    Ok((began.elapsed(), answered))
}
