use async_trait::async_trait;
use diesel::prelude::*;
use domain::Timestamp;
use domain::audit_log::{AuditEntry, AuditFilter, AuditKind};
use domain::ids::AuditEntryId;
use domain::page::{Page, PageRequest};
use domain::ports::{AuditLog, Unavailable};

use super::one_more;
use crate::columns::{key, micros};
use crate::loading::decode_all;
use crate::rows::AuditEntryRow;
use crate::schema::audit_log;
use crate::store::SqliteStore;

#[async_trait]
impl AuditLog for SqliteStore {
    async fn audit_entries(
        &self,
        filter: AuditFilter,
        page: PageRequest<AuditEntryId>,
    ) -> Result<Option<Page<AuditEntry, AuditEntryId>>, Unavailable> {
        self.read(move |conn| {
            let mut query = audit_log::table
                .order((audit_log::at.desc(), audit_log::id.desc()))
                .limit(one_more(page.limit))
                .select(AuditEntryRow::as_select())
                .into_boxed();
            if let Some(id) = filter.user_id.map(key) {
                let by = audit_log::actor_id.eq(id).or(audit_log::user_id.eq(id));
                query = query.filter(by.assume_not_null());
            }
            if let Some(kind) = filter.kind {
                query = query.filter(audit_log::kind.eq(kind.name()));
            }
            if let Some(after) = page.after {
                let at = audit_log::table.find(key(after)).select(audit_log::at);
                let Some(at) = at.first::<i64>(conn).optional()? else { return Ok(None) };
                let older = audit_log::at.lt(at).or(audit_log::id.lt(key(after)));
                query = query.filter(audit_log::at.le(at)).filter(older);
            }
            let entries = decode_all(query.load(conn)?)?;
            Ok(Some(Page::from_one_more(entries, page.limit, |entry: &AuditEntry| entry.id)))
        })
        .await
    }

    async fn refused_sign_ins(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Unavailable> {
        self.read(move |conn| {
            let rows: Vec<AuditEntryRow> = audit_log::table
                .filter(audit_log::kind.eq(AuditKind::SignInRefused.name()))
                .filter(audit_log::at.ge(micros(since)))
                .order((audit_log::at.desc(), audit_log::id.desc()))
                .limit(i64::from(limit))
                .select(AuditEntryRow::as_select())
                .load(conn)?;
            decode_all(rows)
        })
        .await
    }
}
