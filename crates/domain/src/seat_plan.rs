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

impl Section {
    /// # Errors
    /// [`Refusal::Invalid`] for what no seat of the section, which is the `at`-th, can have.
    fn check(&self, at: usize) -> Result<(), Refusal> {
        let wrong = |field: &str, message: &str| {
            Err(Refusal::invalid(format!("sections[{at}].{field}"), message))
        };
        if self.rows == 0 || self.seats_per_row == 0 {
            return wrong("rows", "a section has at least one row and one seat");
        }
        if !is_printable(&self.name, TEXT_MAX) || !is_printable(&self.last_number(), TEXT_MAX) {
            return wrong(
                "name",
                "must have 1 to 50 printable characters together with a row and a seat",
            );
        }
        if !is_printable(&self.grade, TEXT_MAX) {
            return wrong("grade", "must have 1 to 50 printable characters");
        }
        if self.price > SeatPlan::PRICE_MAX {
            return wrong("price", "a price is at most 1000000000000");
        }
        Ok(())
    }

    /// The longest of its seats' numbers.
    fn last_number(&self) -> String {
        format!("{}-{}-{}", self.name, self.rows, self.seats_per_row)
    }
}

/// A seat's number, section, row and grade have at most this many characters.
const TEXT_MAX: usize = 50;

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
    /// [`Refusal::Invalid`] for a section of no seats, with a name, a grade or a price that no seat can
    /// have, or that comes twice, and for more than `seats_max` seats.
    pub fn of_sections(sections: &[Section], seats_max: u32) -> Result<Self, Refusal> {
        let counts = sections.iter().map(|s| u64::from(s.rows) * u64::from(s.seats_per_row));
        ensure_count(counts.fold(0, u64::saturating_add), "sections", seats_max)?;
        // Each text is looked at before it is repeated for all seats of its section.
        for (at, section) in sections.iter().enumerate() {
            section.check(at)?;
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
            let complaint = if texts.iter().any(|text| !is_printable(text, TEXT_MAX)) {
                "number, section, row and grade must have 1 to 50 printable characters"
            } else if place.price > Self::PRICE_MAX {
                "a price is at most 1000000000000"
            } else if !numbers.insert(place.number.as_str()) {
                "is named twice"
            } else {
                continue;
            };
            let number: String = place.number.chars().take(TEXT_MAX).collect();
            let message = format!("seat {number:?}: {complaint}");
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
        let wraps = [section("A", u32::MAX, u32::MAX), section("B", 65_536, 131_072)];
        let long = "x".repeat(60_000);
        let graded = Section { grade: long.clone(), ..section("A", 10, 10) };
        let dear = Section { price: Amount::MAX, ..section("A", 10, 10) };
        for sections in [
            vec![],
            vec![section("A", 0, 3)],
            vec![huge],
            wraps.to_vec(),
            vec![section("", 1, 1)],
            vec![section(&long, 10, 10)],
            vec![section(&"x".repeat(47), 1, 10)],
            vec![graded],
            vec![dear],
        ] {
            let refused = SeatPlan::of_sections(&sections, 100);
            let Err(Refusal::Invalid(errors)) = refused else { panic!("{sections:?}") };
            assert!(errors.iter().all(|error| error.message.len() < 200), "{errors:?}");
        }
        assert!(SeatPlan::of_sections(&[section(&"x".repeat(46), 1, 9)], 100).is_ok());
        assert!(SeatPlan::of_seats(vec![], 100).is_err());
    }
}
