use async_trait::async_trait;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use domain::ids::UserId;
use domain::ports::{Unavailable, Users};
use domain::user::{Email, User};
use uuid::Uuid;

use super::decode;
use crate::rows::UserRow;
use crate::schema::users;
use crate::store::PostgresStore;

#[async_trait]
impl Users for PostgresStore {
    async fn user(&self, id: UserId) -> Result<Option<User>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = users::table.find(Uuid::from(id)).select(UserRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn user_of_email(&self, email: Email) -> Result<Option<User>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = users::table.filter(users::email.eq(email.as_str()));
            decode(row.select(UserRow::as_select()).first(&mut conn).await.optional()?)
        })
        .await
    }
}
