use std::collections::HashMap;

use async_trait::async_trait;
use diesel::dsl::count_star;
use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, NullableExpressionMethods, OptionalExtension,
    QueryDsl, SelectableHelper,
};
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::concert::Concert;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::page::{Page, PageRequest};
use domain::ports::{Catalogue, ShowSales, Stock, Unavailable};
use domain::seat::Seat;
use domain::show::Show;
use uuid::Uuid;

use super::{decode, decode_all, one_more};
use crate::columns::read;
use crate::rows::{ConcertRow, SeatRow, ShowRow};
use crate::schema::{concerts, seats, shows};
use crate::statement::{Statement, one};
use crate::store::PostgresStore;

/// Seats that can be held at a time: nobody's, or held by a hold that is over.
macro_rules! available_at {
    ($now:expr) => {
        seats::state
            .eq("available")
            .or(seats::state.eq("held").and(seats::held_until.le($now).assume_not_null()))
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
                Ok::<_, crate::SqlError>((Show::try_from(show)?, Concert::try_from(concert)?))
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
        self.read(move |mut conn| async move {
            let counts: Vec<(Uuid, i64)> = seats::table
                .inner_join(shows::table)
                .filter(shows::concert_id.eq(Uuid::from(concert_id)))
                .filter(available_at!(now))
                .group_by(seats::show_id)
                .select((seats::show_id, count_star()))
                .load(&mut conn)
                .await?;
            let counts = counts.into_iter().map(|(show, count)| {
                Ok::<_, crate::SqlError>((show.into(), read(count, "number of seats")?))
            });
            counts.collect()
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

    async fn sales(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<ShowSales>, Unavailable> {
        let shows = self.shows(concert_id).await?;
        self.read(move |mut conn| async move {
            let text = "SELECT s.show_id, \
                     count(*) FILTER (WHERE s.state = 'available' \
                         OR s.state = 'held' AND s.held_until <= p.moment), \
                     count(*) FILTER (WHERE s.state = 'sold'), \
                     coalesce(sum(s.price) FILTER (WHERE s.state = 'sold'), 0)::bigint \
                 FROM (SELECT ?::uuid AS concert_id, ?::timestamptz AS moment) AS p \
                     JOIN shows AS w ON w.concert_id = p.concert_id \
                     JOIN seats AS s ON s.show_id = w.id \
                 GROUP BY s.show_id";
            let parameters = vec![one(Uuid::from(concert_id)), one(now)];
            let counts: Vec<(Uuid, i64, i64, i64)> =
                Statement::<(SqlUuid, BigInt, BigInt, BigInt)>::new(text, parameters)
                    .load(&mut *conn)
                    .await?;
            let counts: HashMap<ShowId, _> = counts
                .into_iter()
                .map(|(id, free, sold, paid)| (id.into(), (free, sold, paid)))
                .collect();
            let sales = shows.into_iter().map(|show| {
                let (free, sold, income) = counts.get(&show.id).copied().unwrap_or_default();
                sales_of(show, free, sold, income)
            });
            sales.collect()
        })
        .await
    }

    async fn stock(&self, room_id: RoomId, now: Timestamp) -> Result<Stock, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let text = "SELECT count(*), \
                     count(*) FILTER (WHERE behind.on_offer AND (s.state = 'available' \
                         OR s.state = 'held' AND s.held_until <= behind.moment)), \
                     count(*) FILTER (WHERE behind.on_offer AND (s.state = 'pinned' \
                         OR s.state = 'held' AND s.held_until > behind.moment)) \
                 FROM (SELECT w.id, p.moment, w.starts_at > p.moment \
                         AND coalesce(c.sale_closes_at > p.moment, true) AS on_offer \
                     FROM (SELECT ?::uuid AS room_id, ?::timestamptz AS moment) AS p, \
                         shows AS w JOIN concerts AS c ON c.id = w.concert_id \
                     WHERE w.room_id = p.room_id \
                         OR w.room_id IS NULL AND c.room_id = p.room_id) AS behind \
                     JOIN seats AS s ON s.show_id = behind.id";
            let parameters = vec![one(Uuid::from(room_id)), one(now)];
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
