use async_trait::async_trait;
use diesel::prelude::*;
use domain::ids::{PaymentId, ReservationId, UserId};
use domain::page::{Page, PageRequest};
use domain::payment::Receipt;
use domain::ports::{Orders, Unavailable};
use domain::reservation::Reservation;

use super::one_more;
use crate::columns::{Key, key};
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
    ) -> Result<Option<Page<Reservation, ReservationId>>, Unavailable> {
        self.read(move |conn| {
            let theirs = || reservations::table.filter(reservations::user_id.eq(key(user_id)));
            let mut query = theirs()
                .order((reservations::created_at.desc(), reservations::id.desc()))
                .limit(one_more(page.limit))
                .select(ReservationRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                let at = theirs().find(key(after)).select(reservations::created_at);
                let Some(at) = at.first::<i64>(conn).optional()? else { return Ok(None) };
                let older = reservations::created_at.lt(at).or(reservations::id.lt(key(after)));
                query = query.filter(reservations::created_at.le(at)).filter(older);
            }
            let rows = query.load(conn)?;
            let found: Result<Vec<_>, _> =
                rows.into_iter().map(|row| with_seats(conn, row)).collect();
            Ok(Some(Page::from_one_more(found?, page.limit, |reservation| reservation.id)))
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

impl SqliteStore {
    async fn payments_of(
        &self,
        whose: Whose,
        page: PageRequest<PaymentId>,
    ) -> Result<Option<Page<Receipt, PaymentId>>, Unavailable> {
        self.read(move |conn| {
            let mut query = payments::table
                .order((payments::paid_at.desc(), payments::id.desc()))
                .limit(one_more(page.limit))
                .select(PaymentRow::as_select())
                .into_boxed();
            let user_id = match whose {
                Whose::Users(user_id) => Some(user_id),
                Whose::Unsettled => None,
            };
            query = match user_id {
                Some(user_id) => query.filter(payments::user_id.eq(key(user_id))),
                None => query.filter(payments::provider_ask_at.is_not_null()),
            };
            if let Some(after) = page.after {
                // Of all users' payments, one that was settled since will do as well.
                let row = payments::table.find(key(after));
                let row = row.select((payments::paid_at, payments::user_id));
                let row: Option<(i64, Key)> = row.first(conn).optional()?;
                let is_listed = |whose: &Key| user_id.is_none_or(|id| key(id) == *whose);
                let Some((at, _)) = row.filter(|(_, whose)| is_listed(whose)) else {
                    return Ok(None);
                };
                let older = payments::paid_at.lt(at).or(payments::id.lt(key(after)));
                query = query.filter(payments::paid_at.le(at)).filter(older);
            }
            let rows = query.load(conn)?;
            let found: Result<Vec<_>, _> = rows.into_iter().map(|row| receipt(conn, row)).collect();
            Ok(Some(Page::from_one_more(found?, page.limit, |receipt| receipt.payment.id)))
        })
        .await
    }
}
