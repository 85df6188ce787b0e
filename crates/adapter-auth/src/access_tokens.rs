use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::UserId;
use domain::ports::AccessTokens;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use serde::{Deserialize, Serialize};

use crate::keys::Keyring;

const ALGORITHM: Algorithm = Algorithm::HS256;
/// How far the server that signed may be ahead of the one that verifies: both know the store's time by
/// what it told them last.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(1);

/// Access tokens as JWTs (RFC 7519) signed with HS256.
pub struct JwtAccessTokens {
    signs: EncodingKey,
    /// Of the key that signs and of those whose tokens are still taken.
    takes: Vec<DecodingKey>,
    header: Header,
    /// What every token of ours begins with: the header as it is written, and a dot.
    beginning: String,
    lifetime: TimeDelta,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    iat: i64,
    exp: i64,
}

impl JwtAccessTokens {
    /// Signs with this keyring; a token is good for `lifetime`.
    #[must_use]
    pub fn new(keyring: &Keyring, lifetime: TimeDelta) -> Self {
        let header = Header::new(ALGORITHM);
        let written = serde_json::to_vec(&header).unwrap_or_default();
        Self {
            signs: EncodingKey::from_secret(&keyring.current.access),
            takes: keyring.all().map(|key| DecodingKey::from_secret(&key.access)).collect(),
            beginning: format!("{}.", URL_SAFE_NO_PAD.encode(written)),
            header,
            lifetime,
        }
    }
}

impl AccessTokens for JwtAccessTokens {
    fn issue(&self, user_id: UserId, now: Timestamp) -> (String, Timestamp) {
        let expires_at = now + self.lifetime;
        let claims = Claims { sub: user_id, iat: now.timestamp(), exp: expires_at.timestamp() };
        // Encoding fails on claims that are no JSON object, which ours are; a token that failed
        // to be made would be empty, and so open nothing.
        let token = jsonwebtoken::encode(&self.header, &claims, &self.signs);
        let expires_at = Timestamp::from_timestamp(claims.exp, 0).unwrap_or(expires_at);
        (token.unwrap_or_default(), expires_at)
    }

    /// A header of ours says nothing that is not known, so it is compared and not read: another one,
    /// with another algorithm or none, opens nothing. The time is the store's, which no library asks.
    ///
    /// A token from the future was signed before the store's clock was set back. It would be good for as
    /// long as that clock was wrong.
    fn verify(&self, token: &str, now: Timestamp) -> Option<UserId> {
        let (message, signature) = token.rsplit_once('.')?;
        let claims = message.strip_prefix(&self.beginning)?;
        let is_signed = |key| crypto::verify(signature, message.as_bytes(), key, ALGORITHM).ok();
        self.takes.iter().find(|key| is_signed(key) == Some(true))?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let now = now.timestamp();
        let is_from_future = claims.iat.saturating_sub(now) > AHEAD_MAX.num_seconds();
        (!is_from_future && now < claims.exp).then_some(claims.sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    const HOUR: TimeDelta = TimeDelta::hours(1);

    fn user() -> UserId {
        uuid::Uuid::from_u128(7).into()
    }

    fn now() -> Timestamp {
        "2026-05-01T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_token_names_its_user_until_it_runs_out() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]), HOUR);
        let (token, expires_at) = tokens.issue(user(), now());
        assert_eq!(tokens.verify(&token, expires_at - TimeDelta::microseconds(1)), Some(user()));
        assert_eq!(tokens.verify(&token, expires_at), None);
    }

    #[test]
    fn a_token_from_before_the_clock_was_set_back_opens_nothing() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]), HOUR);
        let (token, _) = tokens.issue(user(), now());
        assert_eq!(tokens.verify(&token, now() - AHEAD_MAX), Some(user()));
        assert_eq!(tokens.verify(&token, now() - HOUR), None);
    }

    #[test]
    fn a_token_changed_anywhere_or_unsigned_opens_nothing() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]), HOUR);
        let (token, _) = tokens.issue(user(), now());
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(tokens.verify(&forged, now()), None, "byte {at}");
        }
        let claims = token.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
        for forged in ["", "a.b.c", unsigned.as_str()] {
            assert_eq!(tokens.verify(forged, now()), None);
        }
    }

    #[test]
    fn a_rotated_key_is_taken_while_it_is_kept() {
        let (old, new) = (Secret::random(), Secret::random());
        let (token, _) = JwtAccessTokens::new(&Keyring::new(&old, &[]), HOUR).issue(user(), now());
        let rotated = JwtAccessTokens::new(&Keyring::new(&new, &[old]), HOUR);
        assert_eq!(rotated.verify(&token, now()), Some(user()));
        let forgotten = JwtAccessTokens::new(&Keyring::new(&new, &[]), HOUR);
        assert_eq!(forgotten.verify(&token, now()), None);
    }
}
