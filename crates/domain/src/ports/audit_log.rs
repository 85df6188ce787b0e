use async_trait::async_trait;

use super::Unavailable;
use crate::Timestamp;
use crate::audit_log::{AuditEntry, AuditFilter};
use crate::ids::AuditEntryId;
use crate::page::{Page, PageRequest};

/// Looks up what the audit log says. Every method fails with [`Unavailable`] when the store does not
/// answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Entries, newest first; a page is none where what it should come after is no entry.
    async fn audit_entries(
        &self,
        filter: AuditFilter,
        page: PageRequest<AuditEntryId>,
    ) -> Result<Option<Page<AuditEntry, AuditEntryId>>, Unavailable>;

    /// The refused sign-ins since then, `limit` at the most, newest first.
    async fn refused_sign_ins(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, Unavailable>;
}
