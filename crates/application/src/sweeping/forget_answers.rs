use std::sync::Arc;

use domain::idempotency::KEPT_FOR;
use domain::ports::{Clock, DueWork, Store, UpdateError};
use domain::records::{Records, Scope};

use super::{BATCH, was_full};

/// Forgets answers that were kept long enough.
pub struct ForgetAnswers {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    clock: Arc<dyn Clock>,
}

impl ForgetAnswers {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, due_work: Arc<dyn DueWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, due_work, clock }
    }

    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<(), UpdateError> {
        loop {
            let old = self.due_work.old_answers(self.clock.now() - KEPT_FOR, BATCH).await?;
            let full = was_full(old.len());
            let by_key = |scope: Scope, key: &_| scope.kept_answer(Some(Clone::clone(key)));
            let scope = old.iter().fold(Scope::new(), by_key);
            let forget = move |records: &mut Records| {
                for key in &old {
                    let kept = records.kept_answers.get(key);
                    if kept.is_some_and(|kept| kept.created_at + KEPT_FOR <= records.now) {
                        records.kept_answers.remove(key);
                    }
                }
                Ok(())
            };
            if !scope.kept_answers.is_empty() {
                self.store.decide(scope, forget).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::idempotency::KeptAnswer;
    use domain::ports::MockDueWork;

    use super::*;
    use crate::testing::*;

    async fn left_after(age: chrono::TimeDelta) {
        let request = request(1).unwrap();
        let kept = KeptAnswer {
            key: request.key.clone(),
            fingerprint: request.fingerprint,
            answer: "1".into(),
            created_at: now() - age,
        };
        let mut records = empty();
        records.kept_answers.load(kept);
        let mut due_work = MockDueWork::new();
        due_work.expect_old_answers().returning(move |_, _| Ok(vec![request.key.clone()]));
        let store = store_checked(records, move |records| {
            assert_eq!(records.kept_answers.iter().count(), usize::from(age < KEPT_FOR));
        });
        ForgetAnswers::new(store, Arc::new(due_work), clock()).execute().await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_is_forgotten_after_a_day_and_not_before() {
        left_after(KEPT_FOR).await;
        left_after(KEPT_FOR - seconds(1)).await;
    }
}
