use diesel::prelude::*;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::user::{Email, PasswordHash, Role, User, UserName};

use crate::columns::{Key, Unreadable, key, micros, read, time};
use crate::schema::{kept_answers, users};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct UserRow {
    id: Key,
    email: String,
    name: String,
    role: String,
    password_hash: Option<String>,
    created_at: i64,
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            id: key(user.id),
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            role: user.role.name().to_owned(),
            password_hash: user.password_hash.as_ref().map(|hash| hash.expose().to_owned()),
            created_at: micros(user.created_at),
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = Unreadable;

    fn try_from(row: UserRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.id(),
            email: Email::kept(row.email),
            name: UserName::kept(row.name),
            role: Role::named(&row.role).ok_or(Unreadable("role"))?,
            password_hash: row.password_hash.map(PasswordHash::new),
            created_at: time(row.created_at)?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = kept_answers, treat_none_as_default_value = false)]
pub(crate) struct KeptAnswerRow {
    user_id: Key,
    call: String,
    key: String,
    fingerprint: Vec<u8>,
    answer: String,
    created_at: i64,
}

impl From<&KeptAnswer> for KeptAnswerRow {
    fn from(kept: &KeptAnswer) -> Self {
        Self {
            user_id: key(kept.key.user_id),
            call: kept.key.call.clone(),
            key: kept.key.key.clone(),
            fingerprint: kept.fingerprint.to_vec(),
            answer: kept.answer.clone(),
            created_at: micros(kept.created_at),
        }
    }
}

impl TryFrom<KeptAnswerRow> for KeptAnswer {
    type Error = Unreadable;

    fn try_from(row: KeptAnswerRow) -> Result<Self, Unreadable> {
        let key = IdempotencyKey { user_id: row.user_id.id(), call: row.call, key: row.key };
        Ok(Self {
            key,
            fingerprint: read(row.fingerprint, "fingerprint")?,
            answer: row.answer,
            created_at: time(row.created_at)?,
        })
    }
}
