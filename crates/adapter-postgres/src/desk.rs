//! What all writers of a store share, and the feed with them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use diesel_async::AsyncPgConnection;
use domain::clock_discipline::TOLD_FROM;
use domain::ports::{Clock, CommitObserver, Ids};
use domain::records::Records;
use domain::uptime::Uptime;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::Database;
use crate::deciding::Programme;
use crate::discipline::{self, Discipline, Look};
use crate::heard::LastHeard;
use crate::marking::Moment;
use crate::readers::Readers;
use crate::writers::LiveWriters;

/// Hears of commits, once there is somebody to hear.
pub(crate) type Observer = Arc<OnceLock<Arc<dyn CommitObserver>>>;

/// What all writers of a store share.
pub(crate) struct Desk {
    pub(crate) database: Database,
    pub(crate) clock: DatabaseClock,
    pub(crate) observer: Observer,
    /// The history of the database that is known, once it is.
    pub(crate) history: AtomicU64,
    /// How often all was forgotten that was remembered of the database.
    pub(crate) beginnings: RwLock<u64>,
    pub(crate) readers: Readers,
    pub(crate) heard: LastHeard,
    /// When the feed last heard all that there was of the other servers' commits.
    pub(crate) followed: LastHeard,
    pub(crate) discipline: Discipline,
    pub(crate) programme: Programme,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) server_id: Uuid,
    pub(crate) writers: Arc<LiveWriters>,
    /// Where what outlives a writer runs.
    pub(crate) runtime: Handle,
}

impl Desk {
    /// Names the time since all was last forgotten.
    pub(crate) fn beginning(&self) -> u64 {
        *self.beginnings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever listens what is in the database for good, as was found out from [`Desk::beginning`]
    /// `since` on. Where all was forgotten since, the database may be another that lacks it: then whoever
    /// listens forgets all once more.
    pub(crate) fn tell(&self, changes: &Records, since: u64) {
        let beginnings = self.beginnings.read().unwrap_or_else(PoisonError::into_inner);
        let is_of_now = *beginnings == since;
        if let Some(uptime) = changes.uptime.as_ref().filter(|_| is_of_now) {
            self.clock.hear_beat(uptime.heartbeat_at);
        }
        match self.observer.get() {
            Some(observer) if is_of_now => observer.tell(changes, self.history()),
            Some(observer) => observer.begin_anew(self.history()),
            None => {}
        }
    }

    /// Names the history of the database that is known.
    pub(crate) fn history(&self) -> u64 {
        self.history.load(Ordering::SeqCst)
    }

    /// Sees to it that a step of the database's clock is none of the store's time, and takes the time
    /// over.
    pub(crate) async fn keep_discipline(
        &self,
        conn: &AsyncPgConnection,
        look: &Look,
    ) -> Result<(), SqlError> {
        let offset = self.discipline.offset(look, self.clock.now());
        // Unless it is the offset now, the next look finds the same step once more.
        if discipline::change(conn, look, offset).await? {
            self.discipline.note(look, offset);
            self.clock.hear(&Look { offset, ..*look });
        }
        Ok(())
    }

    /// Whether the database's clock seems to have been set forward since this server was last told the
    /// time. To decide at such a time would be to take it for right.
    pub(crate) fn is_ahead_of_time(&self, moment: &Moment) -> bool {
        let is_confirmed = moment.now - moment.heartbeat_at <= Uptime::GRACE;
        !is_confirmed && moment.now - self.clock.now() > TOLD_FROM
    }

    /// Forgets all that is remembered of the database: from here on it has this history.
    pub(crate) fn begin_anew(&self, history: u64) {
        let mut beginnings = self.beginnings.write().unwrap_or_else(PoisonError::into_inner);
        *beginnings = beginnings.saturating_add(1);
        self.history.store(history, Ordering::SeqCst);
        // Those may still be connected to one that was left behind.
        self.readers.end_sessions();
        self.programme.forget_all(*beginnings);
        if let Some(observer) = self.observer.get() {
            observer.began_anew(history);
        }
    }
}
