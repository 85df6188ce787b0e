use async_trait::async_trait;
use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::cash::{CashAccount, CashEntry};
use domain::ids::{EntryId, TopUpId, UserId};
use domain::page::{Page, PageRequest};
use domain::ports::{CashBook, Unavailable};
use domain::top_up::TopUp;
use uuid::Uuid;

use super::{decode, decode_all, one_more};
use crate::rows::{AccountRow, EntryRow, TopUpRow};
use crate::schema::{cash_accounts, cash_entries, top_ups};
use crate::store::PostgresStore;

#[async_trait]
impl CashBook for PostgresStore {
    async fn account(&self, user_id: UserId) -> Result<Option<CashAccount>, Unavailable> {
        self.read(move |mut conn| async move {
            let row =
                cash_accounts::table.find(Uuid::from(user_id)).select(AccountRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn entries(
        &self,
        user_id: UserId,
        page: PageRequest<EntryId>,
    ) -> Result<Option<Page<CashEntry, EntryId>>, Unavailable> {
        self.read(move |mut conn| async move {
            let theirs =
                || cash_entries::table.filter(cash_entries::user_id.eq(Uuid::from(user_id)));
            let mut query = theirs()
                .order(cash_entries::number.desc())
                .limit(one_more(page.limit))
                .select(EntryRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                let number = theirs().filter(cash_entries::id.eq(Uuid::from(after)));
                let number = number.select(cash_entries::number).first(&mut conn).await;
                let number: Option<i64> = number.optional()?;
                let Some(number) = number else { return Ok(None) };
                query = query.filter(cash_entries::number.lt(number));
            }
            let entries = decode_all(query.load(&mut conn).await?)?;
            Ok(Some(Page::from_one_more(entries, page.limit, |e: &CashEntry| e.id)))
        })
        .await
    }

    async fn top_up(&self, id: TopUpId) -> Result<Option<TopUp>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = top_ups::table.find(Uuid::from(id)).select(TopUpRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn top_ups(
        &self,
        user_id: UserId,
        page: PageRequest<TopUpId>,
    ) -> Result<Option<Page<TopUp, TopUpId>>, Unavailable> {
        self.top_ups_of(Some(user_id), page).await
    }

    async fn unsettled_top_ups(
        &self,
        page: PageRequest<TopUpId>,
    ) -> Result<Option<Page<TopUp, TopUpId>>, Unavailable> {
        self.top_ups_of(None, page).await
    }
}

impl PostgresStore {
    /// A user's top-ups; or those of all users about which the provider owes an answer.
    async fn top_ups_of(
        &self,
        user_id: Option<UserId>,
        page: PageRequest<TopUpId>,
    ) -> Result<Option<Page<TopUp, TopUpId>>, Unavailable> {
        self.read(move |mut conn| async move {
            let mut query = top_ups::table
                .order((top_ups::created_at.desc(), top_ups::id.desc()))
                .limit(one_more(page.limit))
                .select(TopUpRow::as_select())
                .into_boxed();
            let user_id = user_id.map(Uuid::from);
            query = match user_id {
                Some(user_id) => query.filter(top_ups::user_id.eq(user_id)),
                None => query.filter(top_ups::provider_ask_at.is_not_null()),
            };
            if let Some(after) = page.after.map(Uuid::from) {
                // Of all users' top-ups, one that was settled since will do as well.
                let row =
                    top_ups::table.find(after).select((top_ups::created_at, top_ups::user_id));
                let row: Option<(Timestamp, Uuid)> = row.first(&mut conn).await.optional()?;
                let is_listed = |whose: &Uuid| user_id.is_none_or(|id| id == *whose);
                let Some((at, _)) = row.filter(|(_, whose)| is_listed(whose)) else {
                    return Ok(None);
                };
                let older = top_ups::created_at.lt(at).or(top_ups::id.lt(after));
                query = query.filter(top_ups::created_at.le(at)).filter(older);
            }
            let found = decode_all(query.load(&mut conn).await?)?;
            Ok(Some(Page::from_one_more(found, page.limit, |top_up: &TopUp| top_up.id)))
        })
        .await
    }
}
