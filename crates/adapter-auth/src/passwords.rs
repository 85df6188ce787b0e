use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use async_trait::async_trait;
use domain::ports::{Passwords, Unavailable, UpdateError};
use domain::refusal::Refusal;
use domain::user::{Email, Password, PasswordHash};
use tokio::sync::{Semaphore, oneshot};
use zxcvbn::{Score, zxcvbn};

use crate::hashing::HashingThreads;
use crate::keys::Secret;

/// How many may wait for their password to be hashed; one more is told to come back.
const WAITING_MAX: usize = 256;

/// argon2id with the parameters that OWASP's Password Storage Cheat Sheet names first (19 MiB,
/// 2 passes, 1 lane). Each takes some ten milliseconds of a processor, on
/// [threads of its own](crate::hashed_at_once).
pub struct Argon2Passwords {
    waiting: Semaphore,
    threads: HashingThreads,
    /// The hash of a password that nobody has, for emails that nobody has.
    nobodys: PasswordHash,
}

impl Argon2Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`Unavailable`] when the system has no random bits or no threads to give.
    pub fn new() -> Result<Self, Unavailable> {
        let threads = HashingThreads::start();
        Ok(Self {
            waiting: Semaphore::new(WAITING_MAX),
            threads: threads
                .map_err(|error| Unavailable::from_source("there are no threads", error))?,
            nobodys: hash(Secret::random().expose())?,
        })
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let busy = |_| Unavailable::overloaded("too many passwords wait to be checked");
        let _waiting = self.waiting.try_acquire().map_err(busy)?;
        let (done, result) = oneshot::channel();
        self.threads.give(move || drop(done.send(work())));
        result.await.map_err(|error| Unavailable::from_source("a password was not checked", error))
    }
}

#[async_trait]
impl Passwords for Argon2Passwords {
    async fn hash(
        &self,
        password: Password,
        email: Option<Email>,
    ) -> Result<PasswordHash, UpdateError> {
        let hashed = self.work(move || {
            let password = password.normalised();
            if is_common(&password, email.as_ref()) {
                let message = "is too easy to guess: many people use it, or one like it";
                return Err(Refusal::invalid("password", message).into());
            }
            hash(&password).map_err(UpdateError::from)
        });
        hashed.await?
    }

    async fn verify(
        &self,
        password: Password,
        known: Option<PasswordHash>,
    ) -> Result<bool, Unavailable> {
        let is_somebodys = known.is_some();
        let known = known.unwrap_or_else(|| self.nobodys.clone());
        let matches = self.work(move || {
            let known = phc::PasswordHash::new(known.expose());
            known.is_ok_and(|known| matches(&password, &known))
        });
        Ok(matches.await? && is_somebodys)
    }
}

/// Whether zxcvbn, which knows the passwords that many people use, would guess it within a million tries.
fn is_common(password: &str, email: Option<&Email>) -> bool {
    let theirs: Vec<&str> =
        email.map(|email| [email.as_str(), email.mailbox()]).into_iter().flatten().collect();
    zxcvbn(password, &theirs).score() <= Score::One
}

/// Whether it is the password, or, where that is another, what was typed: before passwords were
/// normalised, that was hashed.
fn matches(password: &Password, known: &phc::PasswordHash) -> bool {
    let is = |typed: &str| Argon2::default().verify_password(typed.as_bytes(), known).is_ok();
    let normalised = password.normalised();
    is(&normalised) || (normalised != password.expose() && is(password.expose()))
}

fn hash(password: &str) -> Result<PasswordHash, Unavailable> {
    let hashed: phc::PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| Unavailable::because(format!("a password was not hashed: {error}")))?;
    Ok(PasswordHash::new(hashed.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(password: &str) -> Password {
        Password::new(password).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_matches_and_hashes_are_salted() {
        let passwords = Argon2Passwords::new().unwrap();
        let first = passwords.hash(password("비밀번호🎟️1234"), None).await.unwrap();
        let second = passwords.hash(password("비밀번호🎟️1234"), None).await.unwrap();
        assert_ne!(first, second);
        assert!(first.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = |typed: &str| passwords.verify(password(typed), Some(first.clone()));
        assert!(verify("비밀번호🎟️1234").await.unwrap());
        assert!(!verify("비밀번호🎟️1235").await.unwrap());
    }

    #[tokio::test]
    async fn what_many_people_use_is_refused_and_so_is_the_email() {
        let passwords = Argon2Passwords::new().unwrap();
        let email = Email::new("long.name.of.mina@example.com").unwrap();
        let hash = |typed: &str| passwords.hash(password(typed), Some(email.clone()));
        for common in [
            "1234567890",
            "password123",
            "Password1234",
            "qwertyuiop",
            "aaaaaaaaaa",
            "iloveyou123",
            "passwordpassword",
            "long.name.of.mina@example.com1",
        ] {
            let refused = hash(common).await;
            assert!(matches!(refused, Err(UpdateError::Refused(Refusal::Invalid(_)))), "{common}");
        }
        for good in ["operator password", "hangang-2026", "한강에서 부르는 노래"] {
            hash(good).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_it_is_written_and_old_hashes_are_good() {
        let passwords = Argon2Passwords::new().unwrap();
        let (composed, apart) = ("caf\u{e9} am Ufer", "cafe\u{301} am Ufer");
        let new = passwords.hash(password(composed), None).await.unwrap();
        assert!(passwords.verify(password(apart), Some(new)).await.unwrap());
        let old = hash(apart).unwrap();
        assert!(passwords.verify(password(apart), Some(old)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Argon2Passwords::new().unwrap();
        assert!(!passwords.verify(password("12345678"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_broken_hash_matches_nothing() {
        let passwords = Argon2Passwords::new().unwrap();
        let broken = Some(PasswordHash::new("$argon2id$broken".into()));
        assert!(!passwords.verify(password("12345678"), broken).await.unwrap());
    }
}
