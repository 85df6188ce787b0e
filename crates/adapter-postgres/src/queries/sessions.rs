use async_trait::async_trait;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::ids::{PasswordResetId, SessionId, UserId};
use domain::ports::{EndedSessions, Sessions, Unavailable};
use uuid::Uuid;

use crate::rows::signed_out;
use crate::schema::{password_resets, sessions, users};
use crate::store::PostgresStore;

#[async_trait]
impl Sessions for PostgresStore {
    async fn ended(&self, now: Timestamp) -> Result<EndedSessions, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let ended: Vec<(Uuid, Timestamp)> = sessions::table
                .filter(sessions::ended_at.is_not_null())
                .filter(sessions::expires_at.gt(now))
                .select((sessions::id, sessions::expires_at))
                .load(&mut conn)
                .await?;
            let all_ended: Vec<(Uuid, Option<Timestamp>, Option<Uuid>)> = users::table
                .filter(users::signed_out_at.is_not_null())
                .select((users::id, users::signed_out_at, users::signed_out_but))
                .load(&mut conn)
                .await?;
            let sessions = ended.into_iter().map(|(id, expires_at)| (id.into(), expires_at));
            let users = all_ended
                .into_iter()
                .filter_map(|(id, at, but)| Some((id.into(), signed_out(at, but)?)));
            Ok(EndedSessions { sessions: sessions.collect(), users: users.collect() })
        })
        .await
    }

    async fn has_begun_from(&self, user_id: UserId, network: String) -> Result<bool, Unavailable> {
        self.read(move |mut conn| async move {
            let theirs = sessions::table
                .filter(sessions::user_id.eq(Uuid::from(user_id)))
                .filter(sessions::network.eq(network));
            Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(&mut conn).await?)
        })
        .await
    }

    async fn old_sessions(
        &self,
        expired_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move {
            let old: Vec<Uuid> = sessions::table
                .filter(sessions::expires_at.le(expired_by))
                .order(sessions::expires_at)
                .limit(i64::from(limit))
                .select(sessions::id)
                .load(&mut conn)
                .await?;
            Ok(old.into_iter().map(Into::into).collect())
        })
        .await
    }

    async fn old_password_resets(
        &self,
        expired_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<PasswordResetId>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move {
            let old: Vec<Uuid> = password_resets::table
                .filter(password_resets::expires_at.le(expired_by))
                .order(password_resets::expires_at)
                .limit(i64::from(limit))
                .select(password_resets::id)
                .load(&mut conn)
                .await?;
            Ok(old.into_iter().map(Into::into).collect())
        })
        .await
    }
}
