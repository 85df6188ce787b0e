//! The event streams of all places in line: one tick looks at every ticket, and tells those whose
//! ticket has something new. Nobody is waited for: who does not read is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::Application;
use bytes::Bytes;
use domain::ports::{QueueClaims, UpdateError};
use futures_channel::mpsc;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::limits::StreamShare;
use crate::routes::TicketBody;

/// How often every ticket is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How old a position may get that moves.
const POSITION_EVERY: Duration = Duration::from_secs(5);
/// After how long a silence a comment keeps proxies from closing the stream.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// How many messages may wait for a slow reader.
const UNREAD_MAX: usize = 1;
/// How many tickets that are not on the board are asked for at once.
const ASKING_MAX: usize = 16;
/// After how many tickets a tick lets others work.
const BREATH_EVERY: usize = 1_000;

/// All open streams of this server.
pub(crate) struct Streams {
    room: Arc<Semaphore>,
    followers: Mutex<Vec<Follower>>,
}

/// Follows one ticket.
struct Follower {
    claims: QueueClaims,
    told: TicketBody,
    told_at: Instant,
    spoke_at: Instant,
    reader: mpsc::Sender<Bytes>,
    _room: OwnedSemaphorePermit,
    _share: Option<StreamShare>,
}

impl Streams {
    /// Room for so many.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { room: Arc::new(Semaphore::new(most)), followers: Mutex::default() })
    }

    /// What is said to one who follows `first` from now on, and has that share of what there is; nothing
    /// when there is no room.
    pub(crate) fn follow(
        &self,
        claims: QueueClaims,
        first: TicketBody,
        share: Option<StreamShare>,
    ) -> Option<mpsc::Receiver<Bytes>> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let (reader, said) = mpsc::channel(UNREAD_MAX);
        let now = Instant::now();
        self.take_back(Follower {
            claims,
            told: first,
            told_at: now,
            spoke_at: now,
            reader,
            _room: room,
            _share: share,
        });
        Some(said)
    }

    fn take_back(&self, follower: Follower) {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).push(follower);
    }

    /// Looks at every ticket, over and over, until the server stops; then every stream ends.
    pub(crate) async fn run(
        self: Arc<Self>,
        app: Arc<Application>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break,
                _ = ticks.tick() => {}
            }
            self.tick(&app).await;
        }
        self.room.close();
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn tick(self: &Arc<Self>, app: &Arc<Application>) {
        let all =
            std::mem::take(&mut *self.followers.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut following, mut unknown) = (Vec::with_capacity(all.len()), Vec::new());
        for (n, mut follower) in all.into_iter().enumerate() {
            let seeing = || {
                if app.authenticate.is_withdrawn(&follower.claims) {
                    return Some(false);
                }
                let ticket = app.show_ticket.at_a_glance(&follower.claims)?;
                Some(follower.see(ticket.into()))
            };
            match catch_unwind(AssertUnwindSafe(seeing)) {
                Ok(Some(true)) => following.push(follower),
                Ok(Some(false)) => {}
                Ok(None) => unknown.push(follower),
                // The stream ends, and whoever reads it connects again.
                Err(_) => tracing::error!("what is told of a place in line panicked"),
            }
            if n % BREATH_EVERY == BREATH_EVERY - 1 {
                tokio::task::yield_now().await;
            }
        }
        {
            let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
            // Those who came meanwhile are few.
            following.append(&mut followers);
            *followers = following;
        }
        if !unknown.is_empty() {
            tokio::spawn(Arc::clone(self).ask(Arc::clone(app), unknown));
        }
    }

    /// Asks for tickets that are not on the board, while the ticks go on for the others.
    async fn ask(self: Arc<Self>, app: Arc<Application>, unknown: Vec<Follower>) {
        let asked = stream::iter(unknown).map(|mut follower| {
            let app = &app;
            let asking = async move {
                let ticket = app.show_ticket.execute(&follower.claims).await;
                let goes_on = match ticket {
                    Ok(ticket) => follower.see(ticket.into()),
                    Err(UpdateError::Refused(_)) => false,
                    // The store is away; the place is not lost for that, but after too long a time
                    // only another server can keep it.
                    Err(UpdateError::Unavailable(_) | UpdateError::Unknown(_)) => {
                        app.show_ticket.can_vouch()
                    }
                };
                goes_on.then_some(follower)
            };
            AssertUnwindSafe(asking).catch_unwind()
        });
        let mut asked = asked.buffer_unordered(ASKING_MAX);
        while let Some(follower) = asked.next().await {
            match follower {
                Ok(Some(follower)) if !self.room.is_closed() => self.take_back(follower),
                Ok(_) => {}
                Err(_) => tracing::error!("asking for a place in line panicked"),
            }
        }
    }
}

