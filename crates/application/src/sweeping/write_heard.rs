use std::sync::Arc;

use domain::ports::{Clock, Store, UpdateError};
use domain::records::{Records, Scope};

use crate::queue::Hearing;

/// Writes down who was heard of, many at a time.
pub struct WriteHeard {
    store: Arc<dyn Store>,
    hearing: Arc<Hearing>,
    clock: Arc<dyn Clock>,
}

/// How many signs of life one decision writes down.
const BATCH: usize = 1_000;

impl WriteHeard {
    /// Over these.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hearing: Arc<Hearing>, clock: Arc<dyn Clock>) -> Self {
        Self { store, hearing, clock }
    }

    /// # Errors
    /// None but the store's; what could not be written down is kept for the next time.
    pub async fn execute(&self) -> Result<(), UpdateError> {
        loop {
            let heard = self.hearing.take_due(self.clock.now(), BATCH);
            if heard.is_empty() {
                return Ok(());
            }
            let kept = heard.clone();
            let scope = Scope::new().tokens(heard.iter().map(|(id, _)| *id));
            let write = move |records: &mut Records| {
                for (id, at) in &heard {
                    if let Some(token) = records.tokens.get_mut(id) {
                        token.hear(*at);
                    }
                }
                Ok(())
            };
            if let Err(error) = self.store.decide(scope, write).await {
                kept.into_iter().for_each(|(id, at)| self.hearing.note(id, at, 0));
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockStore, Unavailable};

    use super::*;
    use crate::testing::*;

    fn heard() -> Arc<Hearing> {
        let hearing = Hearing::default();
        hearing.note(claims().token_id, now() - seconds(30), 120);
        hearing.note(claims().token_id, now() + seconds(30), 120);
        Arc::new(hearing)
    }

    fn write(store: Arc<MockStore>, hearing: &Arc<Hearing>) -> WriteHeard {
        WriteHeard::new(store, Arc::clone(hearing), clock())
    }

    #[tokio::test]
    async fn a_sign_of_life_is_written_down_once() {
        let mut records = empty();
        records.tokens.load(waiting_token());
        let store = store_checked(records, |records| {
            let token = records.tokens.get(&claims().token_id).unwrap();
            assert_eq!(token.heard_at, now() + seconds(30));
        });
        let hearing = heard();
        write(store, &hearing).execute().await.unwrap();
        assert_eq!(hearing.take_due(now() + seconds(60), 1), []);
    }

    #[tokio::test]
    async fn a_sign_of_life_of_just_now_is_gathered_with_those_to_come() {
        let hearing = Arc::new(Hearing::default());
        hearing.note(claims().token_id, now() - seconds(29), 120);
        let mut store = MockStore::new();
        store.expect_update().never();
        write(Arc::new(store), &hearing).execute().await.unwrap();
    }

    #[tokio::test]
    async fn what_could_not_be_written_down_is_kept() {
        let mut store = MockStore::new();
        store.expect_update().returning(|_, _| Err(Unavailable::because("away").into()));
        let hearing = heard();
        assert!(write(Arc::new(store), &hearing).execute().await.is_err());
        assert_eq!(hearing.take_due(now() + seconds(60), 1).len(), 1);
    }
}
