use diesel::prelude::*;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::session::{PasswordReset, Session, SignedOut};
use domain::user::{Email, PasswordHash, Role, User, UserName};

use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, read, time};
use crate::schema::{kept_answers, password_resets, sessions, users};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct UserRow {
    id: Key,
    email: String,
    name: String,
    role: String,
    password_hash: Option<String>,
    created_at: i64,
    mailbox: Option<String>,
    disabled_at: Option<i64>,
    signed_out_at: Option<i64>,
    signed_out_but: Option<Key>,
}

update_by_key! {
    users by id in UserRow:
    password_hash: Nullable<Text>, disabled_at: Nullable<BigInt>, signed_out_at: Nullable<BigInt>,
    signed_out_but: Nullable<Binary>
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
            mailbox: Some(user.email.mailbox().to_owned()),
            disabled_at: user.disabled_at.map(micros),
            signed_out_at: user.signed_out.map(|signed_out| micros(signed_out.at)),
            signed_out_but: user.signed_out.and_then(|signed_out| signed_out.but).map(key),
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = Unreadable;

    fn try_from(row: UserRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.id(),
            email: Email::kept(row.email, row.mailbox),
            name: UserName::kept(row.name),
            role: Role::named(&row.role).ok_or(Unreadable("role"))?,
            password_hash: row.password_hash.map(PasswordHash::new),
            created_at: time(row.created_at)?,
            disabled_at: row.disabled_at.map(time).transpose()?,
            signed_out: signed_out(row.signed_out_at, row.signed_out_but)?,
        })
    }
}

/// That all of a user's sessions were ended, if they were.
pub(crate) fn signed_out(
    at: Option<i64>,
    but: Option<Key>,
) -> Result<Option<SignedOut>, Unreadable> {
    let Some(at) = at else { return Ok(None) };
    Ok(Some(SignedOut { at: time(at)?, but: but.map(Key::id) }))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub(crate) struct SessionRow {
    id: Key,
    user_id: Key,
    network: Option<String>,
    created_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
}

update_by_key! { sessions by id in SessionRow: ended_at: Nullable<BigInt> }

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: key(session.id),
            user_id: key(session.user_id),
            network: session.network.clone(),
            created_at: micros(session.created_at),
            expires_at: micros(session.expires_at),
            ended_at: session.ended_at.map(micros),
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = Unreadable;

    fn try_from(row: SessionRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.id(),
            user_id: row.user_id.id(),
            network: row.network,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            ended_at: row.ended_at.map(time).transpose()?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = password_resets, treat_none_as_default_value = false)]
pub(crate) struct PasswordResetRow {
    id: Key,
    user_id: Key,
    secret_sha256: Vec<u8>,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

update_by_key! { password_resets by id in PasswordResetRow: used_at: Nullable<BigInt> }

impl From<&PasswordReset> for PasswordResetRow {
    fn from(reset: &PasswordReset) -> Self {
        Self {
            id: key(reset.id),
            user_id: key(reset.user_id),
            secret_sha256: reset.secret_sha256.to_vec(),
            created_at: micros(reset.created_at),
            expires_at: micros(reset.expires_at),
            used_at: reset.used_at.map(micros),
        }
    }
}

impl TryFrom<PasswordResetRow> for PasswordReset {
    type Error = Unreadable;

    fn try_from(row: PasswordResetRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.id(),
            user_id: row.user_id.id(),
            secret_sha256: read(row.secret_sha256, "secret of a reset")?,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            used_at: row.used_at.map(time).transpose()?,
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
