use std::sync::Arc;

use domain::ports::{QueueClaims, Store, UpdateError};
use domain::records::Scope;
use domain::refusal::Refusal;

/// Somebody gives a place up.
pub struct Leave {
    store: Arc<dyn Store>,
}

impl Leave {
    /// Over this port.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Giving up what is over already is no mistake.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when the place's record is gone.
    pub async fn execute(&self, claims: &QueueClaims) -> Result<(), UpdateError> {
        let id = claims.token_id;
        let leave = move |records: &mut domain::records::Records| {
            let now = records.now;
            records.tokens.get_mut(&id).ok_or(Refusal::NotFound)?.leave(now);
            Ok(())
        };
        self.store.decide(Scope::new().token(id), leave).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_place_can_be_given_up_and_given_up_again() {
        let leave = Leave::new(store_checked(world(), |records| {
            let token = records.tokens.get(&claims().token_id).unwrap();
            assert!(!token.is_live(records.now));
        }));
        leave.execute(&claims()).await.unwrap();
        let mut left = world();
        left.tokens.get_mut(&claims().token_id).unwrap().leave(now());
        Leave::new(store_with(left)).execute(&claims()).await.unwrap();
    }

    #[tokio::test]
    async fn a_place_whose_record_is_gone_is_not_found() {
        assert_refused(
            Leave::new(store_with(empty())).execute(&claims()).await,
            &Refusal::NotFound,
        );
    }
}
