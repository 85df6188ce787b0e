use std::collections::HashMap;

use async_trait::async_trait;
use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::concert::Concert;
use domain::counts::ShowCount;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::page::{Page, PageRequest};
use domain::ports::{Catalogue, ShowSales, Stock, Unavailable};
use domain::seat::Seat;
use domain::show::{Grade, Show};
use uuid::Uuid;

use super::{decode, decode_all, one_more};
use crate::SqlError;
use crate::columns::{Unreadable, read};
use crate::rows::{ConcertRow, SeatRow, ShowRow};
use crate::schema::{concerts, seats, shows};
use crate::statement::{Statement, one};
use crate::store::PostgresStore;

/// Joins the kept count of each show `w`, as `kept`, and how many of what it counts as held is over by a
/// time, the parameter, though that is not written down, as `over`. Of those there are few.
macro_rules! join_counts {
    () => {
        " CROSS JOIN LATERAL (SELECT coalesce(sum(k.available), 0)::bigint AS available, \
                 coalesce(sum(k.held), 0)::bigint AS held, coalesce(sum(k.sold), 0)::bigint AS sold, \
                 coalesce(sum(k.income), 0)::bigint AS income \
             FROM show_counts AS k WHERE k.show_id = w.id) AS kept \
         LEFT JOIN (SELECT r.show_id, count(*) AS seats FROM reservations AS r \
                 JOIN reservation_seats AS rs ON rs.reservation_id = r.id \
             WHERE r.state = 'held' AND r.held_until <= ? GROUP BY r.show_id) AS over \
             ON over.show_id = w.id"
    };
}

#[async_trait]
impl Catalogue for PostgresStore {
    async fn concerts(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Option<Page<Concert, ConcertId>>, Unavailable> {
        self.read(move |mut conn| async move {
            let mut query = concerts::table
                .order((concerts::created_at.desc(), concerts::id.desc()))
                .limit(one_more(page.limit))
                .select(ConcertRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                let after = Uuid::from(after);
                let at = concerts::table.find(after).select(concerts::created_at);
                let at: Option<Timestamp> = at.first(&mut conn).await.optional()?;
                let Some(at) = at else { return Ok(None) };
                let older = concerts::created_at.lt(at).or(concerts::id.lt(after));
                query = query.filter(concerts::created_at.le(at)).filter(older);
            }
            let concerts = decode_all(query.load(&mut conn).await?)?;
            Ok(Some(Page::from_one_more(concerts, page.limit, |c: &Concert| c.id)))
        })
        .await
    }

    async fn concert(&self, id: ConcertId) -> Result<Option<Concert>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = concerts::table.find(Uuid::from(id)).select(ConcertRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn show(&self, id: ShowId) -> Result<Option<(Show, Concert)>, Unavailable> {
        self.read(move |mut conn| async move {
            let row: Option<(ShowRow, ConcertRow)> = shows::table
                .inner_join(concerts::table)
                .filter(shows::id.eq(Uuid::from(id)))
                .select((ShowRow::as_select(), ConcertRow::as_select()))
                .first(&mut conn)
                .await
                .optional()?;
            let found = row.map(|(show, concert)| {
                Ok::<_, SqlError>((Show::try_from(show)?, Concert::try_from(concert)?))
            });
            found.transpose()
        })
        .await
    }

    async fn shows(&self, concert_id: ConcertId) -> Result<Vec<Show>, Unavailable> {
        self.read(move |mut conn| async move {
            let query = shows::table
                .filter(shows::concert_id.eq(Uuid::from(concert_id)))
                .order((shows::starts_at, shows::id));
            decode_all(query.select(ShowRow::as_select()).load(&mut conn).await?)
        })
        .await
    }

    async fn available_seat_counts(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<(ShowId, u32)>, Unavailable> {
        self.read(move |conn| async move {
            let counts = counts_of_concert(&conn, concert_id, now).await?.into_iter();
            let available = counts.map(|(id, count)| Ok((id, seat_count(count.available)?)));
            available.collect()
        })
        .await
    }

    async fn seats(&self, show_id: ShowId) -> Result<Vec<Seat>, Unavailable> {
        self.read_much(move |mut conn| async move {
            let query =
                seats::table.filter(seats::show_id.eq(Uuid::from(show_id))).order(seats::id);
            decode_all(query.select(SeatRow::as_select()).load(&mut conn).await?)
        })
        .await
    }

    async fn grades(&self, show_id: ShowId) -> Result<Vec<Grade>, Unavailable> {
        self.read_much(move |mut conn| async move {
            let query = seats::table
                .filter(seats::show_id.eq(Uuid::from(show_id)))
                .select((seats::grade, seats::price))
                .distinct()
                .order((seats::price.desc(), seats::grade));
            let rows: Vec<(String, i64)> = query.load(&mut conn).await?;
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
        self.read(move |conn| async move {
            let counts = counts_of_concert(&conn, concert_id, now).await?;
            let counts: HashMap<_, _> = counts.into_iter().collect();
            let sales = shows.into_iter().map(|show| {
                let count = counts.get(&show.id).copied().unwrap_or_default();
                sales_of(show, count)
            });
            sales.collect()
        })
        .await
    }

    async fn stock(&self, room_id: RoomId, now: Timestamp) -> Result<Stock, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let text = concat!(
                "SELECT coalesce(sum(w.seat_count), 0)::bigint, \
                     coalesce(sum(kept.available + coalesce(over.seats, 0)) \
                         FILTER (WHERE w.on_offer), 0)::bigint, \
                     coalesce(sum(kept.held - coalesce(over.seats, 0)) \
                         FILTER (WHERE w.on_offer), 0)::bigint \
                 FROM (SELECT w.id, w.seat_count, w.starts_at > p.moment \
                         AND coalesce(c.sale_closes_at > p.moment, true) AS on_offer \
                     FROM (SELECT ?::uuid AS room_id, ?::timestamptz AS moment) AS p, \
                         shows AS w JOIN concerts AS c ON c.id = w.concert_id \
                     WHERE w.room_id = p.room_id \
                         OR w.room_id IS NULL AND c.room_id = p.room_id) AS w",
                join_counts!(),
            );
            let parameters = vec![one(Uuid::from(room_id)), one(now), one(now)];
            let (total, available, held): (i64, i64, i64) =
                Statement::<(BigInt, BigInt, BigInt)>::new(text, parameters)
                    .get_result(&mut *conn)
                    .await?;
            let count = |found| read(found, "number of seats");
            Ok(Stock { total: count(total)?, available: count(available)?, held: count(held)? })
        })
        .await
    }
}

/// The counts of a concert's shows, a hold that is over by `now` not counting as one.
async fn counts_of_concert(
    mut conn: &AsyncPgConnection,
    concert_id: ConcertId,
    now: Timestamp,
) -> Result<Vec<(ShowId, ShowCount)>, SqlError> {
    let text = concat!(
        "SELECT w.id, kept.available + coalesce(over.seats, 0), kept.held - coalesce(over.seats, 0), \
             kept.sold, kept.income FROM shows AS w",
        join_counts!(),
        " WHERE w.concert_id = ?"
    );
    type Sql = (SqlUuid, BigInt, BigInt, BigInt, BigInt);
    let statement = Statement::<Sql>::new(text, vec![one(now), one(Uuid::from(concert_id))]);
    let rows: Vec<(Uuid, i64, i64, i64, i64)> = statement.load(&mut conn).await?;
    let counts = rows.into_iter().map(|(id, available, held, sold, income)| {
        (id.into(), ShowCount { available, held, sold, income })
    });
    Ok(counts.collect())
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
