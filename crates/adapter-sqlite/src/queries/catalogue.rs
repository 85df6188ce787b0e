use std::collections::HashMap;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::concert::Concert;
use domain::counts::ShowCount;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::page::{Page, PageRequest};
use domain::ports::{Catalogue, ShowSales, Stock, Unavailable};
use domain::seat::Seat;
use domain::show::{Grade, Show};

use super::one_more;
use crate::SqlError;
use crate::columns::{Key, Unreadable, key, micros, read};
use crate::loading::{decode, decode_all};
use crate::rows::{ConcertRow, SeatRow, ShowRow};
use crate::schema::{concerts, seats, shows};
use crate::store::SqliteStore;

/// Joins the kept count of each show `w`, as `kept`, and how many of what it counts as held is over by a
/// time, the parameter, though that is not written down, as `over`. Of those there are few.
macro_rules! join_counts {
    () => {
        " JOIN show_counts AS kept ON kept.show_id = w.id \
         LEFT JOIN (SELECT r.show_id AS show_id, count(*) AS seats FROM reservations AS r \
                 JOIN reservation_seats AS rs ON rs.reservation_id = r.id \
             WHERE r.state = 'held' AND r.held_until <= ? GROUP BY r.show_id) AS over \
             ON over.show_id = w.id"
    };
}

