use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, web};
use application::Application;
use chrono::{DateTime, Utc};
use domain::audit_log::{AuditEntry, AuditFilter, AuditKind};
use domain::ids::AuditEntryId;
use domain::page::PageRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::credentials::Bearer;
use crate::paging::{next_cursor, page_request};
use crate::problem::{Problem, ProblemBody};
use crate::words;

/// Which entries of the audit log are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditLogQuery {
    /// How many rows at the most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only what this user did, or what is about this user's account or money.
    user_id: Option<Uuid>,
    /// Only entries of this kind.
    #[param(schema_with = words::audit_kind)]
    kind: Option<String>,
}

/// A query that was read.
pub(crate) struct Asked(AuditFilter, PageRequest<AuditEntryId>);

impl FromRequest for Asked {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()))
    }
}

fn read(query: &str) -> Result<Asked, Problem> {
    let query = web::Query::<AuditLogQuery>::from_query(query)
        .map_err(|_| Problem::invalid("query", "takes limit, cursor, user_id and kind"))?
        .into_inner();
    let unknown = || Problem::invalid("kind", "must be a kind of the audit log");
    let kind = query.kind.map(|kind| AuditKind::named(&kind).ok_or_else(unknown)).transpose()?;
    let filter = AuditFilter { user_id: query.user_id.map(Into::into), kind };
    Ok(Asked(filter, page_request(query.limit, query.cursor)?))
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditLog)]
pub(crate) struct AuditLogBody {
    entries: Vec<AuditLogEntry>,
    next_cursor: Option<String>,
}

/// Who did what.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditLogEntry {
    entry_id: Uuid,
    at: DateTime<Utc>,
    /// What was done.
    #[schema(schema_with = words::audit_kind)]
    kind: &'static str,
    /// Who did it; `null`: somebody who was not signed in, a command, or the service itself.
    actor_id: Option<Uuid>,
    /// To what: a room, a payment, a concert, a show or a user, by the kind.
    subject_id: Option<Uuid>,
    /// Whose account or money it is about.
    user_id: Option<Uuid>,
    /// How it was before.
    before: Option<Value>,
    /// How it is from then on.
    after: Option<Value>,
    /// The client's address.
    address: Option<String>,
    /// The `X-Request-Id` of the answer.
    request_id: Option<String>,
    /// The `X-Request-Id` that the client sent. Anybody may write anything there.
    client_request_id: Option<String>,
}

impl From<AuditEntry> for AuditLogEntry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor_id, deed, origin } = entry;
        Self {
            entry_id: id.into(),
            at,
            kind: deed.kind.name(),
            actor_id: actor_id.map(Into::into),
            subject_id: deed.subject_id,
            user_id: deed.user_id.map(Into::into),
            before: deed.before,
            after: deed.after,
            address: origin.address,
            request_id: origin.request_id,
            client_request_id: origin.client_request_id,
        }
    }
}

/// Who did what, newest first: refused sign-ins (counted together by mailbox and network), changes by
/// operators, refunds, resets of passwords. Entries are never changed or deleted.
#[utoipa::path(get, path = "/api/admin/audit-log", tag = "operators", operation_id = "list_audit_log",
    params(AuditLogQuery), security(("access_token" = [])), responses(
    (status = 200, body = AuditLogBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    bearer: Bearer,
    asked: Asked,
) -> Result<impl Responder, Problem> {
    let Asked(filter, page) = asked;
    let page = app.list_audit_log.execute(bearer.access(&app)?, filter, page).await?;
    let next_cursor = next_cursor(&page);
    let entries = page.items.into_iter().map(AuditLogEntry::from).collect();
    Ok(HttpResponse::Ok().json(AuditLogBody { entries, next_cursor }))
}
