use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::misleads;
use crate::refusal::Refusal;

/// An email address (RFC 5321) as its owner wrote it, at most 254 bytes, and the mailbox that it is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Email {
    spelling: String,
    /// The same for all spellings of one mailbox.
    mailbox: String,
}

/// Of the whole, and of its local part, in bytes.
const LENGTH_MAX: usize = 254;
const LOCAL_MAX: usize = 64;

impl Email {
    /// # Errors
    /// [`Refusal::Invalid`] for what is no email address: with a name before it, a local part in quotes,
    /// or another domain than one with a dot.
    pub fn new(email: &str) -> Result<Self, Refusal> {
        let spelling = email.trim();
        let mailbox = Some(spelling).filter(|email| email.len() <= LENGTH_MAX).and_then(mailbox);
        let mailbox = mailbox.ok_or_else(|| {
            Refusal::invalid("email", "must be an email address, as a@example.com")
        })?;
        Ok(Self { spelling: spelling.to_owned(), mailbox })
    }

    /// What an account is looked for by. Accounts were made with addresses that are refused today, and are
    /// found as they are spelled.
    #[must_use]
    pub fn to_look_up(email: &str) -> Self {
        Self::new(email).unwrap_or_else(|_| {
            let spelling = email.trim();
            Self { spelling: spelling.to_owned(), mailbox: spelling.to_lowercase() }
        })
    }

    /// An address that [`Email::new`] checked before it was kept. Earlier versions kept no mailbox.
    #[must_use]
    pub fn kept(spelling: String, mailbox: Option<String>) -> Self {
        let mailbox = mailbox.unwrap_or_else(|| spelling.clone());
        Self { spelling, mailbox }
    }

    /// The address as its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    /// The mailbox: what its spellings have in common.
    #[must_use]
    pub fn mailbox(&self) -> &str {
        &self.mailbox
    }

    /// The address as versions kept it that knew no mailboxes.
    #[must_use]
    pub fn in_lower_case(&self) -> String {
        self.spelling.to_lowercase()
    }

    /// Whether an account with this address is found by `wanted`.
    #[must_use]
    pub fn is_found_by(&self, wanted: &Self) -> bool {
        self.mailbox == wanted.mailbox || self.is_spelled_as(wanted)
    }

    /// Whether it is spelled like `wanted`, but for capitals. Of accounts of one mailbox that are older than
    /// mailboxes, that tells which is meant.
    #[must_use]
    pub fn is_spelled_as(&self, wanted: &Self) -> bool {
        self.in_lower_case() == wanted.in_lower_case()
    }
}

/// The mailbox of an address: its local part in NFKC and lower case, without a `+tag`, and its domain as
/// DNS has it (UTS 46).
fn mailbox(email: &str) -> Option<String> {
    let email: String = email.nfkc().collect();
    let (local, domain) = email.rsplit_once('@')?;
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let local: String = local.to_lowercase().nfkc().collect();
    let is_plain = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_of_atom));
    let has_tld = domain.split_once('.').is_some_and(|(_, tld)| !tld.is_empty());
    // The library takes no mark that stands on another character, which many an alphabet has.
    let in_ascii: String = local.chars().map(|c| if c.is_ascii() { c } else { 'x' }).collect();
    let is_address = email_address::EmailAddress::is_valid(&format!("{in_ascii}@{domain}"));
    if !is_plain || !has_tld || !is_address || local.len() > LOCAL_MAX {
        return None;
    }
    let untagged = local.split_once('+').map_or(local.as_str(), |(untagged, _)| untagged);
    let local = if untagged.is_empty() { &local } else { untagged };
    Some(format!("{local}@{domain}"))
}

/// The `atext` of RFC 5322 and RFC 6532, without what cannot be seen.
fn is_of_atom(c: char) -> bool {
    match c {
        _ if c.is_ascii() => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        _ => !misleads(c) && (super::is_seen(c) || super::is_combining_mark(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn mailbox(email: &str) -> String {
        Email::new(email).unwrap().mailbox().to_owned()
    }

    #[test]
    fn the_spellings_of_a_mailbox_are_one_and_the_owners_is_kept() {
        for (one, other) in [
            ("Mina@Example.COM", " mina@example.com "),
            ("mina+news@example.com", "mina+shop@example.com"),
            ("mina@bücher.example", "mina@xn--bcher-kva.example"),
            ("mina@BÜCHER.example", "mina@bücher.example"),
            ("jos\u{e9}@example.com", "jose\u{301}@example.com"),
            ("ｍina@example.com", "mina@example.com"),
            ("m\u{130}na@example.com", "mi\u{307}na@example.com"),
        ] {
            assert_eq!(mailbox(one), mailbox(other));
        }
        assert_eq!(Email::new(" Mina+a@Example.COM ").unwrap().as_str(), "Mina+a@Example.COM");
        assert_eq!(mailbox("+mina@example.com"), "+mina@example.com");
        assert_ne!(mailbox("mi.na@example.com"), mailbox("mina@example.com"), "not everywhere one");
    }

    #[test]
    fn addresses_of_all_alphabets_are_taken() {
        for email in ["미나@예시.한국", "o'neil@example.ie", "a@b.co", "user_1/x@mail.example.org"]
        {
            assert!(Email::new(email).is_ok(), "{email}");
        }
    }

    #[test]
    fn what_is_no_email_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for wrong in [
            "",
            "mina",
            "@example.com",
            "a b@example.com",
            "a@b@c.example",
            "Kim Mina <mina@example.com>",
            "<mina@example.com>",
            "\"mina\"@example.org",
            "mina@[127.0.0.1]",
            "mina@localhost",
            "mina@example.",
            "mina@.example",
            "mina@-example.com",
            "mina..x@example.com",
            ".mina@example.com",
            "mina\u{202e}@example.com",
            "mi\u{200b}na@example.com",
            "mina\u{ff20}example.com@example.com",
            long.as_str(),
        ] {
            assert!(Email::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_account_of_before_is_found_as_it_is_spelled() {
        let old = Email::kept("kim <mina@localhost>".into(), None);
        assert!(old.is_found_by(&Email::to_look_up("Kim <mina@localhost>")));
        let tagged = Email::kept("mina+a@example.com".into(), Some("mina+a@example.com".into()));
        let untagged = Email::kept("mina@example.com".into(), Some("mina@example.com".into()));
        let wanted = Email::to_look_up("Mina+A@example.com");
        assert!(tagged.is_spelled_as(&wanted) && !untagged.is_spelled_as(&wanted));
        assert!(untagged.is_found_by(&wanted));
    }
}
