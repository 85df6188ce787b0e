//! Runs a group's decisions on what was loaded for them.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel_async::AsyncPgConnection;
use domain::Timestamp;
use domain::cash::CashAccount;
use domain::concert::Concert;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::ids::{
    ConcertId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId, SessionId, ShowId,
    TokenId, TopUpId, UserId,
};
use domain::payment::Payment;
use domain::ports::{Decide, Unavailable, UpdateError};
use domain::records::{Group, Records, Scope, Source};
use domain::reservation::Reservation;
use domain::seat::Seat;
use domain::session::{PasswordReset, Session};
use domain::show::Show;
use domain::top_up::TopUp;
use domain::uptime::Uptime;
use domain::user::{Email, User};
use domain::waiting_room::{Line, WaitingRoom};
use domain::waiting_token::WaitingToken;
use lru::LruCache;

use crate::SqlError;
use crate::loading::{self, Loaded};

/// What a caller wants decided.
pub(crate) struct Command {
    pub(crate) scope: Scope,
    pub(crate) decide: Decide,
    /// Whether it is to be committed though nothing changes, to see that it can be.
    pub(crate) is_probe: bool,
}

/// What a caller is told. It is handed on several times, so it is small.
pub(crate) type Answer = Result<Box<Records>, UpdateError>;

/// What a group came to.
pub(crate) struct Decided {
    /// One a command, in the same order.
    pub(crate) answers: Vec<Answer>,
    /// What all of them together change.
    pub(crate) changes: Records,
    /// What turned out to be needed and had not been loaded. Unless it is empty, the rest is void.
    pub(crate) missing: Scope,
}

/// Runs `commands` one after the other on what was loaded for `asked`.
pub(crate) fn decide(commands: &[&Command], asked: &Scope, loaded: &Loaded) -> Decided {
    let mut missing = Scope::new();
    let source = AmongLoaded { loaded, asked, missing: &mut missing };
    let mut group = Group::new(source, loaded.moment.now, loaded.moment.cutoff());
    let run = |command: &&Command| {
        let run = || group.run(&command.scope, &command.decide);
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(decided)) => decided.map(Box::new).map_err(UpdateError::Refused),
            Err(_) => Err(Unavailable::because("a decision panicked").into()),
        }
    };
    let answers = commands.iter().map(run).collect();
    let changes = group.into_changes();
    Decided { answers, changes, missing }
}

/// All that the commands need, together.
pub(crate) fn together(commands: &[&Command]) -> Scope {
    let mut all = Scope::new();
    for command in commands {
        all.absorb(&command.scope);
    }
    all
}

/// Finds what decisions need among what was loaded for them, and notes what is not there.
struct AmongLoaded<'a> {
    loaded: &'a Loaded,
    asked: &'a Scope,
    missing: &'a mut Scope,
}

/// Something that was loaded; noted as missing where it was never asked for.
macro_rules! find {
    ($self:ident, $table:ident, $id:expr) => {{
        let found = $self.loaded.$table.get(&$id).cloned();
        if found.is_none() && !$self.asked.$table.contains(&$id) {
            $self.missing.$table.insert($id);
        }
        Ok(found)
    }};
}

