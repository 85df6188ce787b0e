//! The one credential header: `Authorization: Bearer <token>`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use application::Application;
use application::account::Purpose;
use domain::ids::UserId;
use domain::ports::{AccessClaims, QueueClaims};
use domain::refusal::Refusal;

use crate::problem::Problem;

/// The token that a request came with, of whichever kind, or none. Reading it never fails: a
/// handler says which kind it wants.
pub(crate) struct Bearer(Option<String>);

impl FromRequest for Bearer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl Bearer {
    /// The one of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let only = headers.next().filter(|_| headers.next().is_none());
        let text = only.and_then(|header| std::str::from_utf8(header.as_bytes()).ok());
        let token = text.and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim().to_owned())
        });
        Self(token)
    }

    /// The user of an access token.
    pub(crate) fn access(&self, app: &Application) -> Result<UserId, Problem> {
        Ok(self.session(app)?.user_id)
    }

    /// The session of an access token.
    pub(crate) fn session(&self, app: &Application) -> Result<AccessClaims, Problem> {
        Ok(app.authenticate.by_access_token(self.token()?)?)
    }

    /// What a queue token says.
    pub(crate) fn queue(&self, app: &Application) -> Result<QueueClaims, Problem> {
        Ok(app.authenticate.by_queue_token(self.token()?)?)
    }

    /// The user of either, who wants to look.
    pub(crate) async fn reader(&self, app: &Application) -> Result<UserId, Problem> {
        Ok(app.authenticate.by_either(self.token()?, Purpose::Read).await?)
    }

    /// The user of either, who wants to change something.
    pub(crate) async fn user(&self, app: &Application) -> Result<UserId, Problem> {
        Ok(app.authenticate.by_either(self.token()?, Purpose::Change).await?)
    }

    fn token(&self) -> Result<&str, Refusal> {
        self.0.as_deref().ok_or(Refusal::InvalidToken)
    }
}
