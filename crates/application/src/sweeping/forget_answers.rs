use std::sync::Arc;

use domain::idempotency::RETENTION;
use domain::ports::{Clock, DueWork, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::retention::forget_answers;

use super::{BATCH, forgets_until, was_full};

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
        let until = forgets_until(RETENTION, &*self.clock, &*self.due_work).await?;
        loop {
            let old = self.due_work.old_answers(until, BATCH).await?;
            let full = was_full(old.len());
            let by_key = |scope: Scope, key: &_| scope.kept_answer(Some(Clone::clone(key)));
            let scope = old.iter().fold(Scope::new(), by_key);
            let forget = move |records: &mut Records| {
                forget_answers(records, &old, until);
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
    use chrono::TimeDelta;
    use domain::idempotency::KeptAnswer;
    use domain::ports::MockDueWork;
    use domain::uptime::Outage;

    use super::*;
    use crate::testing::*;

    /// How many answers are left of one of that age, after outages of so many hours since.
    async fn left(age: TimeDelta, outages: &[i64]) -> usize {
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
        let outage = |hours: &i64| Outage {
            began_at: now() - seconds(1) - TimeDelta::hours(*hours),
            ended_at: now() - seconds(1),
        };
        let outages: Vec<_> = outages.iter().map(outage).collect();
        due_work.expect_outages().returning(move || Ok(outages.clone()));
        let (told, left) = std::sync::mpsc::channel();
        let store = store_checked(records, move |records| {
            told.send(records.kept_answers.iter().count()).unwrap();
        });
        ForgetAnswers::new(store, Arc::new(due_work), clock()).execute().await.unwrap();
        left.recv().unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_forgotten_after_a_day_in_which_the_service_was_up_and_not_before() {
        let day = RETENTION.kept_for;
        assert_eq!(left(day, &[]).await, 0);
        assert_eq!(left(day - seconds(1), &[]).await, 1);
        assert_eq!(left(day + TimeDelta::hours(30), &[30]).await, 0);
        assert_eq!(left(day + TimeDelta::hours(30) - seconds(1), &[30]).await, 1);
    }
}
