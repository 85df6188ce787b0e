use async_trait::async_trait;
use domain::ids::UserId;
use domain::ports::{Unavailable, Users};
use domain::records::Source;
use domain::user::{Email, User};

use crate::source::{Database, own};
use crate::store::SqliteStore;

#[async_trait]
impl Users for SqliteStore {
    async fn user(&self, id: UserId) -> Result<Option<User>, Unavailable> {
        self.read(move |conn| own(Database { conn }.user(id))).await
    }

    async fn user_of_email(&self, email: Email) -> Result<Option<User>, Unavailable> {
        self.read(move |conn| own(Database { conn }.user_of_email(&email))).await
    }
}
