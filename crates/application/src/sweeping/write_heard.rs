use std::sync::Arc;

use domain::Timestamp;
use domain::ids::TokenId;
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
/// How many at a time once that failed, and after how many failures the rest is left for the next time.
const PART: usize = 16;
const FAILED_MAX: usize = 3;

impl WriteHeard {
    /// Over these.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hearing: Arc<Hearing>, clock: Arc<dyn Clock>) -> Self {
        Self { store, hearing, clock }
    }

    /// # Errors
    /// None but the store's; what could not be written down is kept for the next time.
    pub async fn execute(&self) -> Result<(), UpdateError> {
        let began_at = self.clock.now();
        loop {
            let heard = self.hearing.take_due(began_at, BATCH);
            if heard.is_empty() {
                self.hearing.wrote_all_until(began_at);
                return Ok(());
            }
            if let Err(error) = self.write(&heard).await {
                self.write_in_parts(&heard).await;
                return Err(error);
            }
        }
    }

    /// One of them may be stuck; the others are not to wait for it.
    async fn write_in_parts(&self, heard: &[(TokenId, Timestamp)]) {
        let mut failed = 0;
        for part in heard.chunks(PART) {
            if failed < FAILED_MAX && self.write(part).await.is_ok() {
                continue;
            }
            failed += 1;
            part.iter().for_each(|(id, at)| self.hearing.note(*id, *at, 0));
        }
    }

    async fn write(&self, heard: &[(TokenId, Timestamp)]) -> Result<(), UpdateError> {
        let heard = heard.to_vec();
        let scope = Scope::new().tokens(heard.iter().map(|(id, _)| *id));
        let write = move |records: &mut Records| {
            for (id, at) in &heard {
                if records.tokens.get(id).is_some_and(|token| token.heard_at < *at)
                    && let Some(token) = records.tokens.get_mut(id)
                {
                    token.hear(*at);
                }
            }
            Ok(())
        };
        self.store.decide(scope, write).await
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
