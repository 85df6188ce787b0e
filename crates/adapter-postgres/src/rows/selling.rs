use chrono::NaiveDate;
use domain::Timestamp;
use domain::concert::{Concert, ConcertDetails};
use domain::seat::{Place, Seat, SeatColumns};
use domain::show::Show;
use uuid::Uuid;

use super::row;
use crate::columns::{Unreadable, number, read};
use crate::schema::{concerts, seats, shows};

row! {
    concerts by (id) changing ()
    pub(crate) struct ConcertRow {
        id: Uuid,
        title: String,
        venue: String,
        time_zone: String,
        currency: String,
        sale_opens_at: Option<Timestamp>,
        sale_closes_at: Option<Timestamp>,
        max_seats_per_user: i64,
        room_id: Option<Uuid>,
        created_at: Timestamp,
    }
}

impl From<&Concert> for ConcertRow {
    fn from(concert: &Concert) -> Self {
        let details = &concert.details;
        Self {
            id: concert.id.into(),
            title: details.title.clone(),
            venue: details.venue.clone(),
            time_zone: details.time_zone.name().to_owned(),
            currency: details.currency.to_string(),
            sale_opens_at: details.sale_opens_at,
            sale_closes_at: details.sale_closes_at,
            max_seats_per_user: details.max_seats_per_user.into(),
            room_id: concert.room_id.map(Into::into),
            created_at: concert.created_at,
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
            sale_opens_at: row.sale_opens_at,
            sale_closes_at: row.sale_closes_at,
            max_seats_per_user: read(row.max_seats_per_user, "number of seats")?,
        };
        Ok(Self {
            id: row.id.into(),
            details,
            room_id: row.room_id.map(Into::into),
            created_at: row.created_at,
        })
    }
}

row! {
    shows by (id) changing ()
    pub(crate) struct ShowRow {
        id: Uuid,
        concert_id: Uuid,
        starts_at: Timestamp,
        date: NaiveDate,
        seat_count: i64,
        room_id: Option<Uuid>,
    }
}

impl From<&Show> for ShowRow {
    fn from(show: &Show) -> Self {
        Self {
            id: show.id.into(),
            concert_id: show.concert_id.into(),
            starts_at: show.starts_at,
            date: show.date,
            seat_count: show.seat_count.into(),
            room_id: show.room_id.map(Into::into),
        }
    }
}

impl TryFrom<ShowRow> for Show {
    type Error = Unreadable;

    fn try_from(row: ShowRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.id.into(),
            concert_id: row.concert_id.into(),
            starts_at: row.starts_at,
            date: row.date,
            seat_count: read(row.seat_count, "number of seats")?,
            room_id: row.room_id.map(Into::into),
        })
    }
}

row! {
    seats by (id) changing (
        version, state, reservation_id, held_until, returns_at, let_go_by, let_go_before, let_go_at,
        let_go_to_others
    )
    pub(crate) struct SeatRow {
        id: Uuid,
        show_id: Uuid,
        number: String,
        section: String,
        row: String,
        grade: String,
        price: i64,
        version: i64,
        state: String,
        reservation_id: Option<Uuid>,
        held_until: Option<Timestamp>,
        returns_at: Option<Timestamp>,
        let_go_by: Option<Uuid>,
        let_go_before: Option<Vec<u8>>,
        let_go_at: Option<Timestamp>,
        let_go_to_others: bool,
    }
}

impl From<&Seat> for SeatRow {
    fn from(seat: &Seat) -> Self {
        let columns = SeatColumns::from(seat);
        Self {
            id: seat.id.into(),
            show_id: seat.show_id.into(),
            number: seat.place.number.clone(),
            section: seat.place.section.clone(),
            row: seat.place.row.clone(),
            grade: seat.place.grade.clone(),
            price: seat.place.price.into(),
            version: number(seat.version),
            state: columns.state.to_owned(),
            reservation_id: columns.reservation_id.map(Into::into),
            held_until: columns.held_until,
            returns_at: columns.returns_at,
            let_go_by: columns.let_go_by.map(Into::into),
            let_go_before: columns.let_go_before,
            let_go_at: columns.let_go_at,
            let_go_to_others: columns.let_go_to_others,
        }
    }
}

impl TryFrom<SeatRow> for Seat {
    type Error = Unreadable;

    fn try_from(row: SeatRow) -> Result<Self, Unreadable> {
        let columns = SeatColumns {
            state: &row.state,
            reservation_id: row.reservation_id.map(Into::into),
            held_until: row.held_until,
            returns_at: row.returns_at,
            let_go_by: row.let_go_by.map(Into::into),
            let_go_before: row.let_go_before,
            let_go_at: row.let_go_at,
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
            id: row.id.into(),
            show_id: row.show_id.into(),
            place,
            version: read(row.version, "version")?,
            state,
            unpaid,
        })
    }
}
