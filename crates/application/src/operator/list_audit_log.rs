use std::sync::Arc;

use domain::audit_log::{AuditEntry, AuditFilter};
use domain::ids::{AuditEntryId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::ports::{AuditLog, UpdateError, Users};

use super::ensure_operator;

/// An operator looks at who did what.
pub struct ListAuditLog {
    audit_log: Arc<dyn AuditLog>,
    users: Arc<dyn Users>,
}

impl ListAuditLog {
    /// Over these ports.
    #[must_use]
    pub fn new(audit_log: Arc<dyn AuditLog>, users: Arc<dyn Users>) -> Self {
        Self { audit_log, users }
    }

    /// # Errors
    /// [`Forbidden`](domain::refusal::Refusal::Forbidden) for who is no operator;
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after no entry.
    pub async fn execute(
        &self,
        operator: UserId,
        filter: AuditFilter,
        page: PageRequest<AuditEntryId>,
    ) -> Result<Page<AuditEntry, AuditEntryId>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        Ok(found(self.audit_log.audit_entries(filter, page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockAuditLog;
    use domain::refusal::Refusal;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_an_operator_sees_who_did_what() {
        let mut audit_log = MockAuditLog::new();
        let none = || Page { items: Vec::new(), next: None };
        audit_log.expect_audit_entries().returning(move |_, _| Ok(Some(none())));
        let list = ListAuditLog::new(Arc::new(audit_log), users(vec![buyer(), operator()]));
        let page = || PageRequest { limit: 20, after: None };
        let filter = AuditFilter::default();
        assert_eq!(list.execute(operator_id(), filter, page()).await.unwrap(), none());
        let refused = list.execute(buyer_id(), filter, page()).await;
        assert_refused(refused, &Refusal::Forbidden);
    }
}
