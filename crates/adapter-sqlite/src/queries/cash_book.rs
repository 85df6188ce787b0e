use async_trait::async_trait;
use diesel::prelude::*;
use domain::cash::{CashAccount, CashEntry};
use domain::ids::{EntryId, TopUpId, UserId};
use domain::page::{Page, PageRequest};
use domain::ports::{CashBook, Unavailable};
use domain::top_up::TopUp;

use super::one_more;
use crate::columns::{Key, key};
use crate::loading::{decode, decode_all};
use crate::rows::{AccountRow, EntryRow, TopUpRow};
use crate::schema::{cash_accounts, cash_entries, top_ups};
use crate::store::SqliteStore;

#[async_trait]
impl CashBook for SqliteStore {
    async fn account(&self, user_id: UserId) -> Result<Option<CashAccount>, Unavailable> {
        self.read(move |conn| {
            let row = cash_accounts::table.find(key(user_id)).select(AccountRow::as_select());
            decode(row.first(conn).optional()?)
        })
        .await
    }

    async fn entries(
        &self,
        user_id: UserId,
        page: PageRequest<EntryId>,
    ) -> Result<Option<Page<CashEntry, EntryId>>, Unavailable> {
        self.read(move |conn| {
            let theirs = || cash_entries::table.filter(cash_entries::user_id.eq(key(user_id)));
            let mut query = theirs()
                .order(cash_entries::number.desc())
                .limit(one_more(page.limit))
                .select(EntryRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                let number = theirs().filter(cash_entries::id.eq(key(after)));
                let number: Option<i64> =
                    number.select(cash_entries::number).first(conn).optional()?;
                let Some(number) = number else { return Ok(None) };
                query = query.filter(cash_entries::number.lt(number));
            }
            let entries = decode_all(query.load(conn)?)?;
            Ok(Some(Page::from_one_more(entries, page.limit, |e: &CashEntry| e.id)))
        })
        .await
    }

    async fn top_up(&self, id: TopUpId) -> Result<Option<TopUp>, Unavailable> {
        self.read(move |conn| {
            let row = top_ups::table.find(key(id)).select(TopUpRow::as_select());
            decode(row.first(conn).optional()?)
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

impl SqliteStore {
    /// A user's top-ups; or those of all users about which the provider owes an answer.
    async fn top_ups_of(
        &self,
        user_id: Option<UserId>,
        page: PageRequest<TopUpId>,
    ) -> Result<Option<Page<TopUp, TopUpId>>, Unavailable> {
        self.read(move |conn| {
            let mut query = top_ups::table
                .order((top_ups::created_at.desc(), top_ups::id.desc()))
                .limit(one_more(page.limit))
                .select(TopUpRow::as_select())
                .into_boxed();
            let user_id = user_id.map(key);
            query = match user_id {
                Some(user_id) => query.filter(top_ups::user_id.eq(user_id)),
                None => query.filter(top_ups::provider_ask_at.is_not_null()),
            };
            if let Some(after) = page.after.map(key) {
                // Of all users' top-ups, one that was settled since will do as well.
                let row =
                    top_ups::table.find(after).select((top_ups::created_at, top_ups::user_id));
                let row: Option<(i64, Key)> = row.first(conn).optional()?;
                let is_listed = |whose: &Key| user_id.is_none_or(|id| id == *whose);
                let Some((at, _)) = row.filter(|(_, whose)| is_listed(whose)) else {
                    return Ok(None);
                };
                let older = top_ups::created_at.lt(at).or(top_ups::id.lt(after));
                query = query.filter(top_ups::created_at.le(at)).filter(older);
            }
            let found = decode_all(query.load(conn)?)?;
            Ok(Some(Page::from_one_more(found, page.limit, |top_up: &TopUp| top_up.id)))
        })
        .await
    }
}
