//! Concerts: what is played, where, and when its tickets are on sale.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ConcertId, RoomId};
use crate::money::Currency;
use crate::refusal::{FieldErrors, Refusal};
use crate::user::is_printable;

/// What is played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concert {
    /// Its id.
    pub id: ConcertId,
    /// What an operator said about it.
    pub details: ConcertDetails,
    /// Its own waiting room, if it has one.
    pub room_id: Option<RoomId>,
    /// When it was entered.
    pub created_at: Timestamp,
}

/// What an operator says about a concert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertDetails {
    /// Its title.
    pub title: String,
    /// Where it is played.
    pub venue: String,
    /// The venue's time zone, which makes a show's date.
    pub time_zone: Tz,
    /// What its tickets are paid in.
    pub currency: Currency,
    /// Nothing is sold before this time; none: sold from the start.
    pub sale_opens_at: Option<Timestamp>,
    /// Nothing is sold from this time on; none: until a show begins.
    pub sale_closes_at: Option<Timestamp>,
    /// How many seats one user may have in all its shows together.
    pub max_seats_per_user: u32,
}

impl ConcertDetails {
    /// # Errors
    /// [`Refusal::Invalid`], naming each field that is out of its limits.
    pub fn check(&self, sells_in: Currency) -> Result<(), Refusal> {
        let mut errors = FieldErrors::default();
        let printable = "must have 1 to 200 printable characters";
        errors.require(is_printable(&self.title, 200), "title", printable);
        errors.require(is_printable(&self.venue, 200), "venue", printable);
        let currency = format!("must be {sells_in}, the currency of all cash accounts");
        errors.require(self.currency == sells_in, "currency", &currency);
        errors.require(
            (1..=1_000_000).contains(&self.max_seats_per_user),
            "max_seats_per_user",
            "must be 1 to 1000000",
        );
        errors.require_time(self.sale_opens_at, "sale_opens_at");
        errors.require_time(self.sale_closes_at, "sale_closes_at");
        let in_order = !matches!((self.sale_opens_at, self.sale_closes_at),
            (Some(opens), Some(closes)) if opens >= closes);
        errors.require(in_order, "sale_closes_at", "must be after sale_opens_at");
        errors.into_result()
    }
}

impl Concert {
    /// Whether tickets are on sale at `now`.
    #[must_use]
    pub fn is_on_sale(&self, now: Timestamp) -> bool {
        self.details.sale_opens_at.is_none_or(|opens| opens <= now)
            && self.details.sale_closes_at.is_none_or(|closes| now < closes)
    }

    /// The room in front of the concert: its own, or the site's.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.room_id.unwrap_or(RoomId::SITE)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::TimeDelta;

    use super::*;

    pub(crate) fn concert(n: u128) -> Concert {
        Concert {
            id: uuid::Uuid::from_u128(n).into(),
            details: ConcertDetails {
                title: "봄의 노래".into(),
                venue: "Seoul Arena".into(),
                time_zone: chrono_tz::Asia::Seoul,
                currency: "KRW".parse().unwrap(),
                sale_opens_at: None,
                sale_closes_at: None,
                max_seats_per_user: 4,
            },
            room_id: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_sale_begins_at_its_opening_and_is_over_at_its_closing() {
        let (opens, hour) = (Timestamp::UNIX_EPOCH, TimeDelta::hours(1));
        let mut concert = concert(1);
        concert.details.sale_opens_at = Some(opens);
        concert.details.sale_closes_at = Some(opens + hour);
        assert!(!concert.is_on_sale(opens - TimeDelta::microseconds(1)));
        assert!(concert.is_on_sale(opens));
        assert!(!concert.is_on_sale(opens + hour));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut details = concert(1).details;
        details.title = "\u{7}".into();
        details.venue = String::new();
        details.max_seats_per_user = 0;
        details.sale_opens_at = Some(Timestamp::UNIX_EPOCH);
        details.sale_closes_at = Some(Timestamp::UNIX_EPOCH);
        let Err(Refusal::Invalid(errors)) = details.check("EUR".parse().unwrap()) else {
            panic!("accepted")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["title", "venue", "currency", "max_seats_per_user", "sale_closes_at"]);
    }
}
