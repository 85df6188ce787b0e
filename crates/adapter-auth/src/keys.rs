//! The keys that tokens are signed with, derived from the installation's secret.

use std::collections::BTreeSet;

use rand::Rng;

/// What an installation keeps to itself. Never shown, not even by `Debug`.
#[derive(Clone)]
pub struct Secret(String);

/// What could be guessed is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretTooWeak {
    /// It is short.
    #[error("must have at least 32 characters")]
    Short,
    /// It says the same over and over.
    #[error("must have at least eight different characters")]
    Repeated,
}

/// A secret has at least so many different characters. One of 32 random hexadecimal digits that has fewer
/// comes once in ten thousand.
const DIFFERENT_MIN: usize = 8;

impl Secret {
    /// # Errors
    /// [`SecretTooWeak`].
    pub fn new(secret: &str) -> Result<Self, SecretTooWeak> {
        let secret = secret.trim();
        let different: BTreeSet<char> = secret.chars().collect();
        match () {
            () if secret.len() < 32 => Err(SecretTooWeak::Short),
            () if different.len() < DIFFERENT_MIN => Err(SecretTooWeak::Repeated),
            () => Ok(Self(secret.to_owned())),
        }
    }

    /// A fresh one: 256 random bits from the system, in hexadecimal.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The secret, for whoever keeps it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The keys of one secret. Each use has a key of its own, so that a token made for one use is
/// never taken for the other.
#[derive(Clone)]
pub(crate) struct Key {
    /// Names the key in what it signs; tells nothing of the key.
    pub(crate) id: [u8; 4],
    pub(crate) access: [u8; 32],
    pub(crate) queue: [u8; 32],
    pub(crate) work: [u8; 32],
}

impl Key {
    fn of(secret: &Secret) -> Self {
        let derive = |context| blake3::derive_key(context, secret.0.as_bytes());
        let mut id = [0; 4];
        let named = derive("stagedoor 2026 name of a key");
        id.iter_mut().zip(named).for_each(|(byte, from)| *byte = from);
        Self {
            id,
            access: derive("stagedoor 2026 access tokens"),
            queue: derive("stagedoor 2026 queue tokens"),
            work: derive("stagedoor 2026 join work"),
        }
    }
}

/// The key that signs, and those whose tokens are still taken.
#[derive(Clone)]
pub struct Keyring {
    pub(crate) current: Key,
    previous: Vec<Key>,
}

impl Keyring {
    /// Signs with `current`; takes what any of `previous` signed, too.
    #[must_use]
    pub fn new(current: &Secret, previous: &[Secret]) -> Self {
        Self { current: Key::of(current), previous: previous.iter().map(Key::of).collect() }
    }

    /// All of them, the one that signs first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The key of that name.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&Key> {
        self.all().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_32_characters_and_is_never_shown() {
        assert!(matches!(Secret::new("short"), Err(SecretTooWeak::Short)));
        for repeated in ["a".repeat(32), "0123".repeat(16)] {
            assert!(matches!(Secret::new(&repeated), Err(SecretTooWeak::Repeated)));
        }
        let secret = Secret::random();
        assert_eq!((secret.expose().len(), format!("{secret:?}").as_str()), (64, "Secret(…)"));
        assert_ne!(secret.expose(), Secret::random().expose());
    }
}
