//! Who there is.

use std::sync::Arc;

use domain::ids::UserId;
use domain::ports::MockUsers;
use domain::user::{Email, Role, User, UserName};
use uuid::Uuid;

use super::now;

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
    }
}

pub(crate) fn users(known: Vec<User>) -> Arc<MockUsers> {
    let mut users = MockUsers::new();
    users.expect_user().returning(move |id| Ok(known.iter().find(|user| user.id == id).cloned()));
    Arc::new(users)
}
