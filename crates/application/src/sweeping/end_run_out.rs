use std::sync::Arc;

use domain::ids::TokenId;
use domain::ports::{Clock, DueWork, LineWatch, Store, UpdateError};
use domain::records::{Records, Scope};

use super::parts::Parts;
use super::{BATCH, was_full};

/// Writes down which active tokens ran out.
pub struct EndRunOut {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn LineWatch>,
}

impl EndRunOut {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        clock: Arc<dyn Clock>,
        watch: Arc<dyn LineWatch>,
    ) -> Self {
        Self { store, due_work, clock, watch }
    }

    /// Returns how many did.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let mut ended = 0;
        loop {
            let ids = self.due_work.run_out_tokens(self.clock.cutoff(), BATCH).await?;
            let full = was_full(ids.len());
            let (mut parts, mut count) = (Parts::of(ids), 0);
            while let Some(part) = parts.next() {
                count += parts.came_to(self.end(part).await)?;
            }
            parts.end()?;
            ended += count;
            if !full || count == 0 {
                return Ok(ended);
            }
        }
    }

    async fn end(&self, ids: Vec<TokenId>) -> Result<usize, UpdateError> {
        let scope = Scope::new().tokens(ids.iter().copied());
        let end = move |records: &mut Records| {
            let cutoff = records.cutoff;
            let ran_out = |id: &_| {
                let token = records.tokens.get_mut(id)?;
                token.run_out(cutoff).then_some(token.room_id)
            };
            Ok(ids.iter().filter_map(ran_out).collect())
        };
        let rooms: Vec<_> = self.store.decide(scope, end).await?;
        rooms.iter().for_each(|room_id| self.watch.ran_out(*room_id));
        Ok(rooms.len())
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockDueWork;
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    async fn sweep(token: WaitingToken) -> usize {
        let mut records = empty();
        records.tokens.load(token);
        let mut due_work = MockDueWork::new();
        due_work.expect_run_out_tokens().returning(|_, _| Ok(vec![claims().token_id]));
        let end = EndRunOut::new(store_with(records), Arc::new(due_work), clock(), watch());
        end.execute().await.unwrap()
    }

    #[tokio::test]
    async fn a_token_that_ran_out_is_ended_and_one_that_a_hold_kept_alive_is_not() {
        assert_eq!(sweep(run_out_token()).await, 1);
        assert_eq!(sweep(active_token()).await, 0);
    }
}
