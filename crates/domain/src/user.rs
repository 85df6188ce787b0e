//! Users: who signs up, buys, or runs the sale.

use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;

use crate::Timestamp;
use crate::ids::UserId;
use crate::refusal::Refusal;
use crate::session::SignedOut;

mod email;
mod password;

pub use email::Email;
pub use password::{Password, PasswordHash};

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Where the person signs in with. A mailbox has one account.
    pub email: Email,
    /// What the person is called.
    pub name: UserName,
    /// What the person may do.
    pub role: Role,
    /// The password's hash, or none for an account that nobody signs in to.
    pub password_hash: Option<PasswordHash>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Since when an operator shuts the user out.
    pub disabled_at: Option<Timestamp>,
    /// When all sessions were last ended, and which one was not.
    pub signed_out: Option<SignedOut>,
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
    /// [`Refusal::Forbidden`] unless the user runs the sale, [`Refusal::InvalidToken`] for one who is shut
    /// out.
    pub fn ensure_operator(&self) -> Result<(), Refusal> {
        if self.disabled_at.is_some() {
            return Err(Refusal::InvalidToken);
        }
        match self.role {
            Role::Admin => Ok(()),
            Role::Buyer => Err(Refusal::Forbidden),
        }
    }

    /// # Errors
    /// [`Refusal::AccountDisabled`] for who is shut out.
    pub const fn ensure_enabled(&self) -> Result<(), Refusal> {
        match self.disabled_at {
            None => Ok(()),
            Some(_) => Err(Refusal::AccountDisabled),
        }
    }
}

/// A person's name: 1 to 100 characters that show something, and turn nothing around.
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

/// Whether `text` has 1 to `chars_max` characters, one that can be seen among them, and none that steers
/// a terminal, a log or the text around it.
pub(crate) fn is_printable(text: &str, chars_max: usize) -> bool {
    let text = text.trim();
    text.chars().count() <= chars_max && !text.chars().any(misleads) && text.chars().any(is_seen)
}

/// Control characters, line separators, a byte order mark, and what turns the direction of the text
/// around it (the bidirectional controls of Unicode Standard Annex 9).
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What shows something by itself: not white space, and none of the characters that are drawn as nothing
/// (Default_Ignorable_Code_Point, and a Braille pattern without dots) or only on another.
fn is_seen(c: char) -> bool {
    let is_ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_whitespace() && !is_ignorable && !is_combining_mark(c)
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
            disabled_at: None,
            signed_out: None,
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
    fn a_name_shows_something_and_turns_nothing_around() {
        for kept in ["محمد علي", "👩🏽‍🎤 Star", "👨‍👩‍👧‍👦", "Nguyễn Thị Ánh", "Zé\u{301}"]
        {
            assert_eq!(UserName::new(kept).unwrap().as_str(), kept);
        }
        for wrong in [
            "\u{200b}",
            "\u{3164}",
            "\u{ad}",
            "\u{2800}",
            "\u{200d}\u{fe0f}",
            "\u{301}",
            "\u{feff}Mina",
            "Mi\u{2028}na",
            "Mina\u{202e}gnp.exe",
            "\u{2067}Mina",
        ] {
            assert!(UserName::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_an_admin_is_an_operator() {
        let mut user = user(1);
        assert_eq!(user.ensure_operator(), Err(Refusal::Forbidden));
        user.role = Role::Admin;
        assert_eq!(user.ensure_operator(), Ok(()));
    }
}
