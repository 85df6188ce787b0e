use std::collections::HashMap;

use async_trait::async_trait;
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use domain::Timestamp;
use domain::concert::Concert;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::page::{Page, PageRequest};
use domain::ports::{Catalogue, ShowSales, Stock, Unavailable};
use domain::seat::Seat;
use domain::show::Show;

use super::one_more;
use crate::columns::{Key, key, micros, read};
use crate::loading::{decode, decode_all};
use crate::rows::{ConcertRow, SeatRow, ShowRow};
use crate::schema::{concerts, seats, shows};
use crate::store::SqliteStore;

/// Seats that can be held at a time: nobody's, or held by a hold that is over.
macro_rules! available_at {
    ($now:expr) => {
        seats::state
            .eq("available")
            .or(seats::state.eq("held").and(seats::held_until.le(micros($now)).assume_not_null()))
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
                Ok::<_, crate::SqlError>((Show::try_from(show)?, Concert::try_from(concert)?))
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
            let counts: Vec<(Key, i64)> = seats::table
                .inner_join(shows::table)
                .filter(shows::concert_id.eq(key(concert_id)))
                .filter(available_at!(now))
                .group_by(seats::show_id)
                .select((seats::show_id, count_star()))
                .load(conn)?;
            let counts = counts.into_iter().map(|(show, count)| {
                Ok::<_, crate::SqlError>((show.id(), read(count, "number of seats")?))
            });
            counts.collect()
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

    async fn sales(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<ShowSales>, Unavailable> {
        let shows = self.shows(concert_id).await?;
        self.read(move |conn| {
            let text = "SELECT s.show_id AS show_id, \
                     count(*) FILTER (WHERE s.state = 'available' \
                         OR s.state = 'held' AND s.held_until <= p.moment) AS available, \
                     count(*) FILTER (WHERE s.state = 'sold') AS sold, \
                     coalesce(sum(s.price) FILTER (WHERE s.state = 'sold'), 0) AS income \
                 FROM (SELECT ? AS concert_id, ? AS moment) AS p \
                     JOIN shows AS w ON w.concert_id = p.concert_id \
                     JOIN seats AS s ON s.show_id = w.id \
                 GROUP BY s.show_id";
            let counts: Vec<SalesRow> = diesel::sql_query(text)
                .bind::<Binary, _>(key(concert_id))
                .bind::<BigInt, _>(micros(now))
                .load(conn)?;
            let counts: HashMap<ShowId, _> = counts
                .into_iter()
                .map(|row| (row.show_id.id(), (row.available, row.sold, row.income)))
                .collect();
            let sales = shows.iter().cloned().map(|show| {
                let (free, sold, income) = counts.get(&show.id).copied().unwrap_or_default();
                sales_of(show, free, sold, income)
            });
            sales.collect()
        })
        .await
    }

    async fn stock(&self, room_id: RoomId, now: Timestamp) -> Result<Stock, Unavailable> {
        self.read_behind(move |conn| {
            let text = "SELECT count(*) AS total, \
                     count(*) FILTER (WHERE behind.on_offer AND (s.state = 'available' \
                         OR s.state = 'held' AND s.held_until <= behind.moment)) AS available, \
                     count(*) FILTER (WHERE behind.on_offer AND (s.state = 'pinned' \
                         OR s.state = 'held' AND s.held_until > behind.moment)) AS held \
                 FROM (SELECT w.id, p.moment, w.starts_at > p.moment \
                         AND coalesce(c.sale_closes_at > p.moment, 1) AS on_offer \
                     FROM (SELECT ? AS room_id, ? AS moment) AS p, \
                         shows AS w JOIN concerts AS c ON c.id = w.concert_id \
                     WHERE w.room_id = p.room_id \
                         OR w.room_id IS NULL AND c.room_id = p.room_id) AS behind \
                     JOIN seats AS s ON s.show_id = behind.id";
            let found: StockRow = diesel::sql_query(text)
                .bind::<Binary, _>(key(room_id))
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

/// What is neither free nor sold is held.
fn sales_of(show: Show, free: i64, sold: i64, income: i64) -> Result<ShowSales, crate::SqlError> {
    let count = |found| read(found, "number of seats");
    Ok(ShowSales {
        available: count(free)?,
        sold: count(sold)?,
        held: count(i64::from(show.seat_count) - free - sold)?,
        income: read(income, "amount")?,
        show,
    })
}

#[derive(QueryableByName)]
struct SalesRow {
    #[diesel(sql_type = Binary)]
    show_id: Key,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    sold: i64,
    #[diesel(sql_type = BigInt)]
    income: i64,
}
