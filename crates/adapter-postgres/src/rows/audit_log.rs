use domain::Timestamp;
use domain::audit_log::{AuditEntry, AuditKind, Deed, Origin};
use serde_json::Value;
use uuid::Uuid;

use super::row;
use crate::columns::Unreadable;
use crate::schema::audit_log;

row! {
    audit_log by (id) changing ()
    pub(crate) struct AuditEntryRow {
        id: Uuid,
        at: Timestamp,
        kind: String,
        actor_id: Option<Uuid>,
        subject_id: Option<Uuid>,
        user_id: Option<Uuid>,
        before: Option<String>,
        after: Option<String>,
        address: Option<String>,
        request_id: Option<String>,
        client_request_id: Option<String>,
    }
}

impl From<&AuditEntry> for AuditEntryRow {
    fn from(entry: &AuditEntry) -> Self {
        let AuditEntry { id, at, actor_id, deed, origin } = entry;
        Self {
            id: (*id).into(),
            at: *at,
            kind: deed.kind.name().to_owned(),
            actor_id: actor_id.map(Into::into),
            subject_id: deed.subject_id,
            user_id: deed.user_id.map(Into::into),
            before: deed.before.as_ref().map(ToString::to_string),
            after: deed.after.as_ref().map(ToString::to_string),
            address: origin.address.clone(),
            request_id: origin.request_id.clone(),
            client_request_id: origin.client_request_id.clone(),
        }
    }
}

impl TryFrom<AuditEntryRow> for AuditEntry {
    type Error = Unreadable;

    fn try_from(row: AuditEntryRow) -> Result<Self, Unreadable> {
        let kind = AuditKind::named(&row.kind).ok_or(Unreadable("kind of an audit entry"))?;
        let deed = Deed {
            kind,
            subject_id: row.subject_id,
            user_id: row.user_id.map(Into::into),
            before: json(row.before)?,
            after: json(row.after)?,
        };
        let origin = Origin {
            address: row.address,
            request_id: row.request_id,
            client_request_id: row.client_request_id,
        };
        let actor_id = row.actor_id.map(Into::into);
        Ok(Self { id: row.id.into(), at: row.at, actor_id, deed, origin })
    }
}

fn json(text: Option<String>) -> Result<Option<Value>, Unreadable> {
    let read = |text: String| serde_json::from_str(&text);
    text.map(read).transpose().map_err(|_| Unreadable("JSON of an audit entry"))
}
