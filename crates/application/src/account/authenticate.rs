use std::sync::Arc;

use chrono::TimeDelta;
use domain::ids::UserId;
use domain::ports::{AccessClaims, AccessTokens, Clock, QueueClaims, QueueTokens, UpdateError};
use domain::refusal::Refusal;
use domain::waiting_token::{Standing, TokenState, WaitingToken};

use super::Revocations;
use crate::queue::Board;

/// Tells who a bearer of a token is.
pub struct Authenticate {
    access_tokens: Arc<dyn AccessTokens>,
    queue_tokens: Arc<dyn QueueTokens>,
    revocations: Arc<Revocations>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

/// What a bearer wants to do with what is a user's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To look at it.
    Read,
    /// To change it.
    Change,
}

/// How long a queue token that is done still shows what was bought with it.
const SHOWS_FOR: TimeDelta = TimeDelta::hours(1);

impl Authenticate {
    /// Over these ports, the board and what is revoked.
    #[must_use]
    pub fn new(
        access_tokens: Arc<dyn AccessTokens>,
        queue_tokens: Arc<dyn QueueTokens>,
        revocations: Arc<Revocations>,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { access_tokens, queue_tokens, revocations, board, clock }
    }

    /// The session of an access token. Asks no store.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for anything else, and for a session that was ended.
    pub fn by_access_token(&self, token: &str) -> Result<AccessClaims, Refusal> {
        let claims = self.access_tokens.verify(token, self.clock.now());
        let claims = claims.filter(|claims| !self.revocations.is_ended(claims));
        claims.ok_or(Refusal::InvalidToken)
    }

    /// What a queue token says, however far its place got. Asks no store.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for anything else, and for a token that was withdrawn.
    pub fn by_queue_token(&self, token: &str) -> Result<QueueClaims, Refusal> {
        let claims = self.queue_tokens.verify(token);
        claims.filter(|claims| !self.is_withdrawn(claims)).ok_or(Refusal::InvalidToken)
    }

    /// Whether a queue token was withdrawn: its user signed out everywhere since.
    #[must_use]
    pub fn is_withdrawn(&self, claims: &QueueClaims) -> bool {
        self.revocations.is_withdrawn(claims)
    }

    /// The user of an access token, or of a queue token that waits or is active. For looking, one will do
    /// that was done within the last hour.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for anything else.
    pub async fn by_either(&self, token: &str, purpose: Purpose) -> Result<UserId, UpdateError> {
        if self.queue_tokens.verify(token).is_none() {
            return Ok(self.by_access_token(token)?.user_id);
        }
        let claims = self.by_queue_token(token)?;
        let place = self.board.token(claims.token_id).await?;
        match place.filter(|place| self.is_good_for(place, purpose)) {
            Some(_) => Ok(claims.user_id),
            None => Err(Refusal::InvalidToken.into()),
        }
    }

    fn is_good_for(&self, place: &WaitingToken, purpose: Purpose) -> bool {
        match (place.standing(self.clock.cutoff()), place.state) {
            (Standing::Waiting | Standing::Active { .. }, _) => true,
            (Standing::Done, TokenState::Done { ended_at, .. }) => {
                purpose == Purpose::Read && self.clock.now() - ended_at < SHOWS_FOR
            }
            (Standing::Done | Standing::Expired, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{CommitObserver, MockAccessTokens, MockQueueTokens};
    use domain::session::SignedOut;
    use domain::user::User;

    use super::*;
    use crate::testing::*;

    fn access_claims() -> AccessClaims {
        let session_id = uuid::Uuid::from_u128(9).into();
        AccessClaims { user_id: buyer_id(), session_id, began_at: now() }
    }

    fn authenticate(place: Option<WaitingToken>) -> Authenticate {
        let mut access_tokens = MockAccessTokens::new();
        access_tokens.expect_verify().returning(|token, _| (token == "access").then(access_claims));
        let mut queue_tokens = MockQueueTokens::new();
        queue_tokens.expect_verify().returning(|token| (token == "queue").then(claims));
        let board = Arc::new(Board::new(lines(place, 0), clock()));
        let (access_tokens, queue_tokens) = (Arc::new(access_tokens), Arc::new(queue_tokens));
        Authenticate::new(access_tokens, queue_tokens, Arc::new(revocations()), board, clock())
    }

    #[tokio::test]
    async fn either_kind_of_token_tells_who_its_bearer_is() {
        let authenticate = authenticate(Some(active_token()));
        assert_eq!(authenticate.by_access_token("access"), Ok(access_claims()));
        assert_eq!(authenticate.by_queue_token("queue"), Ok(claims()));
        for purpose in [Purpose::Read, Purpose::Change] {
            for token in ["access", "queue"] {
                assert_eq!(authenticate.by_either(token, purpose).await.unwrap(), buyer_id());
            }
        }
    }

    #[tokio::test]
    async fn one_kind_does_not_do_for_the_other_and_a_forged_one_for_nothing() {
        let authenticate = authenticate(Some(active_token()));
        assert_eq!(authenticate.by_access_token("queue"), Err(Refusal::InvalidToken));
        assert_eq!(authenticate.by_queue_token("access"), Err(Refusal::InvalidToken));
        let forged = authenticate.by_either("forged", Purpose::Read).await;
        assert_refused(forged, &Refusal::InvalidToken);
    }

    #[tokio::test]
    async fn a_queue_token_that_ran_out_or_is_gone_names_nobody() {
        for place in [Some(run_out_token()), None] {
            let named = authenticate(place).by_either("queue", Purpose::Read).await;
            assert_refused(named, &Refusal::InvalidToken);
        }
    }

    #[tokio::test]
    async fn a_queue_token_that_is_done_shows_for_an_hour_and_changes_nothing() {
        let done = |ago: TimeDelta| {
            let mut place = done_token();
            if let TokenState::Done { ended_at, .. } = &mut place.state {
                *ended_at = now() - ago;
            }
            authenticate(Some(place))
        };
        let just_now = done(SHOWS_FOR - seconds(1));
        assert_eq!(just_now.by_either("queue", Purpose::Read).await.unwrap(), buyer_id());
        let changes = just_now.by_either("queue", Purpose::Change).await;
        assert_refused(changes, &Refusal::InvalidToken);
        let long_ago = done(SHOWS_FOR).by_either("queue", Purpose::Read).await;
        assert_refused(long_ago, &Refusal::InvalidToken);
    }

    #[tokio::test]
    async fn who_signed_out_everywhere_is_named_by_no_token_of_before() {
        let authenticate = authenticate(Some(active_token()));
        let mut changes = empty();
        let signed_out = Some(SignedOut { at: now() + seconds(1), but: None });
        changes.users.insert(User { signed_out, ..buyer() });
        authenticate.revocations.committed(&changes);
        assert_eq!(authenticate.by_access_token("access"), Err(Refusal::InvalidToken));
        assert_eq!(authenticate.by_queue_token("queue"), Err(Refusal::InvalidToken));
        let either = authenticate.by_either("queue", Purpose::Read).await;
        assert_refused(either, &Refusal::InvalidToken);
    }
}
