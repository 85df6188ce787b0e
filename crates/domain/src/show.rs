//! Shows: one performance of a concert, at one time in one hall.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::concert::Concert;
use crate::ids::{ConcertId, RoomId, ShowId};
use crate::money::Amount;
use crate::refusal::Refusal;

/// One performance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Show {
    /// Its id.
    pub id: ShowId,
    /// The concert it is a performance of.
    pub concert_id: ConcertId,
    /// When it begins.
    pub starts_at: Timestamp,
    /// The day it begins on at the venue.
    pub date: NaiveDate,
    /// How many seats it has, whatever their state.
    pub seat_count: u32,
    /// Its own waiting room, if it has one.
    pub room_id: Option<RoomId>,
}

/// Whether seats of a show are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleStatus {
    /// Not yet.
    Upcoming,
    /// Now.
    OnSale,
    /// No longer.
    Closed,
}

/// How many of a show's seats are free, as exactly as anyone may know without a place in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// More than a tenth.
    Many,
    /// A tenth at the most.
    Few,
    /// None, or none that can be had any longer.
    None,
}

/// A grade of seats at a show, and what one costs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grade {
    /// Its name, such as `VIP`.
    pub name: String,
    /// What a seat costs.
    pub price: Amount,
}

impl Show {
    /// Whether its seats are sold at `now`.
    #[must_use]
    pub fn sale_status(&self, concert: &Concert, now: Timestamp) -> SaleStatus {
        let upcoming = concert.details.sale_opens_at.is_some_and(|opens_at| now < opens_at);
        if self.is_on_sale(concert, now) {
            SaleStatus::OnSale
        } else if upcoming && now < self.starts_at {
            SaleStatus::Upcoming
        } else {
            SaleStatus::Closed
        }
    }

    /// How much of it is left when `free` of its seats are.
    #[must_use]
    pub fn availability(&self, free: u32) -> Availability {
        match free {
            0 => Availability::None,
            _ if u64::from(free) * 10 <= u64::from(self.seat_count) => Availability::Few,
            _ => Availability::Many,
        }
    }

    /// The day that `starts_at` falls on in the venue's `time_zone`.
    #[must_use]
    pub fn date_at_venue(starts_at: Timestamp, time_zone: Tz) -> NaiveDate {
        starts_at.with_timezone(&time_zone).date_naive()
    }

    /// The room in front of the show: its own, its concert's, or the site's.
    #[must_use]
    pub fn room(&self, concert: &Concert) -> RoomId {
        self.room_id.unwrap_or_else(|| concert.room())
    }

    /// Whether its seats can be booked at `now`: its concert is on sale and it has not begun.
    #[must_use]
    pub fn is_on_sale(&self, concert: &Concert, now: Timestamp) -> bool {
        concert.is_on_sale(now) && now < self.starts_at
    }

    /// # Errors
    /// [`Refusal::NotOnSale`] unless its seats can be booked at `now`.
    pub fn ensure_on_sale(&self, concert: &Concert, now: Timestamp) -> Result<(), Refusal> {
        if self.is_on_sale(concert, now) { Ok(()) } else { Err(Refusal::NotOnSale) }
    }
}

/// The one show among those that a concert has on a date.
///
/// # Errors
/// [`Refusal::InvalidDate`] when there is none, [`Refusal::AmbiguousDate`] when there are several.
pub fn the_only_one(shows: &[Show]) -> Result<&Show, Refusal> {
    match shows {
        [] => Err(Refusal::InvalidDate),
        [show] => Ok(show),
        several => Err(ambiguous(several)),
    }
}

/// The one room in front of all the shows that the concert has on a date: several of them behind one
/// door need not be told apart by who wants to stand in front of it.
///
/// # Errors
/// [`Refusal::InvalidDate`] when there is none, [`Refusal::AmbiguousDate`] when they have several
/// rooms.
pub fn the_only_room(shows: &[Show], concert: &Concert) -> Result<RoomId, Refusal> {
    let room = shows.first().ok_or(Refusal::InvalidDate)?.room(concert);
    let is_the_only_one = shows.iter().all(|show| show.room(concert) == room);
    if is_the_only_one { Ok(room) } else { Err(ambiguous(shows)) }
}

