//! One question for all who want the same answer at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::Unavailable;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::timeout;

use crate::background::Background;

/// How long a caller waits for an answer that is on its way. One that never comes, since what is asked
/// is away, is for whoever asks it to give up sooner. Whoever comes back finds the question still under
/// way, or its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Questions that are under way, each asked once, however many want to know. A question goes on though
/// whoever asked it has gone away.
pub struct SingleFlight<K, V> {
    flights: Arc<Mutex<Flights<K, V>>>,
    background: Background,
}

type Answer<V> = Result<V, Unavailable>;
type Flight<V> = Shared<BoxFuture<'static, Answer<V>>>;

struct Flights<K, V> {
    under_way: HashMap<K, (u64, Flight<V>)>,
    last_number: u64,
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        let flights = Flights { under_way: HashMap::new(), last_number: 0 };
        Self { flights: Arc::new(Mutex::new(flights)), background: Background::here() }
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The answer to the question about `key` that is under way, or to the one that `ask` puts.
    ///
    /// # Errors
    /// That of the answer, which all who wait get; or an overload when it does not come in time.
    pub async fn run<F>(&self, key: K, ask: impl FnOnce() -> F) -> Answer<V>
    where
        F: Future<Output = Answer<V>> + Send + 'static,
    {
        let flight = self.flight(key, ask);
        let late = |_| Unavailable::overloaded("what many wait for takes long to be read");
        timeout(PATIENCE, flight).await.map_err(late)?
    }

    fn flight<F>(&self, key: K, ask: impl FnOnce() -> F) -> Flight<V>
    where
        F: Future<Output = Answer<V>> + Send + 'static,
    {
        let mut flights = lock(&self.flights);
        if let Some((_, flight)) = flights.under_way.get(&key) {
            return flight.clone();
        }
        flights.last_number += 1;
        let (number, landed, question) = (flights.last_number, self.flights.clone(), ask());
        let landing = Landing { flights: landed, about: key.clone(), number };
        let task = self.background.spawn(async move {
            let _landing = landing;
            question.await
        });
        let lost = |_| Unavailable::because("a question to the store was given up");
        let flight = async move { task.await.map_err(lost)? }.boxed().shared();
        flights.under_way.insert(key, (number, flight.clone()));
        flight
    }

    /// Whoever asks from now on asks anew.
    pub(crate) fn forget_all(&self) {
        lock(&self.flights).under_way.clear();
    }
}

/// Takes a flight off the list when it has ended, be it by a panic.
struct Landing<K: Eq + Hash, V> {
    flights: Arc<Mutex<Flights<K, V>>>,
    about: K,
    number: u64,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut flights = lock(&self.flights);
        if flights.under_way.get(&self.about).is_some_and(|(other, _)| *other == self.number) {
            flights.under_way.remove(&self.about);
        }
    }
}

fn lock<K, V>(flights: &Mutex<Flights<K, V>>) -> MutexGuard<'_, Flights<K, V>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_thousand_who_ask_at_once_are_answered_by_one_question() {
        let (flights, asked) = (Arc::new(SingleFlight::default()), Arc::new(AtomicU32::new(0)));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let (flights, asked) = (Arc::clone(&flights), Arc::clone(&asked));
            callers.spawn(async move {
                let ask = || async move {
                    tokio::task::yield_now().await;
                    Ok(asked.fetch_add(1, Ordering::Relaxed))
                };
                flights.run("key", ask).await.unwrap()
            });
        }
        assert!(callers.join_all().await.into_iter().all(|answer| answer == 0));
        let anew = flights.run("key", || async { Ok(7) }).await.unwrap();
        assert_eq!(anew, 7, "who comes later asks anew");
    }

    #[tokio::test]
    async fn a_question_goes_on_though_its_caller_went_away_and_others_get_its_fault() {
        let (flights, go_on) = (SingleFlight::<_, u32>::default(), Arc::new(Notify::new()));
        let wait = Arc::clone(&go_on);
        let ask = || async move {
            wait.notified().await;
            Err(Unavailable::because("away"))
        };
        let first = flights.run("key", ask);
        assert!(timeout(Duration::from_millis(10), first).await.is_err());
        let second = flights.run("key", || async { Ok(1) });
        go_on.notify_one();
        assert_eq!(second.await.unwrap_err().to_string(), "away");
    }

    #[tokio::test]
    async fn after_forgetting_nobody_gets_an_answer_to_an_older_question() {
        let (flights, go_on) = (SingleFlight::default(), Arc::new(Notify::new()));
        let wait = Arc::clone(&go_on);
        let old = flights.flight("key", || async move {
            wait.notified().await;
            Ok("old")
        });
        flights.forget_all();
        assert_eq!(flights.run("key", || async { Ok("new") }).await.unwrap(), "new");
        go_on.notify_one();
        assert_eq!(old.await.unwrap(), "old");
    }
}
