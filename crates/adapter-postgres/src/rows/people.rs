use domain::Timestamp;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::user::{Email, PasswordHash, Role, User, UserName};
use uuid::Uuid;

use super::row;
use crate::columns::{Unreadable, read};
use crate::schema::{kept_answers, users};

row! {
    users by (id) changing ()
    pub(crate) struct UserRow {
        id: Uuid,
        email: String,
        name: String,
        role: String,
        password_hash: Option<String>,
        created_at: Timestamp,
    }
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.into(),
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            role: user.role.name().to_owned(),
            password_hash: user.password_hash.as_ref().map(|hash| hash.expose().to_owned()),
            created_at: user.created_at,
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = Unreadable;

    fn try_from(row: UserRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.into(),
            email: Email::kept(row.email),
            name: UserName::kept(row.name),
            role: Role::named(&row.role).ok_or(Unreadable("role"))?,
            password_hash: row.password_hash.map(PasswordHash::new),
            created_at: row.created_at,
        })
    }
}

row! {
    kept_answers by (user_id, call, key) changing (fingerprint, answer, created_at)
    pub(crate) struct KeptAnswerRow {
        user_id: Uuid,
        call: String,
        key: String,
        fingerprint: Vec<u8>,
        answer: String,
        created_at: Timestamp,
    }
}

impl From<&KeptAnswer> for KeptAnswerRow {
    fn from(kept: &KeptAnswer) -> Self {
        Self {
            user_id: kept.key.user_id.into(),
            call: kept.key.call.clone(),
            key: kept.key.key.clone(),
            fingerprint: kept.fingerprint.to_vec(),
            answer: kept.answer.clone(),
            created_at: kept.created_at,
        }
    }
}

impl TryFrom<KeptAnswerRow> for KeptAnswer {
    type Error = Unreadable;

    fn try_from(row: KeptAnswerRow) -> Result<Self, Unreadable> {
        let key = IdempotencyKey { user_id: row.user_id.into(), call: row.call, key: row.key };
        Ok(Self {
            key,
            fingerprint: read(row.fingerprint, "fingerprint")?,
            answer: row.answer,
            created_at: row.created_at,
        })
    }
}
