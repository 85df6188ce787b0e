//! Who there is.

use std::sync::Arc;

use domain::guessing::GuessingPolicy;
use domain::ids::UserId;
use domain::ports::{MockAuditLog, MockSessions, MockStore, MockUsers};
use domain::user::{Email, Role, User, UserName};
use uuid::Uuid;

use super::{clock, ids, now};
use crate::account::{Revocations, SignInGuard};

pub(crate) fn buyer_id() -> UserId {
    Uuid::from_u128(1).into()
}

pub(crate) fn operator_id() -> UserId {
    Uuid::from_u128(2).into()
}

pub(crate) fn buyer() -> User {
    user(buyer_id(), "mina@example.com", Role::Buyer)
}

pub(crate) fn operator() -> User {
    user(operator_id(), "operator@example.com", Role::Admin)
}

fn user(id: UserId, email: &str, role: Role) -> User {
    User {
        id,
        email: Email::new(email).unwrap(),
        name: UserName::new("김미나").unwrap(),
        role,
        password_hash: Some(domain::user::PasswordHash::new("hash".into())),
        created_at: now(),
        disabled_at: None,
        signed_out: None,
    }
}

pub(crate) fn users(known: Vec<User>) -> Arc<MockUsers> {
    let mut users = MockUsers::new();
    users.expect_user().returning(move |id| Ok(known.iter().find(|user| user.id == id).cloned()));
    Arc::new(users)
}

/// Nothing is revoked.
pub(crate) fn revocations() -> Revocations {
    Revocations::new(Arc::new(MockSessions::new()), clock())
}

/// One that lets five wrong passwords be looked at.
pub(crate) fn guard() -> SignInGuard {
    let (store, sessions) = (Arc::new(MockStore::new()), Arc::new(MockSessions::new()));
    let policy = GuessingPolicy { wrong_max: Some(5) };
    SignInGuard::new(store, ids(), sessions, Arc::new(MockAuditLog::new()), clock(), policy)
}

/// There are no old ones.
pub(crate) fn no_sessions() -> Arc<MockSessions> {
    let mut sessions = MockSessions::new();
    sessions.expect_old_sessions().returning(|_, _| Ok(Vec::new()));
    sessions.expect_old_password_resets().returning(|_, _| Ok(Vec::new()));
    Arc::new(sessions)
}
