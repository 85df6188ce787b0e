use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use async_trait::async_trait;
use domain::ports::{Passwords, Unavailable};
use domain::user::{Password, PasswordHash};
use tokio::sync::{Semaphore, oneshot};

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
    async fn hash(&self, password: Password) -> Result<PasswordHash, Unavailable> {
        self.work(move || hash(password.expose())).await?
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
            known.is_ok_and(|known| {
                Argon2::default().verify_password(password.expose().as_bytes(), &known).is_ok()
            })
        });
        Ok(matches.await? && is_somebodys)
    }
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
        let first = passwords.hash(password("비밀번호🎟️1234")).await.unwrap();
        let second = passwords.hash(password("비밀번호🎟️1234")).await.unwrap();
        assert_ne!(first, second);
        assert!(first.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = |typed: &str| passwords.verify(password(typed), Some(first.clone()));
        assert!(verify("비밀번호🎟️1234").await.unwrap());
        assert!(!verify("비밀번호🎟️1235").await.unwrap());
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
