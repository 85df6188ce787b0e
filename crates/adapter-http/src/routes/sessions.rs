use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::account::ResetKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use domain::refusal::Refusal;
use domain::session::ResetSecret;
use domain::user::{Email, Password};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Body;
use crate::credentials::Bearer;
use crate::origin::From;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    #[schema(example = "mina@example.com")]
    email: String,
    password: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Says who you are, in `Authorization: Bearer …`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    expires_at: DateTime<Utc>,
    user_id: Uuid,
}

/// Sign in.
#[utoipa::path(post, path = "/api/sessions", tag = "accounts", request_body = SignIn, responses(
    (status = 201, body = Session),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_credentials`", body = ProblemBody),
    (status = 403, description = "`account_disabled`: the password is right, and an operator shut the account", body = ProblemBody),
    (status = 429, description = "`too_many_requests`: also after wrong passwords, until `Retry-After`", body = ProblemBody),
))]
pub(crate) async fn sign_in(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    from: From,
    body: Body,
) -> Result<impl Responder, Problem> {
    shared.limits.sign_in(&http)?;
    let ask: SignIn = body.json()?;
    // What can be nobody's password is as wrong as what is nobody's.
    let password = Password::new(&ask.password).map_err(|_| Refusal::InvalidCredentials)?;
    let email = Email::to_look_up(&ask.email);
    let signed_in = app.sign_in.execute(email, password, &from.0).await?;
    Ok(HttpResponse::Created().json(Session {
        access_token: signed_in.access_token,
        token_type: "Bearer",
        expires_at: signed_in.expires_at,
        user_id: signed_in.user_id.into(),
    }))
}

/// Sign out: end the session of this access token. Every server refuses it within two seconds.
#[utoipa::path(delete, path = "/api/sessions/current", tag = "accounts",
    security(("access_token" = [])), responses(
    (status = 204, description = "The session is ended"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn sign_out(
    app: Data<Application>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    app.sign_out.here(bearer.session(&app)?).await?;
    Ok(HttpResponse::NoContent())
}

/// Sign out everywhere: end all your sessions, this one too. Queue tokens that were handed out before open
/// nothing any more. Your places in line stay: sign in and take them up again.
#[utoipa::path(delete, path = "/api/sessions", tag = "accounts",
    security(("access_token" = [])), responses(
    (status = 204, description = "All sessions are ended"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn sign_out_everywhere(
    app: Data<Application>,
    bearer: Bearer,
    from: From,
) -> Result<impl Responder, Problem> {
    app.sign_out.everywhere(bearer.session(&app)?, &from.0).await?;
    Ok(HttpResponse::NoContent())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    old_password: String,
    /// 10 to 128 characters, not one that many people use, and not the email.
    password: String,
}

/// Change your password. All your other sessions end, and queue tokens that were handed out before open
/// nothing any more.
#[utoipa::path(put, path = "/api/users/me/password", tag = "accounts", request_body = ChangePassword,
    security(("access_token" = [])), responses(
    (status = 204, description = "The password is changed"),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`; `invalid_credentials`: the old password is wrong", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn change_password(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    bearer: Bearer,
    from: From,
    body: Body,
) -> Result<impl Responder, Problem> {
    let claims = bearer.session(&app)?;
    shared.limits.sign_in(&http)?;
    let ask: ChangePassword = body.json()?;
    let old = Password::new(&ask.old_password).map_err(|_| Refusal::InvalidCredentials)?;
    app.change_password.execute(&app.sign_in, claims, old, &ask.password, &from.0).await?;
    Ok(HttpResponse::NoContent())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPassword {
    /// From the link that an operator handed out.
    secret: String,
    /// 10 to 128 characters, not one that many people use, and not the email.
    password: String,
}

/// Set your password anew, by a link that an operator handed out. All your sessions end.
#[utoipa::path(post, path = "/api/password-resets", tag = "accounts", request_body = ResetPassword,
    responses(
    (status = 204, description = "The password is set"),
    (status = 400, description = "`invalid_request`; `invalid_reset`: used, too old, or none", body = ProblemBody),
    (status = 403, description = "`account_disabled`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn reset_password(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    from: From,
    body: Body,
) -> Result<impl Responder, Problem> {
    shared.limits.sign_in(&http)?;
    let ask: ResetPassword = body.json()?;
    let key = read_key(&ask.secret).ok_or(Refusal::InvalidReset)?;
    app.reset_password.execute(key, &ask.password, &from.0).await?;
    Ok(HttpResponse::NoContent())
}

const KEY_BYTES: usize = 16 + 16 + 32;

/// A reset's key as the text that is handed out.
#[must_use]
pub fn reset_secret(key: &ResetKey) -> String {
    let (id, user_id) = (Uuid::from(key.id), Uuid::from(key.user_id));
    let bytes = [&id.as_bytes()[..], user_id.as_bytes(), key.secret.expose()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_key(text: &str) -> Option<ResetKey> {
    let bytes: [u8; KEY_BYTES] = URL_SAFE_NO_PAD.decode(text.trim()).ok()?.try_into().ok()?;
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (user_id, secret) = rest.split_first_chunk::<16>()?;
    Some(ResetKey {
        id: Uuid::from_bytes(*id).into(),
        user_id: Uuid::from_bytes(*user_id).into(),
        secret: ResetSecret::new(secret.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_nothing_else_is() {
        let id = Uuid::from_u128(7);
        let key = ResetKey { id: id.into(), user_id: id.into(), secret: ResetSecret::new([9; 32]) };
        assert_eq!(read_key(&reset_secret(&key)), Some(key));
        for wrong in ["", "a", "AAAA", "ÿ"] {
            assert_eq!(read_key(wrong), None);
        }
    }
}
