use async_trait::async_trait;
use diesel::prelude::*;
use domain::Timestamp;
use domain::ids::{PasswordResetId, SessionId, UserId};
use domain::ports::{EndedSessions, Sessions, Unavailable};

use crate::SqlError;
use crate::columns::{Key, key, micros, time};
use crate::rows::signed_out;
use crate::schema::{password_resets, sessions, users};
use crate::store::SqliteStore;

#[async_trait]
impl Sessions for SqliteStore {
    async fn ended(&self, now: Timestamp) -> Result<EndedSessions, Unavailable> {
        self.read(move |conn| {
            let ended: Vec<(Key, i64)> = sessions::table
                .filter(sessions::ended_at.is_not_null())
                .filter(sessions::expires_at.gt(micros(now)))
                .select((sessions::id, sessions::expires_at))
                .load(conn)?;
            let all_ended: Vec<(Key, Option<i64>, Option<Key>)> = users::table
                .filter(users::signed_out_at.is_not_null())
                .select((users::id, users::signed_out_at, users::signed_out_but))
                .load(conn)?;
            let session = |(id, expires_at): (Key, i64)| Ok((id.id(), time(expires_at)?));
            let sessions: Result<_, SqlError> = ended.into_iter().map(session).collect();
            let user = |(id, at, but): (Key, _, _)| {
                Ok(signed_out(at, but)?.map(|signed_out| (id.id(), signed_out)))
            };
            let users: Result<Vec<_>, SqlError> = all_ended.into_iter().map(user).collect();
            let users = users?.into_iter().flatten().collect();
            Ok(EndedSessions { sessions: sessions?, users })
        })
        .await
    }

    async fn has_begun_from(&self, user_id: UserId, network: String) -> Result<bool, Unavailable> {
        self.read(move |conn| {
            let theirs = sessions::table
                .filter(sessions::user_id.eq(key(user_id)))
                .filter(sessions::network.eq(network));
            Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(conn)?)
        })
        .await
    }

    async fn old_sessions(
        &self,
        expired_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, Unavailable> {
        self.read(move |conn| {
            let old: Vec<Key> = sessions::table
                .filter(sessions::expires_at.le(micros(expired_by)))
                .order(sessions::expires_at)
                .limit(i64::from(limit))
                .select(sessions::id)
                .load(conn)?;
            Ok(old.into_iter().map(Key::id).collect())
        })
        .await
    }

    async fn old_password_resets(
        &self,
        expired_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<PasswordResetId>, Unavailable> {
        self.read(move |conn| {
            let old: Vec<Key> = password_resets::table
                .filter(password_resets::expires_at.le(micros(expired_by)))
                .order(password_resets::expires_at)
                .limit(i64::from(limit))
                .select(password_resets::id)
                .load(conn)?;
            Ok(old.into_iter().map(Key::id).collect())
        })
        .await
    }
}
