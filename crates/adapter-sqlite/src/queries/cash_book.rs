use async_trait::async_trait;
use diesel::prelude::*;
use domain::cash::{CashAccount, CashEntry};
use domain::ids::{EntryId, UserId};
use domain::page::{Page, PageRequest};
use domain::ports::{CashBook, Unavailable};

use super::one_more;
use crate::columns::key;
use crate::loading::{decode, decode_all};
use crate::rows::{AccountRow, EntryRow};
use crate::schema::{cash_accounts, cash_entries};
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
}
