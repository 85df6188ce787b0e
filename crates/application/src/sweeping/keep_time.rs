use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::ServerId;
use domain::ports::{DueWork, Store, Unavailable, UpdateError};
use domain::records::{Records, Scope};
use domain::recovery::{give_back_to_holds, give_back_to_tokens};
use domain::uptime::{Outage, Recovery, RecoveryStep, Uptime};
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use crate::queue::Hearing;

/// Says twice a second that the service is up. When it was not, because no server was up or the store
/// was away, what the outage took is given back: whoever was inside stays as much longer, and what was
/// held is held as much longer.
pub struct KeepTime {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    hearing: Arc<Hearing>,
    server_id: ServerId,
    last_beat: Mutex<Instant>,
}

/// For how long no beat of this server may get through. Beats are twice a second.
const SILENT_MAX: Duration = Duration::from_secs(5);
/// How many stays or holds one commit prolongs.
const BATCH: usize = 1_000;

impl KeepTime {
    /// For the server that calls itself `server_id`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        hearing: Arc<Hearing>,
        server_id: ServerId,
    ) -> Self {
        let last_beat = Mutex::new(Instant::now());
        Self { store, due_work, hearing, server_id, last_beat }
    }

    /// Tells of the outage that this ends, if it ends one. Then its length is given back, in batches; what
    /// is not done by the end of this is done by the next.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self, tell: impl FnOnce(Outage) + Send) -> Result<(), UpdateError> {
        let (outage, recovery) = self.beat().await?;
        if let Some(outage) = outage {
            tell(outage);
        }
        match recovery {
            Some(recovery) => self.give_back(recovery).await,
            None => Ok(()),
        }
    }

    /// Whether this server's beats get through.
    ///
    /// # Errors
    /// [`Unavailable`] after some seconds without one.
    pub fn check(&self) -> Result<(), Unavailable> {
        let last_beat = *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner);
        if last_beat.elapsed() > SILENT_MAX {
            return Err(Unavailable::because("the server cannot say that the service is up"));
        }
        Ok(())
    }

    /// A beat got through, or a batch of what is given back, which counts as one.
    fn note_beat(&self) {
        *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Says that this server stops, so that nobody waits for what it heard.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn leave(&self) -> Result<(), UpdateError> {
        let server_id = self.server_id;
        let leave = move |records: &mut Records| {
            let now = records.now;
            if let Some(uptime) = &mut records.uptime {
                uptime.leave(server_id, now);
            }
            Ok(())
        };
        self.store.decide(Scope::new().uptime(), leave).await
    }

    async fn beat(&self) -> Result<(Option<Outage>, Option<Recovery>), UpdateError> {
        let (server_id, word) = (self.server_id, self.hearing.word());
        let beat = move |records: &mut Records| {
            let now = records.now;
            let uptime = records.uptime.get_or_insert_with(|| Uptime::first(now));
            let outage = uptime.beat(server_id, word, now);
            Ok((outage, uptime.recovery, now))
        };
        let (outage, recovery, now) = self.store.decide(Scope::new().uptime(), beat).await?;
        self.note_beat();
        self.hearing.said(word, now);
        Ok((outage, recovery))
    }

    /// Goes on with it from where it stands, until all is done or another server was quicker.
    async fn give_back(&self, recovery: Recovery) -> Result<(), UpdateError> {
        let is_done = |id: Uuid, recovery: &Recovery| recovery.done_to.is_some_and(|to| id <= to);
        let mut holds_from = None;
        if recovery.step == RecoveryStep::Tokens {
            let mut inside = self.due_work.active_tokens().await?;
            inside.retain(|id| !is_done((*id).into(), &recovery));
            let scope = |ids: &[_]| Scope::new().uptime().tokens(ids.iter().copied());
            if !self.in_batches(&inside, recovery.done_to, scope, give_back_to_tokens).await? {
                return Ok(());
            }
        } else {
            holds_from = recovery.done_to;
        }
        let mut held = self.due_work.held_reservations().await?;
        held.retain(|id| holds_from.is_none_or(|from| Uuid::from(*id) > from));
        let scope =
            |ids: &[_]| ids.iter().fold(Scope::new().uptime(), |scope, id| scope.reservation(*id));
        self.in_batches(&held, holds_from, scope, give_back_to_holds).await.map(drop)
    }

    /// Gives it back to `ids`, and says at the end that nobody is left. Says whether it was its turn all
    /// the time.
    async fn in_batches<Id: Copy + Into<Uuid> + Send + Sync + 'static>(
        &self,
        ids: &[Id],
        mut done_to: Option<Uuid>,
        scope: impl Fn(&[Id]) -> Scope,
        give_back: fn(&mut Records, Option<Uuid>, &[Id]) -> bool,
    ) -> Result<bool, UpdateError> {
        let none: &[Id] = &[];
        for batch in ids.chunks(BATCH).chain([none]) {
            let (from, batch_of_ids) = (done_to, batch.to_vec());
            let decide = move |records: &mut Records| Ok(give_back(records, from, &batch_of_ids));
            let was_its_turn = self.store.decide(scope(batch), decide).await?;
            self.note_beat();
            if !was_its_turn {
                return Ok(false);
            }
            done_to = batch.last().copied().map(Into::into);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockDueWork, MockStore};
    use domain::waiting_token::Standing;

    use super::*;
    use crate::testing::*;

    /// The outage that a beat ends after a silence, and what is left to a token and a hold that had 600
    /// and 300 seconds left when it began.
    async fn after_silence(silence: i64) -> (Option<Outage>, i64, i64) {
        let (mut records, held) = world_with_hold();
        records.now = now() + seconds(silence);
        records.cutoff = Uptime::cutoff(now(), records.now);
        records.uptime = Some(Uptime::first(now()));
        let at = records.now;
        let (store, kept) = store_that_keeps(records);
        let mut due_work = MockDueWork::new();
        due_work.expect_active_tokens().returning(|| Ok(vec![claims().token_id]));
        due_work.expect_held_reservations().returning(|| Ok(vec![reservation_id()]));
        let hearing = Arc::new(Hearing::default());
        let keep_time = KeepTime::new(store, Arc::new(due_work), hearing, unknown());
        let mut told = None;
        keep_time.execute(|outage| told = Some(outage)).await.unwrap();
        keep_time.execute(|_| panic!("it is told once")).await.unwrap();
        let records = kept.lock().unwrap();
        assert_eq!(records.uptime.as_ref().unwrap().outage(at), None, "all is given back");
        let token = records.tokens.get(&claims().token_id).unwrap();
        let Standing::Active { expires_at } = token.standing(at) else { panic!("it is inside") };
        let held_until = records.reservations.get(&held.id).unwrap().held_until;
        (told, (expires_at - at).num_seconds(), (held_until - at).num_seconds())
    }

    #[tokio::test]
    async fn a_heartbeat_in_time_gives_nothing_back() {
        assert_eq!(after_silence(1).await, (None, 599, 299));
    }

    #[tokio::test]
    async fn an_outage_is_given_back_to_who_was_inside_and_to_what_was_held() {
        let outage = Outage { began_at: now(), ended_at: now() + seconds(3_600) };
        assert_eq!(after_silence(3_600).await, (Some(outage), 600, 300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_whose_beats_do_not_get_through_is_not_in_order() {
        let mut store = MockStore::new();
        let away = |_, _| Err(Unavailable::because("away").into());
        store.expect_update().times(1).returning(away);
        let mut records = empty();
        records.uptime = Some(Uptime::first(now()));
        store.expect_update().returning(move |_, decide| {
            let mut records = records.clone();
            decide(&mut records)?;
            Ok(records)
        });
        let due_work = Arc::new(MockDueWork::new());
        let keep_time = KeepTime::new(Arc::new(store), due_work, Arc::default(), unknown());
        keep_time.check().unwrap();
        tokio::time::advance(SILENT_MAX + Duration::from_millis(1)).await;
        assert!(keep_time.check().is_err());
        keep_time.execute(drop).await.unwrap_err();
        assert!(keep_time.check().is_err());
        keep_time.execute(drop).await.unwrap();
        keep_time.check().unwrap();
    }

    #[tokio::test]
    async fn a_server_that_stops_is_waited_for_by_nobody() {
        let mut records = empty();
        records.uptime = Some(Uptime::first(now()));
        let (store, kept) = store_that_keeps(records);
        let hearing = Arc::new(Hearing::default());
        hearing.wrote_all_until(now());
        let keep_time = KeepTime::new(store, Arc::new(MockDueWork::new()), hearing, unknown());
        keep_time.execute(drop).await.unwrap();
        assert_eq!(kept.lock().unwrap().uptime.as_ref().unwrap().servers.len(), 1);
        keep_time.leave().await.unwrap();
        assert_eq!(kept.lock().unwrap().uptime.as_ref().unwrap().servers, []);
    }
}
