use std::sync::Arc;

use domain::ports::{Store, UpdateError};
use domain::records::{Records, Scope};

use crate::queue::Hearing;

/// Writes down who was heard of, many at a time.
pub struct WriteHeard {
    store: Arc<dyn Store>,
    hearing: Arc<Hearing>,
}

/// How many signs of life one decision writes down.
const BATCH: usize = 1_000;

impl WriteHeard {
    /// Over these.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hearing: Arc<Hearing>) -> Self {
        Self { store, hearing }
    }

    /// # Errors
    /// None but the store's; what could not be written down is kept for the next time.
    pub async fn execute(&self) -> Result<(), UpdateError> {
        loop {
            let heard = self.hearing.take(BATCH);
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
                kept.into_iter().for_each(|(id, at)| self.hearing.note(id, at));
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
        hearing.note(claims().token_id, now() + seconds(30));
        Arc::new(hearing)
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
        WriteHeard::new(store, Arc::clone(&hearing)).execute().await.unwrap();
        assert_eq!(hearing.take(1), []);
    }

    #[tokio::test]
    async fn what_could_not_be_written_down_is_kept() {
        let mut store = MockStore::new();
        store.expect_update().returning(|_, _| Err(Unavailable::because("away").into()));
        let hearing = heard();
        assert!(WriteHeard::new(Arc::new(store), Arc::clone(&hearing)).execute().await.is_err());
        assert_eq!(hearing.take(1).len(), 1);
    }
}
