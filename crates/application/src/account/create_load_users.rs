use std::sync::Arc;

use chrono::{SubsecRound, TimeDelta};
use domain::ids::SessionId;
use domain::ports::{AccessTokens, Clock, Ids, Store, UpdateError};
use domain::records::Scope;
use domain::refusal::Refusal;
use domain::session::Session;
use domain::user::{Email, Role, User, UserName};

/// An engineer makes many users at once for a load test. They have no password: only the tokens
/// of the sessions that begin here let anyone in as them.
pub struct CreateLoadUsers {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    access_tokens: Arc<dyn AccessTokens>,
    clock: Arc<dyn Clock>,
    session_lasts: TimeDelta,
}

/// How many users one decision makes.
const BATCH: u32 = 1_000;

impl CreateLoadUsers {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        access_tokens: Arc<dyn AccessTokens>,
        clock: Arc<dyn Clock>,
        session_lasts: TimeDelta,
    ) -> Self {
        Self { store, ids, access_tokens, clock, session_lasts }
    }

    /// Makes `count` users named `<prefix>-1` and so on, and returns an access token for each.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a prefix that makes no email address, [`Refusal::EmailTaken`] when
    /// one of a thousand exists already; those thousand are then not made.
    pub async fn execute(&self, count: u32, prefix: &str) -> Result<Vec<String>, UpdateError> {
        let mut tokens = Vec::new();
        let mut next = 1;
        while next <= count {
            let last = count.min(next.saturating_add(BATCH - 1));
            let users = (next..=last).map(|n| self.user(n, prefix)).collect::<Result<_, _>>()?;
            let made = self.insert(users).await?;
            tokens.extend(made.iter().map(|session| self.access_tokens.issue(session)));
            next = last.saturating_add(1);
        }
        Ok(tokens)
    }

    fn user(&self, n: u32, prefix: &str) -> Result<User, Refusal> {
        Ok(User {
            id: self.ids.next().into(),
            email: Email::new(&format!("{prefix}-{n}@load.invalid"))?,
            name: UserName::new(&format!("{prefix}-{n}"))?,
            role: Role::Buyer,
            password_hash: None,
            created_at: self.clock.now(),
            disabled_at: None,
            signed_out: None,
        })
    }

    async fn insert(&self, users: Vec<User>) -> Result<Vec<Session>, UpdateError> {
        let by_email = |scope: Scope, user: &User| scope.email(user.email.clone());
        let scope = users.iter().fold(Scope::new(), by_email);
        let ids: Vec<SessionId> = users.iter().map(|_| self.ids.next().into()).collect();
        let lasts = self.session_lasts;
        let insert = move |records: &mut domain::records::Records| {
            if records.users.iter().next().is_some() {
                return Err(Refusal::EmailTaken);
            }
            let now = records.now;
            let session = |(user, id): (&User, &SessionId)| Session {
                id: *id,
                user_id: user.id,
                network: None,
                created_at: now,
                expires_at: (now + lasts).trunc_subsecs(0),
                ended_at: None,
            };
            let sessions: Vec<_> = users.iter().zip(&ids).map(session).collect();
            users.iter().cloned().for_each(|user| records.users.insert(user));
            sessions.iter().cloned().for_each(|session| records.sessions.insert(session));
            Ok(sessions)
        };
        self.store.decide(scope, insert).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockAccessTokens;
    use domain::records::Records;

    use super::*;
    use crate::testing::*;

    fn create(records: Records) -> CreateLoadUsers {
        let mut access_tokens = MockAccessTokens::new();
        access_tokens.expect_issue().returning(|session| session.id.to_string());
        let lasts = TimeDelta::hours(12);
        CreateLoadUsers::new(store_with(records), ids(), Arc::new(access_tokens), clock(), lasts)
    }

    #[tokio::test]
    async fn every_user_gets_a_token_of_their_own() {
        let tokens = create(empty()).execute(1_234, "load").await.unwrap();
        assert_eq!(tokens.iter().collect::<std::collections::BTreeSet<_>>().len(), 1_234);
    }

    #[tokio::test]
    async fn users_that_exist_are_refused_and_so_is_a_prefix_that_makes_no_email() {
        assert_refused(create(world()).execute(1, "load").await, &Refusal::EmailTaken);
        let odd = create(empty()).execute(1, "two words").await;
        assert!(matches!(odd, Err(UpdateError::Refused(Refusal::Invalid(_)))));
    }
}
