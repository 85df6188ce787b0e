use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use domain::ports::{QueueClaims, QueueTokens};
use uuid::Uuid;

use crate::keys::Keyring;

/// Queue tokens: what they say, of fixed length, under a BLAKE3 keyed hash of 256 bits, in
/// URL-safe base64. Checking one takes a microsecond and asks nobody.
pub struct SignedQueueTokens {
    keyring: Keyring,
}

/// Tells queue tokens from access tokens, and one form of them from the next.
const PREFIX: &str = "q1.";
/// What stands for the number of a token that was issued before the draw.
const NO_NUMBER: u64 = 0;
/// Key id, token, user, room, concert (nil for none), number, issue time in microseconds.
const SAID: usize = 4 + 16 + 16 + 16 + 16 + 8 + 8;
const MAC: usize = 32;

impl SignedQueueTokens {
    /// Signs with this keyring.
    #[must_use]
    pub const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }
}

impl QueueTokens for SignedQueueTokens {
    fn sign(&self, claims: &QueueClaims) -> String {
        let key = &self.keyring.current;
        let concert = claims.concert_id.map_or(Uuid::nil(), Uuid::from);
        let mut bytes = Vec::with_capacity(SAID + MAC);
        bytes.extend(key.id);
        bytes.extend(Uuid::from(claims.token_id).into_bytes());
        bytes.extend(Uuid::from(claims.user_id).into_bytes());
        bytes.extend(Uuid::from(claims.room_id).into_bytes());
        bytes.extend(concert.into_bytes());
        bytes.extend(claims.number.unwrap_or(NO_NUMBER).to_be_bytes());
        bytes.extend(claims.issued_at.timestamp_micros().to_be_bytes());
        let mac = blake3::keyed_hash(&key.queue, &bytes);
        bytes.extend(mac.as_bytes());
        let mut token = String::with_capacity(PREFIX.len() + (SAID + MAC).div_ceil(3) * 4);
        token.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
        token
    }

    fn verify(&self, token: &str) -> Option<QueueClaims> {
        let mut bytes = [0; SAID + MAC];
        let length = URL_SAFE_NO_PAD.decode_slice(token.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let (said, mac) = bytes.split_first_chunk::<SAID>()?;
        let mac: &[u8; MAC] = mac.try_into().ok()?;
        let (key_id, rest) = said.split_first_chunk::<4>()?;
        let key = self.keyring.find(key_id)?;
        // `blake3::Hash` compares in constant time.
        if blake3::keyed_hash(&key.queue, said) != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        let (token_id, rest) = rest.split_first_chunk::<16>()?;
        let (user_id, rest) = rest.split_first_chunk::<16>()?;
        let (room_id, rest) = rest.split_first_chunk::<16>()?;
        let (concert_id, rest) = rest.split_first_chunk::<16>()?;
        let (number, issued_at) = rest.split_first_chunk::<8>()?;
        let issued_at = i64::from_be_bytes(issued_at.try_into().ok()?);
        let concert = Uuid::from_bytes(*concert_id);
        Some(QueueClaims {
            token_id: Uuid::from_bytes(*token_id).into(),
            user_id: Uuid::from_bytes(*user_id).into(),
            room_id: Uuid::from_bytes(*room_id).into(),
            concert_id: (!concert.is_nil()).then(|| concert.into()),
            number: Some(u64::from_be_bytes(*number)).filter(|number| *number != NO_NUMBER),
            issued_at: DateTime::from_timestamp_micros(issued_at)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    fn claims() -> QueueClaims {
        QueueClaims {
            token_id: Uuid::from_u128(1).into(),
            user_id: Uuid::from_u128(2).into(),
            room_id: Uuid::from_u128(3).into(),
            concert_id: Some(Uuid::from_u128(4).into()),
            number: Some(1_000_000),
            issued_at: "2026-05-01T10:00:00.123456Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_says_what_was_signed_and_is_the_same_every_time() {
        let tokens = SignedQueueTokens::new(Keyring::new(&Secret::random(), &[]));
        let without = QueueClaims { concert_id: None, number: None, ..claims() };
        for claims in [claims(), without] {
            assert_eq!(tokens.verify(&tokens.sign(&claims)), Some(claims));
            assert_eq!(tokens.sign(&claims), tokens.sign(&claims));
        }
    }

    #[test]
    fn a_token_changed_in_any_bit_opens_nothing() {
        let tokens = SignedQueueTokens::new(Keyring::new(&Secret::random(), &[]));
        let signed = tokens.sign(&claims());
        let bytes = URL_SAFE_NO_PAD.decode(&signed[PREFIX.len()..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(forged));
            assert_eq!(tokens.verify(&forged), None, "bit {bit}");
        }
        for at in 0..signed.len() {
            for other in [b'A', b'B', b'_', b'='] {
                let mut forged = signed.clone().into_bytes();
                if forged[at] != other {
                    forged[at] = other;
                    assert_eq!(tokens.verify(&String::from_utf8(forged).unwrap()), None);
                }
            }
        }
        for forged in ["", PREFIX, &signed[..signed.len() - 1], &format!("{signed}A")] {
            assert_eq!(tokens.verify(forged), None);
        }
    }

    #[test]
    fn a_rotated_key_is_taken_while_it_is_kept() {
        let (old, new) = (Secret::random(), Secret::random());
        let signed = SignedQueueTokens::new(Keyring::new(&old, &[])).sign(&claims());
        let rotated = SignedQueueTokens::new(Keyring::new(&new, &[old]));
        assert_eq!(rotated.verify(&signed), Some(claims()));
        let forgotten = SignedQueueTokens::new(Keyring::new(&new, &[]));
        assert_eq!(forgotten.verify(&signed), None);
    }
}
