//! Sessions: from a sign-in to its end. And resets of passwords.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::ids::{PasswordResetId, SessionId, UserId};
use crate::refusal::Refusal;
use crate::user::User;

/// What somebody signed in to. Its access token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The network that it began from, as [`crate::guessing`] counts them.
    pub network: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its access token runs out.
    pub expires_at: Timestamp,
    /// When its user ended it. All of a user's that began before [`User::signed_out`] are ended, too.
    pub ended_at: Option<Timestamp>,
}

/// That a user's sessions were ended, all that began before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOut {
    /// From when on they are.
    pub at: Timestamp,
    /// The one that was not: that of whoever changed the password.
    pub but: Option<SessionId>,
}

impl SignedOut {
    /// Whether a session that began at that time is ended.
    #[must_use]
    pub fn ends(&self, session_id: SessionId, began_at: Timestamp) -> bool {
        began_at <= self.at && self.but != Some(session_id)
    }
}

/// How long a link is good for by which a password is set anew.
pub const PASSWORD_RESET_LASTS: TimeDelta = TimeDelta::hours(24);

/// What an operator hands out so that somebody can set a password anew, once. Only a digest of its
/// secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// Its id.
    pub id: PasswordResetId,
    /// Whose password.
    pub user_id: UserId,
    /// The SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

impl PasswordReset {
    /// A new one, with what it is opened by.
    #[must_use]
    pub fn new(id: PasswordResetId, user_id: UserId, secret: &ResetSecret, now: Timestamp) -> Self {
        Self {
            id,
            user_id,
            secret_sha256: secret.digest(),
            created_at: now,
            expires_at: now + PASSWORD_RESET_LASTS,
            used_at: None,
        }
    }

    /// # Errors
    /// [`Refusal::InvalidReset`] for another secret, after its time, when it was used, or when its
    /// user's password was set otherwise since it was made.
    pub fn ensure_opens(
        &self,
        user: &User,
        secret: &ResetSecret,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let is_outdone = user.signed_out.is_some_and(|signed_out| self.created_at <= signed_out.at);
        let opens = self.user_id == user.id
            && self.secret_sha256 == secret.digest()
            && self.used_at.is_none()
            && now < self.expires_at
            && !is_outdone;
        if opens { Ok(()) } else { Err(Refusal::InvalidReset) }
    }
}

/// The secret of a [`PasswordReset`]. Never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetSecret([u8; 32]);

impl ResetSecret {
    /// From random bytes, or from those that somebody shows.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret, for whoever hands it out.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl std::fmt::Debug for ResetSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::tests::user;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn id<Id: From<uuid::Uuid>>(n: u128) -> Id {
        uuid::Uuid::from_u128(n).into()
    }

    #[test]
    fn sessions_that_began_before_a_user_signed_out_are_ended_but_for_one() {
        let signed_out = SignedOut { at: START, but: Some(id(1)) };
        assert!(signed_out.ends(id(2), START));
        assert!(!signed_out.ends(id(1), START));
        assert!(!signed_out.ends(id(2), START + TimeDelta::microseconds(1)));
    }

    #[test]
    fn a_reset_opens_once_in_its_time_by_its_own_secret_unless_it_is_outdone() {
        let (mut user, secret) = (user(1), ResetSecret::new([7; 32]));
        let reset = PasswordReset::new(id(9), user.id, &secret, START);
        let opens = |reset: &PasswordReset, user: &User, secret: &ResetSecret, at| {
            reset.ensure_opens(user, secret, at).is_ok()
        };
        let last = START + PASSWORD_RESET_LASTS - TimeDelta::microseconds(1);
        assert!(opens(&reset, &user, &secret, last));
        assert!(!opens(&reset, &user, &secret, START + PASSWORD_RESET_LASTS));
        assert!(!opens(&reset, &user, &ResetSecret::new([8; 32]), START));
        assert!(!opens(&reset, &super::super::user::tests::user(2), &secret, START));
        let used = PasswordReset { used_at: Some(START), ..reset };
        assert!(!opens(&used, &user, &secret, START));
        user.signed_out = Some(SignedOut { at: START, but: None });
        assert!(!opens(&reset, &user, &secret, START));
        assert_eq!(format!("{secret:?}"), "ResetSecret(…)");
    }
}
