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
            let as_spelled = users::table.filter(users::email.eq(email.in_lower_case()));
            let as_spelled = as_spelled.select(UserRow::as_select());
            let spelled = as_spelled.first(&mut conn).await.optional()?;
            if spelled.is_some() {
                return decode(spelled);
            }
            let of_mailbox = users::table.filter(users::mailbox.eq(email.mailbox()));
            decode(of_mailbox.select(UserRow::as_select()).first(&mut conn).await.optional()?)
        })
        .await
    }
}
