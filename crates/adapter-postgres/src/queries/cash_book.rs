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
}
