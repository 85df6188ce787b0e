//! Users: who signs up, buys, or runs the sale.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::UserId;
use crate::refusal::Refusal;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Where the person signs in with; unique.
    pub email: Email,
    /// What the person is called.
    pub name: UserName,
    /// What the person may do.
    pub role: Role,
    /// The password's hash, or none for an account that nobody signs in to.
    pub password_hash: Option<PasswordHash>,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys tickets.
    Buyer,
    /// Runs the sale.
    Admin,
}

impl Role {
    /// The role's name, as it is stored and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Buyer, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}

impl User {
    /// # Errors
    /// [`Refusal::Forbidden`] unless the user runs the sale.
    pub fn ensure_operator(&self) -> Result<(), Refusal> {
        match self.role {
            Role::Admin => Ok(()),
            Role::Buyer => Err(Refusal::Forbidden),
        }
    }
}

/// An email address (RFC 5321), at most 254 bytes, in lower case: two spellings are one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// # Errors
    /// [`Refusal::Invalid`] for what is no email address.
    pub fn new(email: &str) -> Result<Self, Refusal> {
        let email = email.trim().to_lowercase();
        if email.len() <= 254 && email_address::EmailAddress::is_valid(&email) {
            Ok(Self(email))
        } else {
            Err(Refusal::invalid("email", "must be an email address"))
        }
    }

    /// An address that [`Email::new`] checked before it was kept.
    #[must_use]
    pub const fn kept(email: String) -> Self {
        Self(email)
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's name: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserName(String);

impl UserName {
    /// # Errors
    /// [`Refusal::Invalid`] for an empty, over-long or unprintable name.
    pub fn new(name: &str) -> Result<Self, Refusal> {
        is_printable(name, 100)
            .then(|| Self(name.trim().to_owned()))
            .ok_or_else(|| Refusal::invalid("name", "must have 1 to 100 printable characters"))
    }

    /// A name that [`UserName::new`] checked before it was kept.
    #[must_use]
    pub const fn kept(name: String) -> Self {
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` has 1 to `chars_max` characters and none that steers a terminal or a log.
pub(crate) fn is_printable(text: &str, chars_max: usize) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().count() <= chars_max && !text.chars().any(char::is_control)
}

/// A password as somebody typed it: 8 to 128 characters (NIST SP 800-63B, section 5.1.1, asks for
/// at least 8 and to allow 64). Never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// # Errors
    /// [`Refusal::Invalid`] for one too short or too long.
    pub fn new(password: &str) -> Result<Self, Refusal> {
        if (8..=128).contains(&password.chars().count()) {
            Ok(Self(password.to_owned()))
        } else {
            Err(Refusal::invalid("password", "must have 8 to 128 characters"))
        }
    }

    /// The password itself, for whoever hashes it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
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
pub(crate) mod tests {
    use super::*;

    pub(crate) fn user(n: u64) -> User {
        User {
            id: uuid::Uuid::from_u128(n.into()).into(),
            email: Email::new(&format!("user{n}@example.com")).unwrap(),
            name: UserName::new("user").unwrap(),
            role: Role::Buyer,
            password_hash: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn two_spellings_of_an_email_are_one() {
        assert_eq!(Email::new(" Mina@Example.COM "), Email::new("mina@example.com"));
    }

    #[test]
    fn what_is_no_email_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for wrong in ["", "mina", "@example.com", "a b@example.com", "a@b@c", long.as_str()] {
            assert!(Email::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_may_be_korean_or_an_emoji_but_not_a_control_character() {
        assert_eq!(UserName::new(" 김미나 🎤 ").unwrap().as_str(), "김미나 🎤");
        for wrong in ["", "  ", "a\u{0}b", "a\nb", "x".repeat(101).as_str()] {
            assert!(UserName::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_password_has_8_to_128_characters_and_is_never_shown() {
        assert!(Password::new("1234567").is_err());
        assert!(Password::new(&"x".repeat(129)).is_err());
        assert_eq!(format!("{:?}", Password::new("secret-secret").unwrap()), "Password(…)");
        assert_eq!(format!("{:?}", PasswordHash::new("h".into())), "PasswordHash(…)");
    }

    #[test]
    fn only_an_admin_is_an_operator() {
        let mut user = user(1);
        assert_eq!(user.ensure_operator(), Err(Refusal::Forbidden));
        user.role = Role::Admin;
        assert_eq!(user.ensure_operator(), Ok(()));
    }
}
