use chrono::NaiveDate;
use diesel::prelude::*;
use domain::concert::{Concert, ConcertDetails};
use domain::seat::{Place, Seat, SeatColumns};
use domain::show::Show;

use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, number, read, time};
use crate::schema::{concerts, seats, shows};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = concerts, treat_none_as_default_value = false)]
pub(crate) struct ConcertRow {
    id: Key,
    title: String,
    venue: String,
    time_zone: String,
    currency: String,
    sale_opens_at: Option<i64>,
    sale_closes_at: Option<i64>,
    max_seats_per_user: i64,
    room_id: Option<Key>,
    created_at: i64,
}

impl From<&Concert> for ConcertRow {
    fn from(concert: &Concert) -> Self {
        let details = &concert.details;
        Self {
            id: key(concert.id),
            title: details.title.clone(),
            venue: details.venue.clone(),
            time_zone: details.time_zone.name().to_owned(),
            currency: details.currency.to_string(),
            sale_opens_at: details.sale_opens_at.map(micros),
            sale_closes_at: details.sale_closes_at.map(micros),
            max_seats_per_user: details.max_seats_per_user.into(),
            room_id: concert.room_id.map(key),
            created_at: micros(concert.created_at),
        }
    }
}

impl TryFrom<ConcertRow> for Concert {
    type Error = Unreadable;

    fn try_from(row: ConcertRow) -> Result<Self, Unreadable> {
        let details = ConcertDetails {
            title: row.title,
            venue: row.venue,
            time_zone: row.time_zone.parse().map_err(|_| Unreadable("time zone"))?,
            currency: row.currency.parse().map_err(|_| Unreadable("currency"))?,
            sale_opens_at: row.sale_opens_at.map(time).transpose()?,
            sale_closes_at: row.sale_closes_at.map(time).transpose()?,
            max_seats_per_user: read(row.max_seats_per_user, "number of seats")?,
        };
        Ok(Self {
            id: row.id.id(),
            details,
            room_id: row.room_id.map(Key::id),
            created_at: time(row.created_at)?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = shows, treat_none_as_default_value = false)]
pub(crate) struct ShowRow {
    id: Key,
    concert_id: Key,
    starts_at: i64,
    date: String,
    seat_count: i64,
    room_id: Option<Key>,
}

impl From<&Show> for ShowRow {
    fn from(show: &Show) -> Self {
        Self {
            id: key(show.id),
            concert_id: key(show.concert_id),
            starts_at: micros(show.starts_at),
            date: show.date.to_string(),
            seat_count: show.seat_count.into(),
            room_id: show.room_id.map(key),
        }
    }
}

impl TryFrom<ShowRow> for Show {
    type Error = Unreadable;

    fn try_from(row: ShowRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.id(),
            concert_id: row.concert_id.id(),
            starts_at: time(row.starts_at)?,
            date: date(&row.date)?,
            seat_count: read(row.seat_count, "number of seats")?,
            room_id: row.room_id.map(Key::id),
        })
    }
}

/// The date of a column.
pub(super) fn date(date: &str) -> Result<NaiveDate, Unreadable> {
    date.parse().map_err(|_| Unreadable("date"))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = seats, treat_none_as_default_value = false)]
pub(crate) struct SeatRow {
    id: Key,
    show_id: Key,
    number: String,
    section: String,
    row: String,
    grade: String,
    price: i64,
    version: i64,
    state: String,
    reservation_id: Option<Key>,
    held_until: Option<i64>,
    returns_at: Option<i64>,
    let_go_by: Option<Key>,
    let_go_before: Option<Vec<u8>>,
    let_go_at: Option<i64>,
    let_go_to_others: bool,
}

update_by_key! { seats by id in SeatRow:
    version: BigInt, state: Text, reservation_id: Nullable<Binary>, held_until: Nullable<BigInt>,
    returns_at: Nullable<BigInt>, let_go_by: Nullable<Binary>, let_go_before: Nullable<Binary>,
    let_go_at: Nullable<BigInt>, let_go_to_others: Bool
}

impl From<&Seat> for SeatRow {
    fn from(seat: &Seat) -> Self {
        let columns = SeatColumns::from(seat);
        Self {
            id: key(seat.id),
            show_id: key(seat.show_id),
            number: seat.place.number.clone(),
            section: seat.place.section.clone(),
            row: seat.place.row.clone(),
            grade: seat.place.grade.clone(),
            price: seat.place.price.into(),
            version: number(seat.version),
            state: columns.state.to_owned(),
            reservation_id: columns.reservation_id.map(key),
            held_until: columns.held_until.map(micros),
            returns_at: columns.returns_at.map(micros),
            let_go_by: columns.let_go_by.map(key),
            let_go_before: columns.let_go_before,
            let_go_at: columns.let_go_at.map(micros),
            let_go_to_others: columns.let_go_to_others,
        }
    }
}

impl TryFrom<SeatRow> for Seat {
    type Error = Unreadable;

    fn try_from(row: SeatRow) -> Result<Self, Unreadable> {
        let columns = SeatColumns {
            state: &row.state,
            reservation_id: row.reservation_id.map(Key::id),
            held_until: row.held_until.map(time).transpose()?,
            returns_at: row.returns_at.map(time).transpose()?,
            let_go_by: row.let_go_by.map(Key::id),
            let_go_before: row.let_go_before,
            let_go_at: row.let_go_at.map(time).transpose()?,
            let_go_to_others: row.let_go_to_others,
        };
        let (state, unpaid) = columns.read().map_err(Unreadable)?;
        let place = Place {
            number: row.number,
            section: row.section,
            row: row.row,
            grade: row.grade,
            price: read(row.price, "price")?,
        };
        Ok(Self {
            id: row.id.id(),
            show_id: row.show_id.id(),
            place,
            version: read(row.version, "version")?,
            state,
            unpaid,
        })
    }
}
