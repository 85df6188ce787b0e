use async_trait::async_trait;
use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::ids::{PaymentId, ReservationId, UserId};
use domain::page::{Page, PageRequest};
use domain::payment::{Payment, Receipt};
use domain::ports::{Orders, Unavailable};
use domain::reservation::Reservation;
use uuid::Uuid;

use super::one_more;
use crate::SqlError;
use crate::readers::Reader;
use crate::rows::{PaymentRow, ReservationRow, SeatRow, with_their_seats};
use crate::schema::{payments, reservation_seats, reservations, seats};
use crate::store::PostgresStore;

#[async_trait]
impl Orders for PostgresStore {
    async fn reservation(&self, id: ReservationId) -> Result<Option<Reservation>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = reservations::table.find(Uuid::from(id)).select(ReservationRow::as_select());
            let row: Vec<ReservationRow> = row.load(&mut conn).await?;
            Ok(with_seats(&mut conn, row).await?.pop())
        })
        .await
    }

    async fn reservations(
        &self,
        user_id: UserId,
        page: PageRequest<ReservationId>,
    ) -> Result<Option<Page<Reservation, ReservationId>>, Unavailable> {
        self.read(move |mut conn| async move {
            let theirs =
                || reservations::table.filter(reservations::user_id.eq(Uuid::from(user_id)));
            let mut query = theirs()
                .order((reservations::created_at.desc(), reservations::id.desc()))
                .limit(one_more(page.limit))
                .select(ReservationRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                let after = Uuid::from(after);
                let at = theirs().find(after).select(reservations::created_at);
                let at: Option<Timestamp> = at.first(&mut conn).await.optional()?;
                let Some(at) = at else { return Ok(None) };
                let older = reservations::created_at.lt(at).or(reservations::id.lt(after));
                query = query.filter(reservations::created_at.le(at)).filter(older);
            }
            let rows: Vec<ReservationRow> = query.load(&mut conn).await?;
            let Page { items, next } = Page::from_one_more(rows, page.limit, |row| row.id.into());
            Ok(Some(Page { items: with_seats(&mut conn, items).await?, next }))
        })
        .await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = payments::table
                .inner_join(reservations::table)
                .filter(payments::id.eq(Uuid::from(id)))
                .select((PaymentRow::as_select(), ReservationRow::as_select()));
            let row = row.load(&mut conn).await?;
            Ok(receipts(&mut conn, row).await?.pop())
        })
        .await
    }

    async fn payments(
        &self,
        user_id: UserId,
        page: PageRequest<PaymentId>,
    ) -> Result<Option<Page<Receipt, PaymentId>>, Unavailable> {
        self.payments_of(Whose::Users(user_id), page).await
    }

    async fn unsettled_payments(
        &self,
        page: PageRequest<PaymentId>,
    ) -> Result<Option<Page<Receipt, PaymentId>>, Unavailable> {
        self.payments_of(Whose::Unsettled, page).await
    }
}

/// Which payments are listed.
enum Whose {
    Users(UserId),
    Unsettled,
}

impl PostgresStore {
    async fn payments_of(
        &self,
        whose: Whose,
        page: PageRequest<PaymentId>,
    ) -> Result<Option<Page<Receipt, PaymentId>>, Unavailable> {
        self.read(move |mut conn| async move {
            let mut query = payments::table
                .inner_join(reservations::table)
                .order((payments::paid_at.desc(), payments::id.desc()))
                .limit(one_more(page.limit))
                .select((PaymentRow::as_select(), ReservationRow::as_select()))
                .into_boxed();
            let user_id = match whose {
                Whose::Users(user_id) => Some(Uuid::from(user_id)),
                Whose::Unsettled => None,
            };
            query = match user_id {
                Some(user_id) => query.filter(payments::user_id.eq(user_id)),
                None => query.filter(payments::provider_ask_at.is_not_null()),
            };
            if let Some(after) = page.after.map(Uuid::from) {
                // Of all users' payments, one that was settled since will do as well.
                let row = payments::table.find(after);
                let row = row.select((payments::paid_at, payments::user_id));
                let row: Option<(Timestamp, Uuid)> = row.first(&mut conn).await.optional()?;
                let is_listed = |whose: &Uuid| user_id.is_none_or(|id| id == *whose);
                let Some((at, _)) = row.filter(|(_, whose)| is_listed(whose)) else {
                    return Ok(None);
                };
                let older = payments::paid_at.lt(at).or(payments::id.lt(after));
                query = query.filter(payments::paid_at.le(at)).filter(older);
            }
            let rows = query.load(&mut conn).await?;
            let found = receipts(&mut conn, rows).await?;
            Ok(Some(Page::from_one_more(found, page.limit, |receipt| receipt.payment.id)))
        })
        .await
    }
}

/// Which seats a reservation has never changes, so they may be read after it. One that is forgotten
/// meanwhile is left out.
async fn with_seats(
    conn: &mut Reader,
    rows: Vec<ReservationRow>,
) -> Result<Vec<Reservation>, SqlError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let seats = reservation_seats::table
        .inner_join(seats::table)
        .filter(reservation_seats::reservation_id.eq_any(ids))
        .order((reservation_seats::reservation_id, reservation_seats::position))
        .select((
            reservation_seats::reservation_id,
            SeatRow::as_select(),
            reservation_seats::price,
        ));
    Ok(with_their_seats(rows, seats.load(conn).await?)?)
}

async fn receipts(
    conn: &mut Reader,
    rows: Vec<(PaymentRow, ReservationRow)>,
) -> Result<Vec<Receipt>, SqlError> {
    let (payments, reservations): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let reservations = with_seats(conn, reservations).await?;
    let receipts = payments.into_iter().zip(reservations).map(|(payment, reservation)| {
        let payment = Payment::try_from(payment)?;
        Ok::<_, SqlError>(Receipt { payment, reservation })
    });
    receipts.collect()
}
