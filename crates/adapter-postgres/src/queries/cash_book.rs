use async_trait::async_trait;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use domain::cash::{CashAccount, CashEntry};
use domain::ids::{EntryId, UserId};
use domain::page::{Page, PageRequest};
use domain::ports::{CashBook, Unavailable};
use uuid::Uuid;

use super::{decode, decode_all, one_more};
use crate::rows::{AccountRow, EntryRow};
use crate::schema::{cash_accounts, cash_entries};
use crate::store::PostgresStore;

#[async_trait]
impl CashBook for PostgresStore {
    async fn account(&self, user_id: UserId) -> Result<Option<CashAccount>, Unavailable> {
        self.read(|mut conn| async move {
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
    ) -> Result<Page<CashEntry, EntryId>, Unavailable> {
        self.read(|mut conn| async move {
            let mut query = cash_entries::table
                .filter(cash_entries::user_id.eq(Uuid::from(user_id)))
                .order(cash_entries::id.desc())
                .limit(one_more(page.limit))
                .select(EntryRow::as_select())
                .into_boxed();
            if let Some(after) = page.after {
                query = query.filter(cash_entries::id.lt(Uuid::from(after)));
            }
            Ok(Page::from_one_more(
                decode_all(query.load(&mut conn).await?)?,
                page.limit,
                |e: &CashEntry| e.id,
            ))
        })
        .await
    }
}
