//! The event streams of all places in line: one tick looks at every ticket, and tells those whose
//! ticket has something new. Nobody is waited for: who does not read is dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use application::Application;
use bytes::Bytes;
use domain::ports::{QueueClaims, UpdateError};
use futures_channel::mpsc;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

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
}

impl Streams {
    /// Room for so many.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { room: Arc::new(Semaphore::new(most)), followers: Mutex::default() })
    }

    /// What is said to one who follows `first` from now on; nothing when there is no room.
    pub(crate) fn follow(
        &self,
        claims: QueueClaims,
        first: TicketBody,
    ) -> Option<mpsc::Receiver<Bytes>> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let (reader, said) = mpsc::channel(UNREAD_MAX);
        let now = Instant::now();
        let follower =
            Follower { claims, told: first, told_at: now, spoke_at: now, reader, _room: room };
        self.take_back(follower);
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
            match app.show_ticket.at_a_glance(&follower.claims) {
                Some(ticket) => {
                    if follower.see(ticket.into()) {
                        following.push(follower);
                    }
                }
                None => unknown.push(follower),
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
            async move {
                let ticket = app.show_ticket.execute(&follower.claims).await;
                let goes_on = match ticket {
                    Ok(ticket) => follower.see(ticket.into()),
                    Err(UpdateError::Refused(_)) => false,
                    // The store is away; the place is not lost for that.
                    Err(UpdateError::Unavailable(_) | UpdateError::Unknown(_)) => true,
                };
                goes_on.then_some(follower)
            }
        });
        let mut asked = asked.buffer_unordered(ASKING_MAX);
        while let Some(follower) = asked.next().await {
            if let Some(follower) = follower.filter(|_| !self.room.is_closed()) {
                self.take_back(follower);
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
