use async_trait::async_trait;
use diesel::prelude::*;
use domain::ids::{PaymentId, ReservationId, UserId};
use domain::page::{Page, PageRequest};
use domain::payment::Receipt;
use domain::ports::{Orders, Unavailable};
use domain::reservation::Reservation;

use super::one_more;
use crate::columns::key;
use crate::loading::{self, receipt, with_seats};
use crate::rows::{PaymentRow, ReservationRow};
use crate::schema::{payments, reservations};
use crate::store::SqliteStore;

#[async_trait]
impl Orders for SqliteStore {
    async fn reservation(&self, id: ReservationId) -> Result<Option<Reservation>, Unavailable> {
        self.read(move |conn| loading::reservation(conn, key(id))).await
    }

    async fn reservations(
        &self,
        user_id: UserId,
        page: PageRequest<ReservationId>,
    ) -> Result<Page<Reservation, ReservationId>, Unavailable> {
        self.read(move |conn| {
            let mut query = reservations::table
                .filter(reservations::user_id.eq(key(user_id)))
                .order(reservations::id.desc())
                .limit(one_more(page.limit))
                .select(ReservationRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                query = query.filter(reservations::id.lt(key(after)));
            }
            let rows = query.load(conn)?;
            let found: Result<Vec<_>, _> =
                rows.into_iter().map(|row| with_seats(conn, row)).collect();
            Ok(Page::from_one_more(found?, page.limit, |reservation| reservation.id))
        })
        .await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, Unavailable> {
        self.read(move |conn| {
            let row = payments::table.find(key(id)).select(PaymentRow::as_select()).first(conn);
            row.optional()?.map(|row| receipt(conn, row)).transpose()
        })
        .await
    }

    async fn payments(
        &self,
        user_id: UserId,
        page: PageRequest<PaymentId>,
    ) -> Result<Page<Receipt, PaymentId>, Unavailable> {
        self.payments_of(Whose::Users(user_id), page).await
    }

    async fn unsettled_payments(
        &self,
        page: PageRequest<PaymentId>,
    ) -> Result<Page<Receipt, PaymentId>, Unavailable> {
        self.payments_of(Whose::Unsettled, page).await
    }
}

/// Which payments are listed.
enum Whose {
    Users(UserId),
    Unsettled,
}

impl SqliteStore {
    async fn payments_of(
        &self,
        whose: Whose,
        page: PageRequest<PaymentId>,
    ) -> Result<Page<Receipt, PaymentId>, Unavailable> {
        self.read(move |conn| {
            let mut query = payments::table
                .order(payments::id.desc())
                .limit(one_more(page.limit))
                .select(PaymentRow::as_select())
                .into_boxed();
            query = match whose {
                Whose::Users(user_id) => query.filter(payments::user_id.eq(key(user_id))),
                Whose::Unsettled => query.filter(payments::provider_ask_at.is_not_null()),
            };
            if let Some(after) = page.after {
                query = query.filter(payments::id.lt(key(after)));
            }
            let rows = query.load(conn)?;
            let found: Result<Vec<_>, _> = rows.into_iter().map(|row| receipt(conn, row)).collect();
            Ok(Page::from_one_more(found?, page.limit, |receipt| receipt.payment.id))
        })
        .await
    }
}