impl Source for AmongLoaded<'_> {
    type Error = Infallible;

    fn user(&mut self, id: UserId) -> Result<Option<Arc<User>>, Infallible> {
        find!(self, users, id)
    }

    fn user_of_email(&mut self, email: &Email) -> Result<Option<Arc<User>>, Infallible> {
        let mut users = self.loaded.users.values();
        let spelled = users.find(|user| user.email.is_spelled_as(email));
        let found = || self.loaded.users.values().find(|user| user.email.is_found_by(email));
        Ok(spelled.or_else(found).cloned())
    }

    fn session(&mut self, id: SessionId) -> Result<Option<Arc<Session>>, Infallible> {
        find!(self, sessions, id)
    }

    fn password_reset(
        &mut self,
        id: PasswordResetId,
    ) -> Result<Option<Arc<PasswordReset>>, Infallible> {
        find!(self, password_resets, id)
    }

    fn concert(&mut self, id: ConcertId) -> Result<Option<Arc<Concert>>, Infallible> {
        Ok(self.loaded.concerts.get(&id).cloned())
    }

    fn show(&mut self, id: ShowId) -> Result<Option<Arc<Show>>, Infallible> {
        Ok(self.loaded.shows.get(&id).cloned())
    }

    fn show_at(
        &mut self,
        concert_id: ConcertId,
        starts_at: Timestamp,
    ) -> Result<Option<Arc<Show>>, Infallible> {
        let at = |show: &&Arc<Show>| (show.concert_id, show.starts_at) == (concert_id, starts_at);
        Ok(self.loaded.shows.values().find(at).cloned())
    }

    fn seat(&mut self, id: SeatId) -> Result<Option<Arc<Seat>>, Infallible> {
        find!(self, seats, id)
    }

    fn reservation(&mut self, id: ReservationId) -> Result<Option<Arc<Reservation>>, Infallible> {
        find!(self, reservations, id)
    }

    fn reserved_by(
        &mut self,
        user_id: UserId,
        concert_id: ConcertId,
    ) -> Result<Vec<Arc<Reservation>>, Infallible> {
        let theirs =
            |found: &&Arc<Reservation>| (found.user_id, found.concert_id) == (user_id, concert_id);
        // One that is locked, too, is taken as it is there: it may have changed in between.
        let as_locked = |found| {
            let found: &Arc<Reservation> = found;
            self.loaded.reservations.get(&found.id).unwrap_or(found).clone()
        };
        Ok(self.loaded.reserved.iter().filter(theirs).map(as_locked).collect())
    }

    fn payment(&mut self, id: PaymentId) -> Result<Option<Arc<Payment>>, Infallible> {
        find!(self, payments, id)
    }

    fn top_up(&mut self, id: TopUpId) -> Result<Option<Arc<TopUp>>, Infallible> {
        find!(self, top_ups, id)
    }

    fn account(&mut self, user_id: UserId) -> Result<Option<Arc<CashAccount>>, Infallible> {
        find!(self, accounts, user_id)
    }

    fn room(&mut self, id: RoomId) -> Result<Option<Arc<WaitingRoom>>, Infallible> {
        Ok(self.loaded.rooms.get(&id).cloned())
    }

    fn line(&mut self, room_id: RoomId) -> Result<Line, Infallible> {
        let line = self.loaded.lines.get(&room_id).cloned();
        Ok(line.unwrap_or(Line { room_id, active_count: None, anyone_waiting: false }))
    }

    fn run_out(
        &mut self,
        room_id: RoomId,
        cutoff: Timestamp,
    ) -> Result<Vec<Arc<WaitingToken>>, Infallible> {
        let ids = self.loaded.run_out.get(&room_id).into_iter().flatten();
        let tokens = ids.filter_map(|id| self.loaded.tokens.get(id));
        Ok(tokens.filter(|token| token.has_run_out(cutoff)).cloned().collect())
    }

    fn token(&mut self, id: TokenId) -> Result<Option<Arc<WaitingToken>>, Infallible> {
        find!(self, tokens, id)
    }

    fn place(
        &mut self,
        user_id: UserId,
        room_id: RoomId,
    ) -> Result<Option<Arc<WaitingToken>>, Infallible> {
        let id = self.loaded.places.get(&(user_id, room_id));
        Ok(id.and_then(|id| self.loaded.tokens.get(id)).cloned())
    }

    fn kept_answer(&mut self, key: &IdempotencyKey) -> Result<Option<Arc<KeptAnswer>>, Infallible> {
        Ok(self.loaded.kept_answers.get(key).cloned())
    }

    fn uptime(&mut self) -> Result<Option<Uptime>, Infallible> {
        Ok(self.loaded.uptime.clone())
    }
}

/// Concerts and shows, which never change once they are there, kept in memory.
pub(crate) struct Programme(Mutex<Kept>);

struct Kept {
    shows: LruCache<ShowId, Arc<Show>>,
    concerts: LruCache<ConcertId, Arc<Concert>>,
    /// The desk's beginning after which they were read.
    beginning: u64,
}

/// How many concerts, and how many shows, are kept.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

