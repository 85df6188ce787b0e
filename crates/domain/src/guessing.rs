//! Guessing passwords: how many wrong ones are looked at, and how fast. Only failures count. Whoever is
//! over a limit is slowed down and never shut out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::user::Email;

/// A mailbox by four bytes of its digest: enough to count by, and too few to find out what somebody typed
/// who took the wrong field for the password's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MailboxDigest(u32);

impl MailboxDigest {
    /// Of the mailbox that somebody signs in to, whether there is one or not.
    #[must_use]
    pub fn of(email: &Email) -> Self {
        let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(email.mailbox()).into();
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// One that was written down.
    #[must_use]
    pub fn kept(text: &str) -> Option<Self> {
        u32::from_str_radix(text, 16).ok().map(Self)
    }
}

impl std::fmt::Display for MailboxDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The network of an address: of IPv6 its /64, which one household has. Without an address, all such calls
/// are of one network.
#[must_use]
pub fn network(address: Option<&str>) -> String {
    let address = address.and_then(|address| address.parse::<IpAddr>().ok());
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from(network))
        }
        Some(IpAddr::V4(address)) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

/// How many wrong passwords are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessingPolicy {
    /// How many for one mailbox from one network, at once; one more each minute. None: any number. The
    /// other limits are multiples of it.
    pub wrong_max: Option<u32>,
}

/// Where a guess comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Whose password it is for.
    pub mailbox: MailboxDigest,
    /// From where.
    pub network: String,
    /// Whether its user signed in from there before.
    pub is_known: bool,
}

/// What a limit counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    /// A mailbox from a network.
    Pair(MailboxDigest, String),
    /// A mailbox from all networks that its user never signed in from.
    Mailbox(MailboxDigest),
    /// All mailboxes from a network.
    Network(String),
}

/// So many at once, and then one each so often.
#[derive(Debug, Clone, Copy)]
struct Rate {
    at_once: u32,
    each: TimeDelta,
}

impl GuessingPolicy {
    /// The rates that hold for a guess.
    fn rates(self, guess: &Guess) -> Vec<(Counted, Rate)> {
        let Some(max) = self.wrong_max else { return Vec::new() };
        let rate = |times: u32, seconds| Rate {
            at_once: max.saturating_mul(times),
            each: TimeDelta::seconds(seconds),
        };
        let pair = Counted::Pair(guess.mailbox, guess.network.clone());
        if guess.is_known {
            // Its owner may share the network with whoever guesses.
            vec![(pair, rate(20, 10))]
        } else {
            let mailbox = Counted::Mailbox(guess.mailbox);
            let network = Counted::Network(guess.network.clone());
            vec![(pair, rate(1, 60)), (mailbox, rate(6, 30)), (network, rate(40, 3))]
        }
    }
}

/// The guesses of late. (The generic cell rate algorithm: of each counted thing it is known up to when its
/// rate is used.)
#[derive(Debug)]
pub struct Guesses {
    policy: GuessingPolicy,
    used_until: HashMap<Counted, Timestamp>,
}

impl Guesses {
    /// None so far.
    #[must_use]
    pub fn new(policy: GuessingPolicy) -> Self {
        Self { policy, used_until: HashMap::new() }
    }

    /// Counts a guess that is about to be looked at, as if it were wrong: many may be looked at at once.
    ///
    /// # Errors
    /// How long to wait for the next, where a limit is reached. Then nothing is counted.
    pub fn begin(&mut self, guess: &Guess, now: Timestamp) -> Result<(), TimeDelta> {
        let waits = self.policy.rates(guess).into_iter().map(|(counted, rate)| {
            let used_until = self.used_until.get(&counted).copied().unwrap_or(now).max(now);
            // With the next, it would be used further than all that is let through at once.
            let at_once = times(rate.each, rate.at_once.max(1));
            used_until + rate.each - at_once - now
        });
        match waits.max().filter(|wait| *wait > TimeDelta::zero()) {
            Some(wait) => Err(wait),
            None => {
                self.count(guess, 1, now);
                Ok(())
            }
        }
    }

    /// Counts wrong guesses: those of other servers.
    pub fn count(&mut self, guess: &Guess, count: u32, now: Timestamp) {
        for (counted, rate) in self.policy.rates(guess) {
            let used_until = self.used_until.entry(counted).or_insert(now);
            *used_until = (*used_until).max(now) + times(rate.each, count);
        }
    }

    /// Takes a guess back that was right, or not looked at. One that was right clears what was counted of
    /// this mailbox from there.
    pub fn take_back(&mut self, guess: &Guess, was_right: bool) {
        for (counted, rate) in self.policy.rates(guess) {
            if was_right && matches!(counted, Counted::Pair(..)) {
                self.used_until.remove(&counted);
            } else if let Some(used_until) = self.used_until.get_mut(&counted) {
                *used_until -= rate.each;
            }
        }
    }

