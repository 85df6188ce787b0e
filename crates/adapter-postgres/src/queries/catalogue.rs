use async_trait::async_trait;
use chrono::{Datelike, NaiveDate};
use diesel::dsl::count_star;
use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, NullableExpressionMethods, OptionalExtension,
    QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::concert::Concert;
use domain::ids::{ConcertId, RoomId, ShowId};
use domain::page::{Page, PageRequest};
use domain::ports::{Catalogue, Unavailable};
use domain::seat::Seat;
use domain::show::Show;
use uuid::Uuid;

use super::{decode, decode_all, one_more};
use crate::columns::read;
use crate::rows::{ConcertRow, SeatRow, ShowRow};
use crate::schema::{concerts, seats, shows};
use crate::store::PostgresStore;

/// Seats that can be held at a time: nobody's, or held by a hold that is over.
macro_rules! available_at {
    ($now:expr) => {
        seats::state
            .eq("available")
            .or(seats::state.eq("held").and(seats::held_until.le($now).assume_not_null()))
    };
}

/// Whether a show can be on that day: in a year of four digits, as times are given (RFC 3339).
/// PostgreSQL's calendar goes no further than some millennia back, ours does.
fn is_kept(date: NaiveDate) -> bool {
    (0..=9_999).contains(&date.year())
}

#[async_trait]
impl Catalogue for PostgresStore {
    async fn concerts(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Page<Concert, ConcertId>, Unavailable> {
        self.read(|mut conn| async move {
            let mut query = concerts::table
                .order(concerts::id.desc())
                .limit(one_more(page.limit))
                .select(ConcertRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                query = query.filter(concerts::id.lt(Uuid::from(after)));
            }
            Ok(Page::from_one_more(
                decode_all(query.load(&mut conn).await?)?,
                page.limit,
                |c: &Concert| c.id,
            ))
        })
        .await
    }

    async fn concert(&self, id: ConcertId) -> Result<Option<Concert>, Unavailable> {
        self.read(|mut conn| async move {
            let row = concerts::table.find(Uuid::from(id)).select(ConcertRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn show(&self, id: ShowId) -> Result<Option<(Show, Concert)>, Unavailable> {
        self.read(|mut conn| async move {
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

    async fn shows(
        &self,
        concert_id: ConcertId,
        date: Option<NaiveDate>,
    ) -> Result<Vec<Show>, Unavailable> {
        if date.is_some_and(|date| !is_kept(date)) {
            return Ok(Vec::new());
        }
        self.read(|mut conn| async move {
            let mut query = shows::table
                .filter(shows::concert_id.eq(Uuid::from(concert_id)))
                .order((shows::starts_at, shows::id))
                .select(ShowRow::as_select())
                .into_boxed();
            if let Some(date) = date {
                query = query.filter(shows::date.eq(date));
            }
            decode_all(query.load(&mut conn).await?)
        })
        .await
    }

    async fn available_seat_counts(
        &self,
        concert_id: ConcertId,
        now: Timestamp,
    ) -> Result<Vec<(ShowId, u32)>, Unavailable> {
        self.read(|mut conn| async move {
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
        self.read(|mut conn| async move {
            let query =
                seats::table.filter(seats::show_id.eq(Uuid::from(show_id))).order(seats::id);
            decode_all(query.select(SeatRow::as_select()).load(&mut conn).await?)
        })
        .await
    }

    async fn seats_left(&self, room_id: RoomId, now: Timestamp) -> Result<u64, Unavailable> {
        self.read(|mut conn| async move {
            let behind_the_concert =
                shows::room_id.is_null().and(concerts::room_id.eq(Uuid::from(room_id)));
            let count: i64 = seats::table
                .inner_join(shows::table.inner_join(concerts::table))
                .filter(
                    shows::room_id.eq(Uuid::from(room_id)).or(behind_the_concert).assume_not_null(),
                )
                .filter(available_at!(now))
                .select(count_star())
                .first(&mut conn)
                .await?;
            Ok(read(count, "number of seats")?)
        })
        .await
    }
}
