//! What is sold.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::concert::{Concert, ConcertDetails};
use domain::ids::SeatId;
use domain::money::Amount;
use domain::ports::MockCatalogue;
use domain::seat::{Place, Seat};
use domain::show::Show;
use uuid::Uuid;

use super::{clock, now};
use crate::catalogue::Programme;

pub(crate) fn concert() -> Concert {
    Concert {
        id: Uuid::from_u128(3).into(),
        details: ConcertDetails {
            title: "봄의 노래".into(),
            venue: "Seoul Arena".into(),
            time_zone: "Asia/Seoul".parse().unwrap(),
            currency: "KRW".parse().unwrap(),
            sale_opens_at: None,
            sale_closes_at: None,
            max_seats_per_user: 4,
        },
        room_id: None,
        created_at: now(),
    }
}

pub(crate) fn show() -> Show {
    let starts_at = now() + TimeDelta::days(30);
    Show {
        id: Uuid::from_u128(4).into(),
        concert_id: concert().id,
        starts_at,
        date: Show::date_at_venue(starts_at, concert().details.time_zone),
        seat_count: 2,
        room_id: None,
    }
}

pub(crate) fn seat_id(n: u128) -> SeatId {
    Uuid::from_u128(0x100 + n).into()
}

/// Seat `n` of the show, 50,000 won.
pub(crate) fn seat(n: u128) -> Seat {
    let place = Place {
        number: format!("A-1-{n}"),
        section: "A".into(),
        row: "1".into(),
        grade: "R".into(),
        price: Amount::new(50_000).unwrap(),
    };
    Seat::new(seat_id(n), show().id, place)
}

/// The one concert with its one show.
pub(crate) fn catalogue() -> Arc<MockCatalogue> {
    let mut catalogue = MockCatalogue::new();
    catalogue.expect_concert().returning(|id| Ok((id == concert().id).then(concert)));
    catalogue.expect_show().returning(|id| Ok((id == show().id).then(|| (show(), concert()))));
    catalogue
        .expect_shows()
        .returning(|id| Ok((id == concert().id).then(show).into_iter().collect()));
    catalogue
        .expect_seats()
        .returning(|id| Ok(if id == show().id { vec![seat(1), seat(2)] } else { vec![] }));
    catalogue.expect_available_seat_counts().returning(|_, _| Ok(vec![(show().id, 2)]));
    Arc::new(catalogue)
}

/// The concerts and shows of this catalogue.
pub(crate) fn programme(catalogue: Arc<MockCatalogue>) -> Arc<Programme> {
    Arc::new(Programme::new(catalogue, clock()))
}