#[async_trait]
impl Catalogue for SqliteStore {
    async fn concerts(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Option<Page<Concert, ConcertId>>, Unavailable> {
        self.read(move |conn| {
            let mut query = concerts::table
                .order((concerts::created_at.desc(), concerts::id.desc()))
                .limit(one_more(page.limit))
                .select(ConcertRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                let at = concerts::table.find(key(after)).select(concerts::created_at);
                let Some(at) = at.first::<i64>(conn).optional()? else { return Ok(None) };
                let older = concerts::created_at.lt(at).or(concerts::id.lt(key(after)));
                query = query.filter(concerts::created_at.le(at)).filter(older);
            }
            let concerts = decode_all(query.load(conn)?)?;
            Ok(Some(Page::from_one_more(concerts, page.limit, |c: &Concert| c.id)))
        })
        .await
    }

    async fn concert(&self, id: ConcertId) -> Result<Option<Concert>, Unavailable> {
        self.read(move |conn| {
            let row = concerts::table.find(key(id)).select(ConcertRow::as_select());
            decode(row.first(conn).optional()?)
        })
        .await
    }

    async fn show(&self, id: ShowId) -> Result<Option<(Show, Concert)>, Unavailable> {
        self.read(move |conn| {
            let row: Option<(ShowRow, ConcertRow)> = shows::table
                .inner_join(concerts::table)
                .filter(shows::id.eq(key(id)))
                .select((ShowRow::as_select(), ConcertRow::as_select()))
                .first(conn)
                .optional()?;
            let found = row.map(|(show, concert)| {
                Ok::<_, SqlError>((Show::try_from(show)?, Concert::try_from(concert)?))
            });
            found.transpose()
        })
        .await
    }

    async fn shows(&self, concert_id: ConcertId) -> Result<Vec<Show>, Unavailable> {
        self.read(move |conn| {
            let query = shows::table
                .filter(shows::concert_id.eq(key(concert_id)))
                .order((shows::starts_at, shows::id));
            decode_all(query.select(ShowRow::as_select()).load(conn)?)
        })
        .await
    }

    async fn available_seat_counts(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<(ShowId, u32)>, Unavailable> {
        self.read(move |conn| {
            let counts = counts_of_concert(conn, concert_id, now)?.into_iter();
            let available = counts.map(|(id, count)| Ok((id, seat_count(count.available)?)));
            available.collect()
        })
        .await
    }

    async fn seats(&self, show_id: ShowId) -> Result<Vec<Seat>, Unavailable> {
        self.read(move |conn| {
            let query = seats::table.filter(seats::show_id.eq(key(show_id))).order(seats::id);
            decode_all(query.select(SeatRow::as_select()).load(conn)?)
        })
        .await
    }

    async fn grades(&self, show_id: ShowId) -> Result<Vec<Grade>, Unavailable> {
        self.read(move |conn| {
            let query = seats::table
                .filter(seats::show_id.eq(key(show_id)))
                .select((seats::grade, seats::price))
                .distinct()
                .order((seats::price.desc(), seats::grade));
            let rows: Vec<(String, i64)> = query.load(conn)?;
            let grades = rows
                .into_iter()
                .map(|(name, price)| Ok(Grade { name, price: read(price, "amount")? }));
            grades.collect()
        })
        .await
    }

    async fn sales(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<ShowSales>, Unavailable> {
        let shows = self.shows(concert_id).await?;
        self.read(move |conn| {
            let counts = counts_of_concert(conn, concert_id, now)?;
            let counts: HashMap<_, _> = counts.into_iter().collect();
            let sales = shows.iter().cloned().map(|show| {
                let count = counts.get(&show.id).copied().unwrap_or_default();
                sales_of(show, count)
            });
            sales.collect()
        })
        .await
    }

    async fn stock(&self, room_id: RoomId, now: Timestamp) -> Result<Stock, Unavailable> {
        self.read_behind(move |conn| {
            let text = concat!(
                "SELECT coalesce(sum(w.seat_count), 0) AS total, \
                     coalesce(sum(kept.available + coalesce(over.seats, 0)) \
                         FILTER (WHERE w.on_offer), 0) AS available, \
                     coalesce(sum(kept.held - coalesce(over.seats, 0)) \
                         FILTER (WHERE w.on_offer), 0) AS held \
                 FROM (SELECT w.id, w.seat_count, w.starts_at > p.moment \
                         AND coalesce(c.sale_closes_at > p.moment, 1) AS on_offer \
                     FROM (SELECT ? AS room_id, ? AS moment) AS p, \
                         shows AS w JOIN concerts AS c ON c.id = w.concert_id \
                     WHERE w.room_id = p.room_id \
                         OR w.room_id IS NULL AND c.room_id = p.room_id) AS w",
                join_counts!(),
            );
            let found: StockRow = diesel::sql_query(text)
                .bind::<Binary, _>(key(room_id))
                .bind::<BigInt, _>(micros(now))
                .bind::<BigInt, _>(micros(now))
                .get_result(conn)?;
            let count = |found| read(found, "number of seats");
            Ok(Stock {
                total: count(found.total)?,
                available: count(found.available)?,
                held: count(found.held)?,
            })
        })
        .await
    }
}

#[derive(QueryableByName)]
struct StockRow {
    #[diesel(sql_type = BigInt)]
    total: i64,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    held: i64,
}

/// The counts of a concert's shows, a hold that is over by `now` not counting as one.
fn counts_of_concert(
    conn: &mut SqliteConnection,
    concert_id: ConcertId,
    now: Timestamp,
) -> Result<Vec<(ShowId, ShowCount)>, SqlError> {
    let text = concat!(
        "SELECT w.id AS show_id, kept.available + coalesce(over.seats, 0) AS available, \
             kept.held - coalesce(over.seats, 0) AS held, kept.sold AS sold, kept.income AS income \
         FROM shows AS w",
        join_counts!(),
        " WHERE w.concert_id = ?"
    );
    let rows: Vec<CountRow> = diesel::sql_query(text)
        .bind::<BigInt, _>(micros(now))
        .bind::<Binary, _>(key(concert_id))
        .load(conn)?;
    let counts = rows.into_iter().map(|row| {
        let CountRow { show_id, available, held, sold, income } = row;
        (show_id.id(), ShowCount { available, held, sold, income })
    });
    Ok(counts.collect())
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Binary)]
    show_id: Key,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    held: i64,
    #[diesel(sql_type = BigInt)]
    sold: i64,
    #[diesel(sql_type = BigInt)]
    income: i64,
}

fn seat_count(found: i64) -> Result<u32, Unreadable> {
    read(found, "number of seats")
}

fn sales_of(show: Show, count: ShowCount) -> Result<ShowSales, SqlError> {
    Ok(ShowSales {
        available: seat_count(count.available)?,
        held: seat_count(count.held)?,
        sold: seat_count(count.sold)?,
        income: read(count.income, "amount")?,
        show,
    })
}
