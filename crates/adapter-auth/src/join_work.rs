use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::UserId;
use domain::ports::{JoinWork, WorkDemand, WorkDone};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::keys::{Key, Keyring};

/// Work as in Hashcash (Back, 1997): a nonce for which the SHA-256 of the challenge's text and then
/// its own begins with so many zero bits. The challenge is one user's for some minutes and says how many
/// bits, which a keyed hash in it proves, so nothing has to be remembered.
pub struct HashWork {
    keyring: Keyring,
}

/// How long a challenge is good for.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);
/// How far the server that demanded it may be ahead of the one that takes it. One that is good for longer
/// is from before the store's clock was set back.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(1);
const NONCE_LENGTH_MAX: usize = 64;
/// Until when it is good, in microseconds, and how many bits it demands.
const SAID: usize = 8 + 4;
const MAC: usize = 32;

impl HashWork {
    /// With the keys that its challenges are signed with.
    #[must_use]
    pub const fn new(keyring: Keyring) -> Self {
        Self { keyring }
    }
}

fn said(until_micros: i64, bits: u32) -> [u8; SAID] {
    let mut said = [0; SAID];
    let (until, demanded) = said.split_at_mut(8);
    until.copy_from_slice(&until_micros.to_be_bytes());
    demanded.copy_from_slice(&bits.to_be_bytes());
    said
}

/// Until when a challenge is good, and how many bits it demands.
fn read(said: [u8; SAID]) -> Option<(i64, u32)> {
    let (until, bits) = said.split_first_chunk()?;
    Some((i64::from_be_bytes(*until), u32::from_be_bytes(bits.try_into().ok()?)))
}

fn mac(key: &Key, user_id: UserId, said: &[u8; SAID]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(&key.work);
    hasher.update(Uuid::from(user_id).as_bytes()).update(said);
    hasher.finalize()
}

impl JoinWork for HashWork {
    fn demand(&self, user_id: UserId, bits: u32, now: Timestamp) -> WorkDemand {
        let said = said((now + GOOD_FOR).timestamp_micros(), bits);
        let mac = mac(&self.keyring.current, user_id, &said);
        let challenge = URL_SAFE_NO_PAD.encode([&said[..], mac.as_bytes()].concat());
        WorkDemand { challenge, bits }
    }

    fn is_done(&self, user_id: UserId, done: &WorkDone, now: Timestamp) -> bool {
        if done.nonce.len() > NONCE_LENGTH_MAX {
            return false;
        }
        let bytes: Option<[u8; SAID + MAC]> =
            URL_SAFE_NO_PAD.decode(&done.challenge).ok().and_then(|bytes| bytes.try_into().ok());
        let Some(bytes) = bytes else { return false };
        let Some((said, told)) = bytes.split_first_chunk::<SAID>() else { return false };
        let Ok(told) = <[u8; MAC]>::try_from(told) else { return false };
        let Some((until, bits)) = read(*said) else { return false };
        let is_ours =
            self.keyring.all().any(|key| mac(key, user_id, said) == blake3::Hash::from(told));
        let left = TimeDelta::microseconds(until.saturating_sub(now.timestamp_micros()));
        let is_good = TimeDelta::zero() < left && left <= GOOD_FOR + AHEAD_MAX;
        is_ours && is_good && zero_bits(done) >= bits
    }
}

fn zero_bits(done: &WorkDone) -> u32 {
    let hash = Sha256::new().chain_update(&done.challenge).chain_update(&done.nonce).finalize();
    let mut bits = 0;
    for byte in hash {
        bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;

    fn work() -> HashWork {
        HashWork::new(Keyring::new(&Secret::random(), &[]))
    }

    fn user(n: u128) -> UserId {
        Uuid::from_u128(n).into()
    }

    fn now() -> Timestamp {
        "2026-05-01T10:00:00Z".parse().unwrap()
    }

    /// Tries nonces until one has at least, or less than, `bits` zero bits.
    fn search(challenge: &str, bits: u32, wanted: bool) -> WorkDone {
        (0_u64..)
            .map(|n| WorkDone { challenge: challenge.to_owned(), nonce: n.to_string() })
            .find(|done| (zero_bits(done) >= bits) == wanted)
            .unwrap()
    }

    #[test]
    fn work_that_was_done_is_taken_and_too_little_is_not() {
        let work = work();
        let demand = work.demand(user(1), 10, now());
        assert_eq!(demand.bits, 10);
        assert!(work.is_done(user(1), &search(&demand.challenge, 10, true), now()));
        assert!(!work.is_done(user(1), &search(&demand.challenge, 10, false), now()));
    }

    #[test]
    fn work_is_one_users_for_some_minutes() {
        let work = work();
        let demand = work.demand(user(1), 6, now());
        let done = search(&demand.challenge, 6, true);
        assert!(!work.is_done(user(2), &done, now()));
        assert!(!work.is_done(user(1), &done, now() + GOOD_FOR));
        assert!(work.is_done(user(1), &done, now() - AHEAD_MAX));
        assert!(!work.is_done(user(1), &done, now() - GOOD_FOR), "the clock was set back since");
    }

    #[test]
    fn a_challenge_of_ones_own_making_is_not_taken() {
        let (ours, theirs) = (work(), work());
        let demand = theirs.demand(user(1), 4, now());
        assert!(!ours.is_done(user(1), &search(&demand.challenge, 4, true), now()));
        for challenge in ["", "?", &"A".repeat(54), "김미나"] {
            assert!(!ours.is_done(user(1), &search(challenge, 4, true), now()), "{challenge}");
        }
        let demand = ours.demand(user(1), 4, now());
        let endless = WorkDone { challenge: demand.challenge, nonce: "7".repeat(65) };
        assert!(!ours.is_done(user(1), &endless, now()));
    }

    #[test]
    fn a_challenge_says_itself_how_much_it_demands_and_cannot_be_made_cheaper() {
        let work = work();
        let demand = work.demand(user(1), 12, now());
        let mut bytes = URL_SAFE_NO_PAD.decode(&demand.challenge).unwrap();
        assert_eq!(bytes[SAID - 1], 12);
        bytes[SAID - 1] = 1;
        let cheaper = URL_SAFE_NO_PAD.encode(bytes);
        assert!(!work.is_done(user(1), &search(&cheaper, 1, true), now()));
    }

    #[test]
    fn zero_bits_are_counted_from_the_first_bit_on() {
        // printf 'ab' | sha256sum begins with fb.
        let bits =
            |text: &str| zero_bits(&WorkDone { challenge: text.to_owned(), nonce: String::new() });
        assert_eq!(bits("ab"), 0);
        let found = (0..100_000).map(|n| format!("a{n}")).find(|text| bits(text) >= 8).unwrap();
        assert_eq!(Sha256::digest(&found)[0], 0);
    }
}