impl Follower {
    /// Tells the reader what is new in `ticket`, if it is time to. Says whether the stream goes on.
    fn see(&mut self, ticket: TicketBody) -> bool {
        let now = Instant::now();
        let is_urgent = ticket.urgent() != self.told.urgent();
        let is_position_due = now - self.told_at >= POSITION_EVERY && ticket != self.told;
        if is_urgent || is_position_due {
            let is_read = self.reader.try_send(event(&ticket)).is_ok();
            let is_over = ticket.is_over();
            (self.told, self.told_at, self.spoke_at) = (ticket, now, now);
            return is_read && !is_over;
        }
        if now - self.spoke_at >= COMMENT_EVERY {
            self.spoke_at = now;
            return self.reader.try_send(Bytes::from_static(b": still here\n\n")).is_ok();
        }
        !self.reader.is_closed()
    }
}

/// A ticket as an event.
pub(crate) fn event(ticket: &TicketBody) -> Bytes {
    Bytes::from([b"event: ticket\ndata: ".as_slice(), &ticket.text(), b"\n\n"].concat())
}

#[cfg(test)]
mod tests {
    use application::queue::Ticket;
    use domain::ids::RoomId;
    use domain::waiting_token::Standing;

    use super::*;

    fn claims() -> QueueClaims {
        let id = uuid::Uuid::from_u128(1);
        QueueClaims {
            token_id: id.into(),
            user_id: id.into(),
            room_id: RoomId::SITE,
            concert_id: None,
            number: Some(9),
            issued_at: domain::Timestamp::UNIX_EPOCH,
        }
    }

    fn ticket(position: u64) -> TicketBody {
        TicketBody::from(Ticket {
            token_id: claims().token_id,
            room_id: RoomId::SITE,
            number: Some(9),
            standing: Standing::Waiting,
            position: Some(position),
            eta_seconds: None,
            poll_after_seconds: 5,
            seats_left: None,
            idle_ttl_seconds: 120,
        })
    }

    fn over() -> TicketBody {
        let ticket = Ticket {
            token_id: claims().token_id,
            room_id: RoomId::SITE,
            number: Some(9),
            standing: Standing::Done,
            position: None,
            eta_seconds: None,
            poll_after_seconds: 5,
            seats_left: None,
            idle_ttl_seconds: 120,
        };
        ticket.into()
    }

    /// Somebody who follows a ticket at position 9, and what is said.
    fn follower() -> (Follower, mpsc::Receiver<Bytes>) {
        let streams = Streams::new(1);
        let said = streams.follow(claims(), ticket(9), None).unwrap();
        let follower = streams.followers.lock().unwrap().pop().unwrap();
        (follower, said)
    }

    fn next(said: &mut mpsc::Receiver<Bytes>) -> Option<String> {
        let bytes = said.try_recv().ok()?;
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_is_told_at_once_and_a_position_every_five_seconds() {
        let (mut follower, mut said) = follower();
        assert!(follower.see(ticket(8)));
        assert_eq!(next(&mut said), None);
        tokio::time::advance(POSITION_EVERY).await;
        assert!(follower.see(ticket(7)));
        assert!(next(&mut said).unwrap().contains("\"position\":7"));
        assert!(!follower.see(over()), "it is over, and so is the stream");
        assert!(next(&mut said).unwrap().contains("\"state\":\"done\""));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_nothing_to_be_told_hears_a_comment_every_fifteen_seconds() {
        let (mut follower, mut said) = follower();
        tokio::time::advance(COMMENT_EVERY / 2).await;
        assert!(follower.see(ticket(9)));
        assert_eq!(next(&mut said), None);
        tokio::time::advance(COMMENT_EVERY / 2).await;
        assert!(follower.see(ticket(9)));
        assert_eq!(next(&mut said).as_deref(), Some(": still here\n\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_dropped_and_not_waited_for() {
        let (mut follower, _unread) = follower();
        let mut told = 0;
        for position in (1..9).rev() {
            tokio::time::advance(POSITION_EVERY).await;
            if !follower.see(ticket(position)) {
                break;
            }
            told += 1;
        }
        assert_eq!(told, 2);
    }

    #[tokio::test]
    async fn who_went_away_makes_room_for_another() {
        let streams = Streams::new(1);
        let first = streams.follow(claims(), ticket(9), None).unwrap();
        assert!(streams.follow(claims(), ticket(9), None).is_none());
        drop(first);
        let mut gone = streams.followers.lock().unwrap().pop().unwrap();
        assert!(!gone.see(ticket(9)));
        drop(gone);
        assert!(streams.follow(claims(), ticket(9), None).is_some());
    }
}
