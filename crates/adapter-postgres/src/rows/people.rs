use domain::Timestamp;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::session::{PasswordReset, Session, SignedOut};
use domain::user::{Email, PasswordHash, Role, User, UserName};
use uuid::Uuid;

use super::row;
use crate::columns::{Unreadable, read};
use crate::schema::{kept_answers, password_resets, sessions, users};

row! {
    users by (id) changing (password_hash, disabled_at, signed_out_at, signed_out_but)
    pub(crate) struct UserRow {
        id: Uuid,
        email: String,
        name: String,
        role: String,
        password_hash: Option<String>,
        created_at: Timestamp,
        mailbox: Option<String>,
        disabled_at: Option<Timestamp>,
        signed_out_at: Option<Timestamp>,
        signed_out_but: Option<Uuid>,
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
            mailbox: Some(user.email.mailbox().to_owned()),
            disabled_at: user.disabled_at,
            signed_out_at: user.signed_out.map(|signed_out| signed_out.at),
            signed_out_but: user.signed_out.and_then(|signed_out| signed_out.but).map(Into::into),
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = Unreadable;

    fn try_from(row: UserRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.into(),
            email: Email::kept(row.email, row.mailbox),
            name: UserName::kept(row.name),
            role: Role::named(&row.role).ok_or(Unreadable("role"))?,
            password_hash: row.password_hash.map(PasswordHash::new),
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            signed_out: signed_out(row.signed_out_at, row.signed_out_but),
        })
    }
}

/// That all of a user's sessions were ended, if they were.
pub(crate) fn signed_out(at: Option<Timestamp>, but: Option<Uuid>) -> Option<SignedOut> {
    Some(SignedOut { at: at?, but: but.map(Into::into) })
}

row! {
    sessions by (id) changing (ended_at)
    pub(crate) struct SessionRow {
        id: Uuid,
        user_id: Uuid,
        network: Option<String>,
        created_at: Timestamp,
        expires_at: Timestamp,
        ended_at: Option<Timestamp>,
    }
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.into(),
            user_id: session.user_id.into(),
            network: session.network.clone(),
            created_at: session.created_at,
            expires_at: session.expires_at,
            ended_at: session.ended_at,
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = Unreadable;

    fn try_from(row: SessionRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            network: row.network,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        })
    }
}

row! {
    password_resets by (id) changing (used_at)
    pub(crate) struct PasswordResetRow {
        id: Uuid,
        user_id: Uuid,
        secret_sha256: Vec<u8>,
        created_at: Timestamp,
        expires_at: Timestamp,
        used_at: Option<Timestamp>,
    }
}

impl From<&PasswordReset> for PasswordResetRow {
    fn from(reset: &PasswordReset) -> Self {
        Self {
            id: reset.id.into(),
            user_id: reset.user_id.into(),
            secret_sha256: reset.secret_sha256.to_vec(),
            created_at: reset.created_at,
            expires_at: reset.expires_at,
            used_at: reset.used_at,
        }
    }
}

impl TryFrom<PasswordResetRow> for PasswordReset {
    type Error = Unreadable;

    fn try_from(row: PasswordResetRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            secret_sha256: read(row.secret_sha256, "secret of a reset")?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
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