    /// Forgets what no longer matters.
    pub fn forget(&mut self, now: Timestamp) {
        self.used_until.retain(|_, used_until| *used_until > now);
        self.used_until.shrink_to_fit();
    }
}

fn times(length: TimeDelta, count: u32) -> TimeDelta {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    length.checked_mul(count).unwrap_or(TimeDelta::days(365))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn guesses() -> Guesses {
        Guesses::new(GuessingPolicy { wrong_max: Some(5) })
    }

    fn guess(email: &str, network: &str) -> Guess {
        let mailbox = MailboxDigest::of(&Email::new(email).unwrap());
        Guess { mailbox, network: network.to_owned(), is_known: false }
    }

    /// How many of `guesses` are looked at, one each second.
    fn looked_at(of: &mut Guesses, guesses: impl Iterator<Item = Guess>) -> usize {
        let at = |second| START + TimeDelta::seconds(second);
        (0..).zip(guesses).filter(|(second, guess)| of.begin(guess, at(*second)).is_ok()).count()
    }

    #[test]
    fn five_wrong_ones_of_a_mailbox_from_a_network_are_looked_at_and_one_more_each_minute() {
        let mut guesses = guesses();
        let mina = || guess("mina@example.com", "192.0.2.1");
        assert_eq!(looked_at(&mut guesses, (0..3_600).map(|_| mina())), 5 + 59);
        let wait = guesses.begin(&mina(), START + TimeDelta::seconds(3_599));
        assert!(wait.is_err_and(|wait| wait <= TimeDelta::seconds(60)), "{wait:?}");
        let elsewhere = guess("mina@example.com", "192.0.2.2");
        assert!(guesses.begin(&elsewhere, START + TimeDelta::seconds(3_600)).is_ok());
    }

    #[test]
    fn a_whole_world_of_networks_guesses_at_one_mailbox_no_faster_than_twice_a_minute() {
        let mut guesses = guesses();
        let world = (0..3_600).map(|n| guess("mina@example.com", &format!("192.0.{n}")));
        assert_eq!(looked_at(&mut guesses, world), 30 + 119);
        // From where the owner signed in before, nothing of that counts.
        let known = Guess { is_known: true, ..guess("mina@example.com", "198.51.100.7") };
        assert!(guesses.begin(&known, START + TimeDelta::hours(1)).is_ok());
    }

    #[test]
    fn a_network_guesses_at_all_mailboxes_together_no_faster_than_twenty_a_minute() {
        let everybody = (0..3_600).map(|n| guess(&format!("user{n}@example.com"), "192.0.2.1"));
        assert_eq!(looked_at(&mut guesses(), everybody), 200 + 1_199);
    }

    #[test]
    fn who_guesses_beside_the_owner_does_not_keep_the_owner_out() {
        let (mut guesses, mut refused) = (guesses(), 0);
        let known = Guess { is_known: true, ..guess("mina@example.com", "192.0.2.1") };
        for second in 0..600 {
            let now = START + TimeDelta::seconds(second);
            let _ = (guesses.begin(&known, now), guesses.begin(&known, now));
            if second % 30 == 0 {
                match guesses.begin(&known, now) {
                    Ok(()) => guesses.take_back(&known, true),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused < 5, "{refused} of 20");
    }

    #[test]
    fn many_at_once_are_counted_before_it_is_known_that_they_are_wrong() {
        let mut guesses = guesses();
        let mina = guess("mina@example.com", "192.0.2.1");
        let passed = (0..100).filter(|_| guesses.begin(&mina, START).is_ok()).count();
        assert_eq!(passed, 5);
        guesses.take_back(&mina, false);
        assert!(guesses.begin(&mina, START).is_ok());
        guesses.take_back(&mina, true);
        assert_eq!((0..100).filter(|_| guesses.begin(&mina, START).is_ok()).count(), 5);
        guesses.forget(START + TimeDelta::hours(1));
        assert!(guesses.used_until.is_empty());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut guesses = Guesses::new(GuessingPolicy { wrong_max: None });
        let mina = guess("mina@example.com", "192.0.2.1");
        assert!((0..1_000).all(|_| guesses.begin(&mina, START).is_ok()));
        assert!(guesses.used_until.is_empty());
    }

    #[test]
    fn a_household_is_one_network_and_a_digest_tells_little() {
        assert_eq!(network(Some("2001:db8::1:2:3:4")), network(Some("2001:db8::9")));
        assert_eq!(network(Some("::ffff:192.0.2.1")), "192.0.2.1");
        assert_eq!(network(None), network(Some("nonsense")));
        let digest = MailboxDigest::of(&Email::new("mina@example.com").unwrap());
        assert_eq!(MailboxDigest::kept(&digest.to_string()), Some(digest));
    }
}
