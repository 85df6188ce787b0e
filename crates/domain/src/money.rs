//! Money: whole minor units, checked arithmetic, no float.

use serde::{Deserialize, Serialize};

/// An amount of money, never negative, in the currency's minor unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount there is: 2⁵³ − 1, the largest integer that a JSON reader built on
    /// doubles takes in unharmed (RFC 8259, section 6).
    pub const MAX: Self = Self(9_007_199_254_740_991);

    /// An amount of `minor_units`, if that is neither negative nor above [`Amount::MAX`].
    #[must_use]
    pub const fn new(minor_units: i64) -> Option<Self> {
        if minor_units >= 0 && minor_units <= Self::MAX.0 { Some(Self(minor_units)) } else { None }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// The sum, unless it passes [`Amount::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        Self::new(self.0 + other.0)
    }

    /// What is left, unless it would be less than nothing.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        Self::new(self.0 - other.0)
    }
}

/// An [`Amount`] was negative or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a whole number from 0 to 9007199254740991")]
pub struct NotAnAmount;

impl TryFrom<i64> for Amount {
    type Error = NotAnAmount;

    fn try_from(minor_units: i64) -> Result<Self, NotAnAmount> {
        Self::new(minor_units).ok_or(NotAnAmount)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

/// A currency by its ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A currency code was not three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is an ISO 4217 code of three capital letters, such as KRW")]
pub struct NotACurrency;

impl std::str::FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(code: &str) -> Result<Self, NotACurrency> {
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| NotACurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(letters))
        } else {
            Err(NotACurrency)
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = NotACurrency;

    fn try_from(code: String) -> Result<Self, NotACurrency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_never_negative_and_never_past_what_json_can_carry() {
        assert_eq!(Amount::new(-1), None);
        assert_eq!(Amount::new(Amount::MAX.minor_units() + 1), None);
        assert_eq!(Amount::MAX.checked_add(Amount::new(1).unwrap()), None);
        assert_eq!(Amount::ZERO.checked_sub(Amount::new(1).unwrap()), None);
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("KRW".parse::<Currency>().unwrap().to_string(), "KRW");
        for wrong in ["", "KR", "krw", "KRWW", "K₩"] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong}");
        }
    }
}
