use std::sync::Arc;

use domain::ids::UserId;
use domain::ports::{AccessTokens, Clock, QueueClaims, QueueTokens, UpdateError};
use domain::refusal::Refusal;
use domain::waiting_token::Standing;

use crate::queue::Board;

/// Tells who a bearer of a token is.
pub struct Authenticate {
    access_tokens: Arc<dyn AccessTokens>,
    queue_tokens: Arc<dyn QueueTokens>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

impl Authenticate {
    /// Over these ports and the board.
    #[must_use]
    pub fn new(
        access_tokens: Arc<dyn AccessTokens>,
        queue_tokens: Arc<dyn QueueTokens>,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { access_tokens, queue_tokens, board, clock }
    }

    /// The user of an access token.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for anything else.
    pub fn by_access_token(&self, token: &str) -> Result<UserId, Refusal> {
        let user_id = self.access_tokens.verify(token, self.clock.now());
        user_id.ok_or(Refusal::InvalidToken)
    }

    /// What a queue token says, however far its place got. Asks no store.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for anything else.
    pub fn by_queue_token(&self, token: &str) -> Result<QueueClaims, Refusal> {
        self.queue_tokens.verify(token).ok_or(Refusal::InvalidToken)
    }

    /// The user of an access token, or of a queue token that has not run out; a done one will do.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for anything else.
    pub async fn by_either(&self, token: &str) -> Result<UserId, UpdateError> {
        let Some(claims) = self.queue_tokens.verify(token) else {
            return Ok(self.by_access_token(token)?);
        };
        let place = self.board.token(claims.token_id).await?;
        match place.map(|token| token.standing(self.clock.cutoff())) {
            Some(Standing::Waiting | Standing::Active { .. } | Standing::Done) => {
                Ok(claims.user_id)
            }
            Some(Standing::Expired) | None => Err(Refusal::InvalidToken.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockAccessTokens, MockQueueTokens};
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    fn authenticate(place: Option<WaitingToken>) -> Authenticate {
        let mut access_tokens = MockAccessTokens::new();
        access_tokens.expect_verify().returning(|token, _| (token == "access").then(buyer_id));
        let mut queue_tokens = MockQueueTokens::new();
        queue_tokens.expect_verify().returning(|token| (token == "queue").then(claims));
        let board = Arc::new(Board::new(lines(place, 0), clock()));
        Authenticate::new(Arc::new(access_tokens), Arc::new(queue_tokens), board, clock())
    }

    #[tokio::test]
    async fn either_kind_of_token_tells_who_its_bearer_is() {
        let authenticate = authenticate(Some(active_token()));
        assert_eq!(authenticate.by_access_token("access"), Ok(buyer_id()));
        assert_eq!(authenticate.by_queue_token("queue"), Ok(claims()));
        assert_eq!(authenticate.by_either("access").await.unwrap(), buyer_id());
        assert_eq!(authenticate.by_either("queue").await.unwrap(), buyer_id());
    }

    #[tokio::test]
    async fn one_kind_does_not_do_for_the_other_and_a_forged_one_for_nothing() {
        let authenticate = authenticate(Some(active_token()));
        assert_eq!(authenticate.by_access_token("queue"), Err(Refusal::InvalidToken));
        assert_eq!(authenticate.by_queue_token("access"), Err(Refusal::InvalidToken));
        assert_refused(authenticate.by_either("forged").await, &Refusal::InvalidToken);
    }

    #[tokio::test]
    async fn a_queue_token_that_ran_out_or_is_gone_names_nobody() {
        let run_out = authenticate(Some(run_out_token()));
        assert_refused(run_out.by_either("queue").await, &Refusal::InvalidToken);
        assert_refused(authenticate(None).by_either("queue").await, &Refusal::InvalidToken);
    }
}