impl Programme {
    pub(crate) fn new() -> Self {
        let (shows, concerts) = (LruCache::new(KEPT_MAX), LruCache::new(KEPT_MAX));
        Self(Mutex::new(Kept { shows, concerts, beginning: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database may have another history from this beginning on, in which what is kept never was.
    pub(crate) fn forget_all(&self, beginning: u64) {
        let mut kept = self.lock();
        kept.shows.clear();
        kept.concerts.clear();
        kept.beginning = beginning;
    }

    /// Adds to `loaded` the shows and concerts that `scope` and what was loaded are about. What is read is
    /// kept unless all was forgotten since the transaction began, which was at the beginning `since`.
    pub(crate) async fn add_to(
        &self,
        loaded: &mut Loaded,
        scope: &Scope,
        conn: &AsyncPgConnection,
        since: u64,
    ) -> Result<(), SqlError> {
        let of_reservations = loaded.reservations.values().map(|found| found.show_id);
        let wanted = scope.shows.iter().copied().chain(of_reservations);
        let (mut shows, unknown) = kept(&mut self.lock().shows, wanted);
        let found = shared(loading::shows(conn, &unknown).await?);
        if let Some(mut kept) = self.of(since) {
            keep(&mut kept.shows, found.iter().map(|show| (show.id, Arc::clone(show))));
        }
        shows.extend(found);
        // Whether there is one is not kept in memory: of two that are entered at once, the schema's rule
        // lets one in.
        shows.extend(shared(loading::shows_at(conn, scope).await?));

        let of_shows = shows.iter().map(|show| show.concert_id);
        let wanted = scope.concerts.iter().copied().chain(of_shows);
        let (mut concerts, unknown) = kept(&mut self.lock().concerts, wanted);
        let found = shared(loading::concerts(conn, &unknown).await?);
        if let Some(mut kept) = self.of(since) {
            keep(&mut kept.concerts, found.iter().map(|concert| (concert.id, Arc::clone(concert))));
        }
        concerts.extend(found);

        loaded.shows = shows.into_iter().map(|show| (show.id, show)).collect();
        loaded.concerts = concerts.into_iter().map(|concert| (concert.id, concert)).collect();
        Ok(())
    }

    /// What is kept, if it is of this beginning.
    fn of(&self, beginning: u64) -> Option<MutexGuard<'_, Kept>> {
        Some(self.lock()).filter(|kept| kept.beginning == beginning)
    }
}

fn shared<T>(found: Vec<T>) -> Vec<Arc<T>> {
    found.into_iter().map(Arc::new).collect()
}

/// Those of `wanted` that are kept, and the ids of the others.
fn kept<Id: Ord + Copy + std::hash::Hash + Eq, T: Clone>(
    cache: &mut LruCache<Id, T>,
    wanted: impl Iterator<Item = Id>,
) -> (Vec<T>, Vec<Id>) {
    let wanted: std::collections::BTreeSet<Id> = wanted.collect();
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for id in wanted {
        match cache.get(&id) {
            Some(kept) => found.push(kept.clone()),
            None => unknown.push(id),
        }
    }
    (found, unknown)
}

fn keep<Id: std::hash::Hash + Eq, T>(
    cache: &mut LruCache<Id, T>,
    found: impl Iterator<Item = (Id, T)>,
) {
    for (id, item) in found {
        cache.put(id, item);
    }
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;
    use uuid::Uuid;

    use super::*;
    use crate::loading::begin_and_load;
    use crate::marking::CommitMark;
    use crate::testing;

    const SHOW: Uuid = Uuid::from_u128(7);

    /// How many shows there are for a transaction that began at the beginning `since`.
    async fn shows(programme: &Programme, mut conn: &AsyncPgConnection, since: u64) -> usize {
        let scope = Scope::new().show(SHOW.into());
        let mark = CommitMark { writer_id: Uuid::nil(), number: 1 };
        let mut loaded = begin_and_load(conn, "BEGIN", mark, &scope).await.unwrap();
        programme.add_to(&mut loaded, &scope, conn, since).await.unwrap();
        conn.batch_execute("ROLLBACK").await.unwrap();
        loaded.shows.len()
    }

    #[tokio::test]
    async fn a_show_that_was_read_before_a_new_beginning_is_not_kept() {
        let (conn, _throw_away) = testing::writer(Uuid::nil()).await;
        let only_a_show = format!(
            "SET session_replication_role = replica; \
             INSERT INTO shows (id, concert_id, starts_at, date, seat_count) \
                 VALUES ('{SHOW}', '{SHOW}', now(), now(), 1)"
        );
        (&mut &conn).batch_execute(&only_a_show).await.unwrap();
        let programme = Programme::new();
        programme.forget_all(1);
        assert_eq!(shows(&programme, &conn, 0).await, 1);
        (&mut &conn).batch_execute("DELETE FROM shows").await.unwrap();
        assert_eq!(shows(&programme, &conn, 1).await, 0);
    }
}
