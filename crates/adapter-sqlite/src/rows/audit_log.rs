use diesel::prelude::*;
use domain::audit_log::{AuditEntry, AuditKind, Deed, Origin};
use serde_json::Value;

use crate::columns::{Key, Unreadable, key, micros, time};
use crate::schema::audit_log;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
pub(crate) struct AuditEntryRow {
    id: Key,
    at: i64,
    kind: String,
    actor_id: Option<Key>,
    subject_id: Option<Key>,
    user_id: Option<Key>,
    before: Option<String>,
    after: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    client_request_id: Option<String>,
}

impl From<&AuditEntry> for AuditEntryRow {
    fn from(entry: &AuditEntry) -> Self {
        let AuditEntry { id, at, actor_id, deed, origin } = entry;
        Self {
            id: key(*id),
            at: micros(*at),
            kind: deed.kind.name().to_owned(),
            actor_id: actor_id.map(key),
            subject_id: deed.subject_id.map(key),
            user_id: deed.user_id.map(key),
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
            subject_id: row.subject_id.map(Key::id),
            user_id: row.user_id.map(Key::id),
            before: json(row.before)?,
            after: json(row.after)?,
        };
        let origin = Origin {
            address: row.address,
            request_id: row.request_id,
            client_request_id: row.client_request_id,
        };
        let actor_id = row.actor_id.map(Key::id);
        Ok(Self { id: row.id.id(), at: time(row.at)?, actor_id, deed, origin })
    }
}

fn json(text: Option<String>) -> Result<Option<Value>, Unreadable> {
    let read = |text: String| serde_json::from_str(&text);
    text.map(read).transpose().map_err(|_| Unreadable("JSON of an audit entry"))
}
