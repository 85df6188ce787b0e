use std::sync::Arc;

use domain::ports::{LineWatch, QueueClaims, Store, UpdateError};
use domain::records::Scope;
use domain::refusal::Refusal;

/// Somebody gives a place up.
pub struct Leave {
    store: Arc<dyn Store>,
    watch: Arc<dyn LineWatch>,
}

impl Leave {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, watch: Arc<dyn LineWatch>) -> Self {
        Self { store, watch }
    }

    /// Giving up what is over already is no mistake.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when the place's record is gone.
    pub async fn execute(&self, claims: &QueueClaims) -> Result<(), UpdateError> {
        let id = claims.token_id;
        let leave = move |records: &mut domain::records::Records| {
            let (now, cutoff) = (records.now, records.cutoff);
            Ok(records.tokens.get_mut(&id).ok_or(Refusal::NotFound)?.leave(now, cutoff))
        };
        if self.store.decide(Scope::new().token(id), leave).await? {
            self.watch.left(claims.room_id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_place_can_be_given_up_and_given_up_again() {
        let store = store_checked(world(), |records| {
            let token = records.tokens.get(&claims().token_id).unwrap();
            assert!(!token.is_live(records.now));
        });
        let leave = Leave::new(store, watch());
        leave.execute(&claims()).await.unwrap();
        let mut left = world();
        left.tokens.get_mut(&claims().token_id).unwrap().leave(now(), now());
        Leave::new(store_with(left), watch()).execute(&claims()).await.unwrap();
    }

    #[tokio::test]
    async fn a_place_whose_record_is_gone_is_not_found() {
        assert_refused(
            Leave::new(store_with(empty()), watch()).execute(&claims()).await,
            &Refusal::NotFound,
        );
    }
}
