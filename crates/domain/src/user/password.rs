use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Email;
use crate::refusal::Refusal;

/// A password as somebody typed it. Never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// What a new password has at least (NIST SP 800-63B asks for 8, and for 15 where nothing else is shown).
const LENGTH_MIN: usize = 10;
/// What one has at most. (NIST asks to allow 64.)
const LENGTH_MAX: usize = 128;

impl Password {
    /// A password that somebody shows who says who they are. It may be older than the rules of today.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for an empty one and one too long.
    pub fn new(password: &str) -> Result<Self, Refusal> {
        if (1..=LENGTH_MAX).contains(&password.chars().count()) {
            Ok(Self(password.to_owned()))
        } else {
            Err(Refusal::invalid("password", "must have 1 to 128 characters"))
        }
    }

    /// A password that somebody chooses. Whether many people use it is for
    /// [`Passwords::hash`](crate::ports::Passwords::hash) to say.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for one too short or too long, and for the email.
    pub fn chosen(password: &str, email: Option<&Email>) -> Result<Self, Refusal> {
        let invalid = |message| Err(Refusal::invalid("password", message));
        let normalised = Self(password.to_owned()).normalised();
        let length = normalised.chars().count();
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) || password.chars().count() > LENGTH_MAX {
            return invalid("must have 10 to 128 characters");
        }
        let said = normalised.trim().to_lowercase();
        let is_email = |email: &Email| {
            let local = email.mailbox().rsplit_once('@').map_or("", |(local, _)| local);
            said == email.in_lower_case() || said == email.mailbox() || said == local
        };
        if email.is_some_and(is_email) {
            return invalid("must not be your email");
        }
        Ok(Self(password.to_owned()))
    }

    /// The password as it was typed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The password as it is hashed, in NFKC: keyboards differ in how they write one character (NIST SP
    /// 800-63B, section 5.1.1.2). Earlier versions hashed what was typed.
    #[must_use]
    pub fn normalised(&self) -> String {
        self.0.nfkc().collect()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password's hash in PHC form. Never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash that some [`crate::ports::Passwords`] made.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The hash, for whoever stores or checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_has_10_to_128_characters_and_is_not_the_email() {
        let email = Email::new("Mina.Kim+a@example.com").unwrap();
        let is_taken = |password: &str| Password::chosen(password, Some(&email)).is_ok();
        assert!(is_taken("1234 한강 76") && is_taken(&"x".repeat(128)));
        let wrong =
            ["123456789", "mina.kim+a@example.com", "MINA.KIM@example.com", "mina.kim@example.com"];
        for wrong in wrong.into_iter().chain([&*"x".repeat(129)]) {
            assert!(!is_taken(wrong), "{wrong}");
        }
        let email = Email::new("a-long-name@example.com").unwrap();
        assert!(Password::chosen("a-long-name", Some(&email)).is_err());
    }

    #[test]
    fn what_is_shown_may_be_older_than_the_rules_and_is_the_same_however_it_is_written() {
        assert!(Password::new("12345678").is_ok());
        assert!(Password::new("").is_err() && Password::new(&"x".repeat(129)).is_err());
        let (one, other) =
            (Password::new("jos\u{e9}").unwrap(), Password::new("jose\u{301}").unwrap());
        assert_eq!(one.normalised(), other.normalised());
        assert_eq!(Password::new("ｐassword").unwrap().normalised(), "password");
    }

    #[test]
    fn neither_a_password_nor_its_hash_is_shown() {
        assert_eq!(format!("{:?}", Password::new("secret-secret").unwrap()), "Password(…)");
        assert_eq!(format!("{:?}", PasswordHash::new("h".into())), "PasswordHash(…)");
    }
}
