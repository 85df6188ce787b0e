//! A line in the log for each entry of the audit log.

use std::sync::Arc;

use domain::audit_log::AuditEntry;
use domain::ports::CommitObserver;
use domain::records::Records;

/// Hears of commits before the next observer, and tells the log of what they put into the audit log.
pub(crate) struct AuditLines(pub(crate) Arc<dyn CommitObserver>);

impl CommitObserver for AuditLines {
    fn committed(&self, changes: &Records) {
        changes.audit_entries.changes().for_each(|(entry, _)| tell(entry));
        self.0.committed(changes);
    }

    fn began_anew(&self, history: u64) {
        self.0.began_anew(history);
    }
}

fn tell(entry: &AuditEntry) {
    let AuditEntry { id, actor_id, deed, origin, .. } = entry;
    tracing::info!(
        entry_id = %id,
        kind = deed.kind.name(),
        actor_id = actor_id.map(tracing::field::display),
        subject_id = deed.subject_id.map(tracing::field::display),
        user_id = deed.user_id.map(tracing::field::display),
        address = origin.address,
        request_id = origin.request_id,
        client_request_id = origin.client_request_id,
        "audit log"
    );
}
