use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::account::NewUser;
use domain::refusal::Refusal;
use domain::user::{Email, Password, Role, User, UserName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Body;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;
use crate::words;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUp {
    #[schema(example = "mina@example.com")]
    email: String,
    /// 10 to 128 characters, not one that many people use, and not the email.
    password: String,
    /// 1 to 100 characters.
    #[schema(example = "김미나")]
    name: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    user_id: Uuid,
    email: String,
    name: String,
    #[schema(schema_with = words::role)]
    role: &'static str,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id.into(),
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            role: user.role.name(),
        }
    }
}

/// Make an account.
#[utoipa::path(post, path = "/api/users", tag = "accounts", request_body = SignUp, responses(
    (status = 201, body = UserBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 409, description = "`email_taken`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn sign_up(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    body: Body,
) -> Result<impl Responder, Problem> {
    shared.limits.sign_up(&http)?;
    let ask: SignUp = body.json()?;
    let email = Email::new(&ask.email);
    let password = Password::chosen(&ask.password, email.as_ref().ok());
    let new_user = all_valid(email, password, UserName::new(&ask.name))?;
    let user = app.sign_up.execute(new_user).await?;
    Ok(HttpResponse::Created().json(UserBody::from(user)))
}

/// The account that was asked for, or all that is wrong with it at once.
fn all_valid(
    email: Result<Email, Refusal>,
    password: Result<Password, Refusal>,
    name: Result<UserName, Refusal>,
) -> Result<NewUser, Refusal> {
    match (email, password, name) {
        (Ok(email), Ok(password), Ok(name)) => {
            Ok(NewUser { email, password, name, role: Role::Buyer })
        }
        (email, password, name) => {
            let refusals = [email.err(), password.err(), name.err()].into_iter().flatten();
            let errors = refusals.flat_map(|refusal| match refusal {
                Refusal::Invalid(errors) => errors,
                _ => Vec::new(),
            });
            Err(Refusal::Invalid(errors.collect()))
        }
    }
}

/// Who you are.
#[utoipa::path(get, path = "/api/users/me", tag = "accounts",
    security(("access_token" = [])), responses(
    (status = 200, body = UserBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn show_me(
    app: Data<Application>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.access(&app)?;
    Ok(HttpResponse::Ok().json(UserBody::from(app.show_me.execute(user_id).await?)))
}
