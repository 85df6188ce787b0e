use async_trait::async_trait;
use diesel::prelude::{
    BoolExpressionMethods, ExpressionMethods, NullableExpressionMethods, OptionalExtension,
    QueryDsl, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::audit_log::{AuditEntry, AuditFilter, AuditKind};
use domain::ids::AuditEntryId;
use domain::page::{Page, PageRequest};
use domain::ports::{AuditLog, Unavailable};
use uuid::Uuid;

use super::{decode_all, one_more};
use crate::rows::AuditEntryRow;
use crate::schema::audit_log;
use crate::store::PostgresStore;

#[async_trait]
impl AuditLog for PostgresStore {
    async fn audit_entries(
        &self,
        filter: AuditFilter,
        page: PageRequest<AuditEntryId>,
    ) -> Result<Option<Page<AuditEntry, AuditEntryId>>, Unavailable> {
        self.read(move |mut conn| async move {
            let mut query = audit_log::table
                .order((audit_log::at.desc(), audit_log::id.desc()))
                .limit(one_more(page.limit))
                .select(AuditEntryRow::as_select())
                .into_boxed();
            if let Some(id) = filter.user_id.map(Uuid::from) {
                let by = audit_log::actor_id.eq(id).or(audit_log::user_id.eq(id));
                query = query.filter(by.assume_not_null());
            }
            if let Some(kind) = filter.kind {
                query = query.filter(audit_log::kind.eq(kind.name()));
            }
            if let Some(after) = page.after.map(Uuid::from) {
                let at = audit_log::table.find(after).select(audit_log::at);
                let at: Option<Timestamp> = at.first(&mut conn).await.optional()?;
                let Some(at) = at else { return Ok(None) };
                let older = audit_log::at.lt(at).or(audit_log::id.lt(after));
                query = query.filter(audit_log::at.le(at)).filter(older);
            }
            let rows: Vec<AuditEntryRow> = query.load(&mut conn).await?;
            let entries = decode_all(rows)?;
            Ok(Some(Page::from_one_more(entries, page.limit, |entry: &AuditEntry| entry.id)))
        })
        .await
    }

    async fn refused_sign_ins(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let rows: Vec<AuditEntryRow> = audit_log::table
                .filter(audit_log::kind.eq(AuditKind::SignInRefused.name()))
                .filter(audit_log::at.ge(since))
                .order((audit_log::at.desc(), audit_log::id.desc()))
                .limit(i64::from(limit))
                .select(AuditEntryRow::as_select())
                .load(&mut conn)
                .await?;
            decode_all(rows)
        })
        .await
    }
}
