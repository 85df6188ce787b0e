//! One key, one effect: what was answered to a request that carried an idempotency key is kept
//! with its effect, in the same transaction, and given again to whoever asks again.

use chrono::TimeDelta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::UserId;
use crate::records::Records;
use crate::refusal::Refusal;
use crate::retention::RetentionPolicy;

/// What a kept answer is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Whose key it is; another user's key of the same spelling is another key.
    pub user_id: UserId,
    /// The call it came with, such as `POST /api/payments`; keys of different calls never meet.
    pub call: String,
    /// The key itself, 1 to 255 visible ASCII characters.
    pub key: String,
}

/// An idempotency key and the request it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The key.
    pub key: IdempotencyKey,
    /// A digest of the request's body: the same for the same request, another for another.
    pub fingerprint: Fingerprint,
}

/// A digest of a request's body.
pub type Fingerprint = [u8; 32];

/// A success, kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// What it is found by.
    pub key: IdempotencyKey,
    /// What the request was.
    pub fingerprint: Fingerprint,
    /// What the use case answered, as JSON.
    pub answer: String,
    /// When.
    pub created_at: Timestamp,
}

/// How long an answer is kept. Until it is forgotten it counts, so that a clock that jumps by a day lets no
/// request take effect twice.
pub const RETENTION: RetentionPolicy = RetentionPolicy { kept_for: TimeDelta::hours(24) };

/// An answer, and whether it was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// Whether it is one that was kept.
    pub replayed: bool,
}

/// Does what `decide` says, once for a key: a request that was answered before gets the same
/// answer and changes nothing. Without a key it simply decides.
///
/// # Errors
/// [`Refusal::IdempotencyKeyReused`] when the key came with another request, or what `decide`
/// refuses; a refusal is not kept, so the same key may try again.
pub fn once<T: Serialize + DeserializeOwned>(
    records: &mut Records,
    request: Option<&IdempotentRequest>,
    decide: impl FnOnce(&mut Records) -> Result<T, Refusal>,
) -> Result<Answered<T>, Refusal> {
    let Some(request) = request else {
        return Ok(Answered { value: decide(records)?, replayed: false });
    };
    if let Some(kept) = records.kept_answers.get(&request.key) {
        if kept.fingerprint != request.fingerprint {
            return Err(Refusal::IdempotencyKeyReused);
        }
        // An answer that this version of the program cannot read was kept by another one. To
        // decide anew would do twice what was asked once, so it counts as another request.
        let value =
            serde_json::from_str(&kept.answer).map_err(|_| Refusal::IdempotencyKeyReused)?;
        return Ok(Answered { value, replayed: true });
    }
    let value = decide(records)?;
    let answer = serde_json::to_string(&value).map_err(|_| Refusal::IdempotencyKeyReused)?;
    records.kept_answers.insert(KeptAnswer {
        key: request.key.clone(),
        fingerprint: request.fingerprint,
        answer,
        created_at: records.now,
    });
    Ok(Answered { value, replayed: false })
}

/// Uses up what may be used once, for as long as answers are kept.
///
/// # Errors
/// [`Refusal::IdempotencyKeyReused`] where it was used before.
pub fn use_up(records: &mut Records, key: &IdempotencyKey) -> Result<(), Refusal> {
    let request = IdempotentRequest { key: key.clone(), fingerprint: [0; 32] };
    let used = once(records, Some(&request), |_| Ok(()))?;
    if used.replayed { Err(Refusal::IdempotencyKeyReused) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_used_once_is_used_up() {
        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        let key = request(0).key;
        assert_eq!(use_up(&mut records, &key), Ok(()));
        assert_eq!(use_up(&mut records, &key), Err(Refusal::IdempotencyKeyReused));
    }

    fn request(fingerprint: u8) -> IdempotentRequest {
        IdempotentRequest {
            key: IdempotencyKey {
                user_id: uuid::Uuid::nil().into(),
                call: "POST /api/payments".into(),
                key: "k".into(),
            },
            fingerprint: [fingerprint; 32],
        }
    }

    #[test]
    fn a_key_takes_effect_once_and_answers_the_same_again() {
        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        let first = once(&mut records, Some(&request(1)), |_| Ok(7)).unwrap();
        assert_eq!(first, Answered { value: 7, replayed: false });
        let again = once::<i32>(&mut records, Some(&request(1)), |_| panic!("decided twice"));
        assert_eq!(again.unwrap(), Answered { value: 7, replayed: true });
    }

    #[test]
    fn a_key_with_another_request_is_refused() {
        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        once(&mut records, Some(&request(1)), |_| Ok(7)).unwrap();
        let other = once(&mut records, Some(&request(2)), |_| Ok(8));
        assert_eq!(other, Err(Refusal::IdempotencyKeyReused));
    }

    #[test]
    fn a_refusal_is_not_kept() {
        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        let refused = once::<i32>(&mut records, Some(&request(1)), |_| Err(Refusal::NotHeld));
        assert_eq!(refused, Err(Refusal::NotHeld));
        assert!(!once(&mut records, Some(&request(1)), |_| Ok(7)).unwrap().replayed);
    }

    #[test]
    fn a_key_is_free_again_once_its_answer_is_forgotten_and_not_before() {
        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        once(&mut records, Some(&request(1)), |_| Ok(7)).unwrap();
        records.go_on_to(records.now + RETENTION.kept_for * 2);
        let again = once::<i32>(&mut records, Some(&request(1)), |_| panic!("decided twice"));
        assert_eq!(again.unwrap(), Answered { value: 7, replayed: true });
        records.kept_answers.remove(&request(1).key);
        assert_eq!(once(&mut records, Some(&request(2)), |_| Ok(8)).unwrap().value, 8);
    }
}
