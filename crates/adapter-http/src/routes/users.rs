use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, Utc};
use domain::ids::UserId;
use domain::refusal::Refusal;
use domain::user::User;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::path_id;
use super::sessions::reset_secret;
use crate::credentials::Bearer;
use crate::origin::From;
use crate::problem::{Problem, ProblemBody};
use crate::words;

/// A user, as an operator sees one.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserAccount {
    user_id: Uuid,
    email: String,
    name: String,
    #[schema(schema_with = words::role)]
    role: &'static str,
    /// Since when the user is shut out; `null`: the user is not.
    disabled_at: Option<DateTime<Utc>>,
}

impl std::convert::From<User> for UserAccount {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id.into(),
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            role: user.role.name(),
            disabled_at: user.disabled_at,
        }
    }
}

/// Shut a user out: all sessions end, no token opens anything, and nobody signs in until you say so.
#[utoipa::path(post, path = "/api/admin/users/{user_id}/disable", tag = "operators",
    operation_id = "disable_user", params(("user_id" = Uuid, Path)),
    security(("access_token" = [])), responses(
    (status = 200, body = UserAccount),
    (status = 400, description = "`invalid_request`: yourself", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn disable(
    app: Data<Application>,
    bearer: Bearer,
    from: From,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    let id: UserId = path_id(&path, Refusal::NotFound)?;
    let user = app.disable_user.disable(operator, id, &from.0).await?;
    Ok(HttpResponse::Ok().json(UserAccount::from(user)))
}

/// Let a user in again who was shut out.
#[utoipa::path(post, path = "/api/admin/users/{user_id}/enable", tag = "operators",
    operation_id = "enable_user", params(("user_id" = Uuid, Path)),
    security(("access_token" = [])), responses(
    (status = 200, body = UserAccount),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn enable(
    app: Data<Application>,
    bearer: Bearer,
    from: From,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    let id: UserId = path_id(&path, Refusal::NotFound)?;
    let user = app.disable_user.enable(operator, id, &from.0).await?;
    Ok(HttpResponse::Ok().json(UserAccount::from(user)))
}

/// What somebody sets a password anew by.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasswordResetLink {
    /// For `POST /api/password-resets`. It is told once.
    secret: String,
    /// The page that does so, to be put after your site's address. Hand it to the user alone.
    #[schema(example = "/#/reset/…")]
    path: String,
    expires_at: DateTime<Utc>,
}

/// Make a link by which a user sets the password anew, once and within a day. It is void as soon as the
/// password is changed otherwise.
#[utoipa::path(post, path = "/api/admin/users/{user_id}/password-reset", tag = "operators",
    operation_id = "make_password_reset", params(("user_id" = Uuid, Path)),
    security(("access_token" = [])), responses(
    (status = 201, body = PasswordResetLink),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn make_password_reset(
    app: Data<Application>,
    bearer: Bearer,
    from: From,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    let id: UserId = path_id(&path, Refusal::NotFound)?;
    let (key, expires_at) = app.reset_password.make(Some(operator), id, &from.0).await?;
    let secret = reset_secret(&key);
    let path = format!("/#/reset/{secret}");
    Ok(HttpResponse::Created().json(PasswordResetLink { secret, path, expires_at }))
}
