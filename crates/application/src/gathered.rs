//! Many questions about one thing each, asked as one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::Unavailable;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::background::Background;

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many things one question is about at the most.
const ASKED_AT_ONCE: usize = 1_000;

/// Looks things up. A lone question is asked at once; those that come while one is under way are gathered
/// and asked as the next one, so that each is answered by what was there after it was put.
pub(crate) struct Gathered<K, V> {
    waiting: Arc<Mutex<Waiting<K, V>>>,
    ask: Ask<K, V>,
    background: Background,
}

/// Looks up all that there is of these.
type Ask<K, V> = Arc<dyn Fn(Vec<K>) -> BoxFuture<'static, Found<K, V>> + Send + Sync>;
type Found<K, V> = Result<HashMap<K, V>, Unavailable>;
type Answer<V> = Result<Option<V>, Unavailable>;

struct Waiting<K, V> {
    questions: Vec<(K, oneshot::Sender<Answer<V>>)>,
    /// Whether somebody is at asking, and takes those who wait when they are done.
    is_asking: bool,
}

impl<K, V> Gathered<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    pub(crate) fn new<F>(ask: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Found<K, V>> + Send + 'static,
    {
        let waiting = Waiting { questions: Vec::new(), is_asking: false };
        Self {
            waiting: Arc::new(Mutex::new(waiting)),
            ask: Arc::new(move |keys| Box::pin(ask(keys))),
            background: Background::here(),
        }
    }

    /// What there is of `key`.
    ///
    /// # Errors
    /// Those of the question that it was part of; or an overload when its turn does not come in time.
    pub(crate) async fn get(&self, key: K) -> Answer<V> {
        let (answer, answered) = oneshot::channel();
        let is_asking = {
            let mut waiting = lock(&self.waiting);
            waiting.questions.push((key, answer));
            std::mem::replace(&mut waiting.is_asking, true)
        };
        if !is_asking {
            let asking = ask_all(self.waiting.clone(), self.ask.clone(), self.background.clone());
            self.background.spawn(asking);
        }
        let late = |_| Unavailable::overloaded("too many things are looked up");
        let lost = |_| Unavailable::because("a question to the store was given up");
        timeout(PATIENCE, answered).await.map_err(late)?.map_err(lost)?
    }
}

/// Asks until nobody waits.
async fn ask_all<K, V>(waiting: Arc<Mutex<Waiting<K, V>>>, ask: Ask<K, V>, background: Background)
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    while let Some(questions) = next(&waiting) {
        let keys = questions.iter().map(|(key, _)| key.clone()).collect();
        // As a task of its own, so that one that panics takes only its own answers along.
        let found = background.spawn(ask(keys)).await;
        let lost = |error| Unavailable::from_source("a question to the store was given up", error);
        let found = found.map_err(lost).flatten();
        for (key, answer) in questions {
            let found = found.as_ref().map(|found| found.get(&key).cloned());
            // Who went away does not want to know.
            let _ = answer.send(found.map_err(Unavailable::clone));
        }
    }
}

/// Those that wait, of whom somebody still wants to know; none where nobody does, and then nobody is at
/// asking any more.
fn next<K, V>(waiting: &Mutex<Waiting<K, V>>) -> Option<Vec<(K, oneshot::Sender<Answer<V>>)>> {
    let mut waiting = lock(waiting);
    waiting.questions.retain(|(_, answer)| !answer.is_closed());
    waiting.is_asking = !waiting.questions.is_empty();
    let count = waiting.questions.len().min(ASKED_AT_ONCE);
    waiting.is_asking.then(|| waiting.questions.drain(..count).collect())
}

fn lock<K, V>(waiting: &Mutex<Waiting<K, V>>) -> MutexGuard<'_, Waiting<K, V>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    /// Of how many things each question was.
    type Sizes = Arc<Mutex<Vec<usize>>>;

    /// Finds what is even, as often as it is let.
    fn even(lets: &Arc<Semaphore>) -> (Arc<Gathered<u32, String>>, Sizes) {
        let asked = Sizes::default();
        let (lets, sizes) = (Arc::clone(lets), Arc::clone(&asked));
        let gathered = Gathered::new(move |keys: Vec<u32>| {
            sizes.lock().unwrap().push(keys.len());
            let lets = Arc::clone(&lets);
            async move {
                lets.acquire().await.unwrap().forget();
                assert!(!keys.contains(&u32::MAX), "this question panics");
                let found = keys.into_iter().filter(|key| key % 2 == 0);
                Ok(found.map(|key| (key, key.to_string())).collect())
            }
        });
        (Arc::new(gathered), asked)
    }

    #[tokio::test]
    async fn those_who_come_while_one_is_asked_for_are_asked_for_together_and_each_is_answered() {
        let lets = Arc::new(Semaphore::new(0));
        let (gathered, asked) = even(&lets);
        let mut asking = tokio::task::JoinSet::new();
        for key in 0..2_500 {
            let gathered = Arc::clone(&gathered);
            asking.spawn(async move { (key, gathered.get(key).await.unwrap()) });
            tokio::task::yield_now().await;
        }
        lets.add_permits(10);
        for (key, found) in asking.join_all().await {
            assert_eq!(found, (key % 2 == 0).then(|| key.to_string()));
        }
        assert_eq!(asked.lock().unwrap().clone(), [1, 1_000, 1_000, 499]);
        assert_eq!(gathered.get(4).await.unwrap().as_deref(), Some("4"), "and it goes on");
    }

    #[tokio::test]
    async fn a_question_that_panics_takes_nobody_else_along() {
        let (gathered, _) = even(&Arc::new(Semaphore::new(10)));
        assert!(gathered.get(u32::MAX).await.is_err());
        assert_eq!(gathered.get(2).await.unwrap().as_deref(), Some("2"));
    }

    #[tokio::test]
    async fn nothing_is_looked_up_for_who_went_away() {
        let lets = Arc::new(Semaphore::new(0));
        let (gathered, asked) = even(&lets);
        let first = Arc::clone(&gathered);
        let first = tokio::spawn(async move { first.get(2).await });
        tokio::task::yield_now().await;
        assert!(timeout(Duration::from_millis(1), gathered.get(4)).await.is_err());
        lets.add_permits(10);
        first.await.unwrap().unwrap();
        assert_eq!(asked.lock().unwrap().clone(), [1]);
    }
}
