use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::{SessionId, UserId};
use domain::ports::{AccessClaims, AccessTokens};
use domain::session::Session;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use serde::{Deserialize, Serialize};

use crate::keys::Keyring;

const ALGORITHM: Algorithm = Algorithm::HS256;
/// How far the server that signed may be ahead of the one that verifies: both know the store's time by
/// what it told them last.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(1);
/// Who signs, and whom a token is for.
const ISSUER: &str = "stagedoor";
const AUDIENCE: &str = "stagedoor-api";

/// Access tokens as JWTs (RFC 7519) signed with HS256. One without a session, of a version before there were
/// any, is refused: it could not be taken back.
pub struct JwtAccessTokens {
    signs: EncodingKey,
    /// Of the key that signs and of those whose tokens are still taken.
    takes: Vec<DecodingKey>,
    header: Header,
    /// What every token of ours begins with: the header as it is written, and a dot.
    beginning: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    /// When the session began, to the microsecond.
    began: i64,
    exp: i64,
}

impl JwtAccessTokens {
    /// Signs with this keyring.
    #[must_use]
    pub fn new(keyring: &Keyring) -> Self {
        let header = Header::new(ALGORITHM);
        let written = serde_json::to_vec(&header).unwrap_or_default();
        Self {
            signs: EncodingKey::from_secret(&keyring.current.access),
            takes: keyring.all().map(|key| DecodingKey::from_secret(&key.access)).collect(),
            beginning: format!("{}.", URL_SAFE_NO_PAD.encode(written)),
            header,
        }
    }
}

impl AccessTokens for JwtAccessTokens {
    fn issue(&self, session: &Session) -> String {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: session.user_id,
            sid: session.id,
            iat: session.created_at.timestamp(),
            began: session.created_at.timestamp_micros(),
            exp: session.expires_at.timestamp(),
        };
        // Encoding fails on claims that are no JSON object, which ours are; a token that failed
        // to be made would be empty, and so open nothing.
        jsonwebtoken::encode(&self.header, &claims, &self.signs).unwrap_or_default()
    }

    /// A header of ours says nothing that is not known, so it is compared and not read: another one,
    /// with another algorithm or none, opens nothing. The time is the store's, which no library asks.
    ///
    /// A token from the future was signed before the store's clock was set back. It would be good for as
    /// long as that clock was wrong.
    fn verify(&self, token: &str, now: Timestamp) -> Option<AccessClaims> {
        let (message, signature) = token.rsplit_once('.')?;
        let claims = message.strip_prefix(&self.beginning)?;
        let is_signed = |key| crypto::verify(signature, message.as_bytes(), key, ALGORITHM).ok();
        self.takes.iter().find(|key| is_signed(key) == Some(true))?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let now = now.timestamp();
        let is_from_future = claims.iat.saturating_sub(now) > AHEAD_MAX.num_seconds();
        let is_ours = claims.iss == ISSUER && claims.aud == AUDIENCE;
        let began_at = Timestamp::from_timestamp_micros(claims.began)?;
        (is_ours && !is_from_future && now < claims.exp).then_some(AccessClaims {
            user_id: claims.sub,
            session_id: claims.sid,
            began_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    const HOUR: TimeDelta = TimeDelta::hours(1);

    fn now() -> Timestamp {
        "2026-05-01T10:00:00.000007Z".parse().unwrap()
    }

    fn session() -> Session {
        Session {
            id: uuid::Uuid::from_u128(8).into(),
            user_id: uuid::Uuid::from_u128(7).into(),
            network: None,
            created_at: now(),
            expires_at: "2026-05-01T11:00:00Z".parse().unwrap(),
            ended_at: None,
        }
    }

    fn claims() -> AccessClaims {
        let Session { id, user_id, created_at, .. } = session();
        AccessClaims { user_id, session_id: id, began_at: created_at }
    }

    #[test]
    fn a_token_names_its_user_and_session_until_it_runs_out() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]));
        let token = tokens.issue(&session());
        let end = session().expires_at;
        assert_eq!(tokens.verify(&token, end - TimeDelta::microseconds(1)), Some(claims()));
        assert_eq!(tokens.verify(&token, end), None);
    }

    #[test]
    fn a_token_from_before_the_clock_was_set_back_opens_nothing() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]));
        let token = tokens.issue(&session());
        assert_eq!(tokens.verify(&token, now() - AHEAD_MAX), Some(claims()));
        assert_eq!(tokens.verify(&token, now() - HOUR), None);
    }

    #[test]
    fn a_token_without_a_session_or_for_somebody_else_opens_nothing() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]));
        let sign = |claims: &serde_json::Value| {
            let token = jsonwebtoken::encode(&tokens.header, claims, &tokens.signs).unwrap();
            tokens.verify(&token, now())
        };
        let whole = serde_json::json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": claims().user_id, "sid": claims().session_id,
            "iat": now().timestamp(), "began": now().timestamp_micros(),
            "exp": (now() + HOUR).timestamp(),
        });
        assert_eq!(sign(&whole), Some(claims()));
        for (field, other) in [("aud", "another"), ("iss", "another"), ("sid", "")] {
            let mut changed = whole.clone();
            changed[field] = other.into();
            assert_eq!(sign(&changed), None, "{field}");
        }
        for field in ["iss", "aud", "sid", "began", "exp", "iat", "sub"] {
            let mut lacking = whole.clone();
            lacking.as_object_mut().unwrap().remove(field);
            assert_eq!(sign(&lacking), None, "{field}");
        }
    }

    #[test]
    fn a_token_changed_anywhere_or_unsigned_opens_nothing() {
        let tokens = JwtAccessTokens::new(&Keyring::new(&Secret::random(), &[]));
        let token = tokens.issue(&session());
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
        let token = JwtAccessTokens::new(&Keyring::new(&old, &[])).issue(&session());
        let rotated = JwtAccessTokens::new(&Keyring::new(&new, &[old]));
        assert_eq!(rotated.verify(&token, now()), Some(claims()));
        let forgotten = JwtAccessTokens::new(&Keyring::new(&new, &[]));
        assert_eq!(forgotten.verify(&token, now()), None);
    }
}