fn ambiguous(shows: &[Show]) -> Refusal {
    let shows = shows.iter().map(|show| (show.id, show.starts_at)).collect();
    Refusal::AmbiguousDate { shows }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::concert::tests::concert;

    pub(crate) fn show(n: u128, concert: &Concert) -> Show {
        let starts_at = Timestamp::UNIX_EPOCH + TimeDelta::days(365);
        Show {
            id: uuid::Uuid::from_u128(n).into(),
            concert_id: concert.id,
            starts_at,
            date: Show::date_at_venue(starts_at, concert.details.time_zone),
            seat_count: 0,
            room_id: None,
        }
    }

    #[test]
    fn a_show_is_on_the_venues_date() {
        let late_evening_utc = "2026-12-24T20:00:00Z".parse().unwrap();
        let date = Show::date_at_venue(late_evening_utc, chrono_tz::Asia::Seoul);
        assert_eq!(date.to_string(), "2026-12-25");
    }

    #[test]
    fn a_show_that_began_is_not_on_sale() {
        let concert = concert(1);
        let show = show(2, &concert);
        let before = show.starts_at - TimeDelta::microseconds(1);
        assert_eq!(show.ensure_on_sale(&concert, before), Ok(()));
        assert_eq!(show.ensure_on_sale(&concert, show.starts_at), Err(Refusal::NotOnSale));
    }

    #[test]
    fn a_sale_is_upcoming_then_on_and_then_closed() {
        let mut concert = concert(1);
        let show = show(2, &concert);
        let day = TimeDelta::days(1);
        concert.details.sale_opens_at = Some(show.starts_at - day);
        let status = |concert: &Concert, at| show.sale_status(concert, at);
        let just_before = show.starts_at - day - TimeDelta::microseconds(1);
        assert_eq!(status(&concert, just_before), SaleStatus::Upcoming);
        assert_eq!(status(&concert, show.starts_at - day), SaleStatus::OnSale);
        assert_eq!(status(&concert, show.starts_at), SaleStatus::Closed);
        concert.details.sale_opens_at = Some(show.starts_at + day);
        assert_eq!(status(&concert, show.starts_at), SaleStatus::Closed, "it never opens");
    }

    #[test]
    fn a_tenth_of_the_seats_is_few() {
        let show = Show { seat_count: 105, ..show(2, &concert(1)) };
        let told = [0, 1, 10, 11, 105].map(|free| show.availability(free));
        let [none, few, many] = [Availability::None, Availability::Few, Availability::Many];
        assert_eq!(told, [none, few, few, many, many]);
    }

    #[test]
    fn a_room_of_its_own_comes_before_the_concerts_and_that_before_the_sites() {
        let mut concert = concert(1);
        let mut show = show(2, &concert);
        assert_eq!(show.room(&concert), RoomId::SITE);
        concert.room_id = Some(uuid::Uuid::from_u128(7).into());
        assert_eq!(Some(show.room(&concert)), concert.room_id);
        show.room_id = Some(uuid::Uuid::from_u128(8).into());
        assert_eq!(Some(show.room(&concert)), show.room_id);
    }

    #[test]
    fn a_date_with_two_shows_is_ambiguous_and_one_with_none_invalid() {
        let concert = concert(1);
        let (first, second) = (show(2, &concert), show(3, &concert));
        assert_eq!(the_only_one(&[]), Err(Refusal::InvalidDate));
        assert_eq!(the_only_one(std::slice::from_ref(&first)), Ok(&first));
        assert!(matches!(the_only_one(&[first, second]),
            Err(Refusal::AmbiguousDate { shows }) if shows.len() == 2));
    }

    #[test]
    fn a_date_is_ambiguous_to_who_wants_to_queue_only_where_its_shows_have_several_rooms() {
        let concert = concert(1);
        let (first, mut second) = (show(2, &concert), show(3, &concert));
        assert_eq!(the_only_room(&[], &concert), Err(Refusal::InvalidDate));
        assert_eq!(the_only_room(&[first.clone(), second.clone()], &concert), Ok(RoomId::SITE));
        second.room_id = Some(uuid::Uuid::from_u128(7).into());
        assert!(matches!(the_only_room(&[first, second], &concert),
            Err(Refusal::AmbiguousDate { shows }) if shows.len() == 2));
    }
}
