//! Seat plans: how an operator says which seats a show has.

use std::collections::BTreeSet;

use crate::money::Amount;
use crate::refusal::{FieldError, Refusal};
use crate::seat::Place;
use crate::user::is_printable;

/// A section of equal rows of equal seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name, such as `A`.
    pub name: String,
    /// The grade of its seats.
    pub grade: String,
    /// The price of each.
    pub price: Amount,
    /// How many rows.
    pub rows: u32,
    /// How many seats in each.
    pub seats_per_row: u32,
}

/// The places of one show: at least one, no number twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatPlan(Vec<Place>);

impl SeatPlan {
    /// A ticket costs at most this much, so that what a reservation costs can always be added up.
    pub const PRICE_MAX: Amount = match Amount::new(1_000_000_000_000) {
        Some(max) => max,
        None => Amount::ZERO,
    };

    /// The plan of whole sections. Seats are numbered `<section>-<row>-<seat>`, from 1.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a section without a name, of no seats, or that comes twice, and for
    /// more than `seats_max` seats.
    pub fn of_sections(sections: &[Section], seats_max: u32) -> Result<Self, Refusal> {
        let counts = sections.iter().map(|s| u64::from(s.rows) * u64::from(s.seats_per_row));
        ensure_count(counts.clone().sum(), "sections", seats_max)?;
        if let Some(empty) = counts.clone().position(|count| count == 0) {
            let field = format!("sections[{empty}].rows");
            return Err(Refusal::invalid(field, "a section has at least one row and one seat"));
        }
        let places = sections.iter().flat_map(|section| {
            (1..=section.rows).flat_map(move |row| {
                (1..=section.seats_per_row).map(move |seat| Place {
                    number: format!("{}-{row}-{seat}", section.name),
                    section: section.name.clone(),
                    row: row.to_string(),
                    grade: section.grade.clone(),
                    price: section.price,
                })
            })
        });
        Self::of_places(places.collect(), "sections")
    }

    /// The plan of seats that are each named.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a seat without a number, one that comes twice, and for more than
    /// `seats_max` seats.
    pub fn of_seats(places: Vec<Place>, seats_max: u32) -> Result<Self, Refusal> {
        ensure_count(u64::try_from(places.len()).unwrap_or(u64::MAX), "seats", seats_max)?;
        Self::of_places(places, "seats")
    }

    fn of_places(places: Vec<Place>, field: &str) -> Result<Self, Refusal> {
        let mut numbers = BTreeSet::new();
        let mut errors = Vec::new();
        for place in &places {
            let texts = [&place.number, &place.section, &place.row, &place.grade];
            let complaint = if texts.iter().any(|text| !is_printable(text, 50)) {
                "number, section, row and grade must have 1 to 50 printable characters"
            } else if place.price > Self::PRICE_MAX {
                "a price is at most 1000000000000"
            } else if !numbers.insert(place.number.as_str()) {
                "is named twice"
            } else {
                continue;
            };
            let message = format!("seat {:?}: {complaint}", place.number);
            errors.push(FieldError { field: field.to_owned(), message });
            if errors.len() == 10 {
                break;
            }
        }
        if errors.is_empty() { Ok(Self(places)) } else { Err(Refusal::Invalid(errors)) }
    }

    /// The places, in the order in which they were named.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.0
    }
}

fn ensure_count(count: u64, field: &str, seats_max: u32) -> Result<(), Refusal> {
    if (1..=u64::from(seats_max)).contains(&count) {
        return Ok(());
    }
    Err(Refusal::invalid(field, format!("a show has 1 to {seats_max} seats")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, rows: u32, seats_per_row: u32) -> Section {
        let price = Amount::new(100).unwrap();
        Section { name: name.into(), grade: "R".into(), price, rows, seats_per_row }
    }

    #[test]
    fn sections_are_numbered_from_one() {
        let plan = SeatPlan::of_sections(&[section("A", 2, 2), section("나", 1, 1)], 10).unwrap();
        let numbers: Vec<_> = plan.places().iter().map(|place| place.number.as_str()).collect();
        assert_eq!(numbers, ["A-1-1", "A-1-2", "A-2-1", "A-2-2", "나-1-1"]);
    }

    #[test]
    fn a_plan_that_names_a_seat_twice_is_refused() {
        let twice = SeatPlan::of_sections(&[section("A", 1, 1), section("A", 1, 1)], 10);
        assert!(matches!(twice, Err(Refusal::Invalid(errors))
            if errors[0].message.contains("\"A-1-1\": is named twice")));
    }

    #[test]
    fn an_empty_an_endless_and_a_nameless_plan_are_refused() {
        let huge = section("A", u32::MAX, u32::MAX);
        for sections in [vec![], vec![section("A", 0, 3)], vec![huge], vec![section("", 1, 1)]] {
            assert!(SeatPlan::of_sections(&sections, 100).is_err(), "{sections:?}");
        }
        assert!(SeatPlan::of_seats(vec![], 100).is_err());
    }
}
