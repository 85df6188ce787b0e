use std::sync::Arc;

use domain::ids::UserId;
use domain::ports::{UpdateError, Users};
use domain::refusal::Refusal;
use domain::user::User;

/// Somebody asks who they are.
pub struct ShowMe {
    users: Arc<dyn Users>,
}

impl ShowMe {
    /// Over this port.
    #[must_use]
    pub fn new(users: Arc<dyn Users>) -> Self {
        Self { users }
    }

    /// # Errors
    /// [`Refusal::InvalidToken`] when the token's user is gone.
    pub async fn execute(&self, user_id: UserId) -> Result<User, UpdateError> {
        Ok(self.users.user(user_id).await?.ok_or(Refusal::InvalidToken)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_user_sees_who_they_are() {
        let me = ShowMe::new(users(vec![buyer()])).execute(buyer_id()).await.unwrap();
        assert_eq!(me, buyer());
    }

    #[tokio::test]
    async fn a_token_of_a_user_who_is_gone_is_refused() {
        let gone = ShowMe::new(users(vec![])).execute(buyer_id()).await;
        assert_refused(gone, &Refusal::InvalidToken);
    }
}
