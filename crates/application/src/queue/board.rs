use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Clock, CommitObserver, Lines, QueueClaims, Unavailable};
use domain::records::Records;
use domain::waiting_token::{Standing, TokenState, WaitingToken};
use lru::LruCache;

use super::room_line::RoomLine;
use crate::gathered::Gathered;
use crate::single_flight::SingleFlight;

/// Who is inside and who waits, as far as this server has heard: of its own commits at once, of other
/// servers' soon after. A poll is answered from it, and whoever is inside is let through by it,
/// without asking the store. It may be late, and is never wrong: what it does not know for certain
/// is asked for there.
pub struct Board {
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
    known: Arc<Known>,
    flights: SingleFlight<RoomId, Arc<Room>>,
    tokens: Gathered<TokenId, WaitingToken>,
}

/// What is on it.
struct Known {
    inside: Mutex<LruCache<TokenId, Seen>>,
    rooms: RwLock<HashMap<RoomId, Arc<Room>>>,
    /// How often it has begun anew.
    beginnings: RwLock<u64>,
}

/// How many tokens that are or were inside are on it at the most, the oldest seen going first.
const INSIDE_MAX: NonZeroUsize = NonZeroUsize::new(1 << 18).unwrap();

/// How far a token was seen to have got. It only ever gets further, so what is heard late or twice
/// takes nothing back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    /// How often it was out and its user came to the lobby again.
    returns: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    /// Inside, until then at least.
    Inside(Timestamp, Option<u64>),
    Out,
}

impl Seen {
    fn of(token: &WaitingToken) -> Self {
        let stage = match token.state {
            TokenState::Waiting => Stage::Waiting,
            TokenState::Active { expires_at, .. } => Stage::Inside(expires_at, token.number),
            TokenState::Done { .. } | TokenState::Expired { .. } => Stage::Out,
        };
        Self { returns: token.lot.map_or(0, |lot| lot.returns), stage }
    }
}

/// A room's line.
#[derive(Default)]
struct Room {
    line: Mutex<RoomLine>,
}

/// Where a token stands, and how many wait before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceInLine {
    /// How far it got.
    pub standing: Standing,
    /// Its number; none before the draw.
    pub number: Option<u64>,
    /// How many wait before it; none unless it waits with a number.
    pub ahead: Option<u64>,
}

impl Board {
    /// Over these ports.
    #[must_use]
    pub fn new(lines: Arc<dyn Lines>, clock: Arc<dyn Clock>) -> Self {
        let inside = Mutex::new(LruCache::new(INSIDE_MAX));
        let (rooms, beginnings) = (RwLock::default(), RwLock::default());
        let known = Arc::new(Known { inside, rooms, beginnings });
        let store = Arc::clone(&lines);
        let tokens = Gathered::new(move |ids| {
            let store = Arc::clone(&store);
            async move {
                let found = store.tokens(ids).await?;
                Ok(found.into_iter().map(|token| (token.id, token)).collect())
            }
        });
        Self { lines, clock, known, flights: SingleFlight::default(), tokens }
    }

    /// The token of that id, as it is in the store; noted here. Those that many ask for at once are read
    /// together.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn token(&self, id: TokenId) -> Result<Option<WaitingToken>, Unavailable> {
        let since = self.beginning();
        let found = self.tokens.get(id).await?;
        if let Some(token) = &found {
            self.note(token, since);
        }
        Ok(found)
    }

    /// Whether the token is known to be inside as of `cutoff`. If not, it may be even so.
    #[must_use]
    pub fn is_inside(&self, id: TokenId, cutoff: Timestamp) -> bool {
        matches!(self.known.stage(id), Stage::Inside(until, _) if cutoff < until)
    }

    /// Where the token stands as of `cutoff`, as far as the board knows it by itself.
    #[must_use]
    pub fn known_place(&self, claims: &QueueClaims, cutoff: Timestamp) -> Option<PlaceInLine> {
        let rooms = self.known.rooms.read().unwrap_or_else(PoisonError::into_inner);
        self.known.place_in(rooms.get(&claims.room_id)?, claims, cutoff)
    }

    /// Where the token stands as of `cutoff`; none where its record is gone.
    ///
    /// # Errors
    /// [`Unavailable`] when that is not on the board and the store does not answer.
    pub async fn place(
        &self,
        claims: &QueueClaims,
        cutoff: Timestamp,
    ) -> Result<Option<PlaceInLine>, Unavailable> {
        let room = self.room(claims.room_id).await?;
        if let Some(place) = self.known.place_in(&room, claims, cutoff) {
            return Ok(Some(place));
        }
        let Some(token) = self.token(claims.token_id).await? else { return Ok(None) };
        let standing = token.standing(cutoff);
        let number = token.number;
        if standing == Standing::Waiting {
            if let (None, Some(number)) = (claims.number, number) {
                room.line().wait_since_before_draw(token.id, number);
            }
            let ahead = room.line().ahead_of(number);
            return Ok(Some(PlaceInLine { standing, number, ahead }));
        }
        Ok(Some(PlaceInLine { standing, number, ahead: None }))
    }

    /// Names the time since the board last began anew.
    #[must_use]
    pub fn beginning(&self) -> u64 {
        *self.known.beginnings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a token whose reading or writing began at [`Board::beginning`] `since`. Where the board
    /// has begun anew since, the token may never have been so.
    pub fn note(&self, token: &WaitingToken, since: u64) {
        let beginnings = self.known.beginnings.read().unwrap_or_else(PoisonError::into_inner);
        if *beginnings == since {
            self.known.note(token);
        }
    }

    /// Whether the line of a room is here.
    #[must_use]
    pub fn knows_line(&self, id: RoomId) -> bool {
        self.known.room(id).is_some_and(|room| room.line().is_read())
    }

    /// Makes sure that the line of a room is here.
    ///
    /// # Errors
    /// [`Unavailable`] when it is not and the store does not answer.
    pub async fn know_line(&self, id: RoomId) -> Result<(), Unavailable> {
        self.room(id).await.map(drop)
    }

    /// The line of a room, read from the store where it is not here yet. However many want it at
    /// once, it is read once.
    async fn room(&self, id: RoomId) -> Result<Arc<Room>, Unavailable> {
        let room = self.known.room_to_read(id);
        if room.line().is_read() {
            return Ok(room);
        }
        let (lines, known, now) = (self.lines.clone(), self.known.clone(), self.clock.now());
        let ask = || async move {
            // Whatever happens from now on is noted here, too.
            let read = lines.waiting_numbers(id).await?;
            room.line().begin_with(read, now, |id| known.stage(id) != Stage::Waiting);
            Ok(room)
        };
        self.flights.run(id, ask).await
    }
}

impl Known {
    /// How far it got; it waits as long as nothing else is known.
    fn stage(&self, id: TokenId) -> Stage {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.get(&id).map_or(Stage::Waiting, |seen| seen.stage)
    }

    fn place_in(
        &self,
        room: &Room,
        claims: &QueueClaims,
        cutoff: Timestamp,
    ) -> Option<PlaceInLine> {
        if let Some((number, ahead)) = room.line().place(claims) {
            return Some(PlaceInLine { standing: Standing::Waiting, number, ahead });
        }
        match self.stage(claims.token_id) {
            Stage::Inside(expires_at, number) if cutoff < expires_at => {
                let standing = Standing::Active { expires_at };
                Some(PlaceInLine { standing, number, ahead: None })
            }
            _ => None,
        }
    }

    fn note(&self, token: &WaitingToken) {
        let seen = Seen::of(token);
        // Of who never did anything but wait, nothing is kept here.
        if seen != (Seen { returns: 0, stage: Stage::Waiting }) {
            let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
            let known = inside.get_or_insert_mut(token.id, || seen);
            *known = seen.max(*known);
        }
        let Some(room) = self.room(token.room_id) else { return };
        match (seen.stage, self.stage(token.id)) {
            (Stage::Waiting, Stage::Waiting) => room.line().wait(token.id, token.number),
            // The user came again since.
            (_, Stage::Waiting) => {}
            (Stage::Inside(..) | Stage::Out, _) => room.line().leave(token.id, token.number),
            // Older than what is known.
            (Stage::Waiting, _) => {}
        }
    }

    fn room(&self, id: RoomId) -> Option<Arc<Room>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The room, which notes what happens in it from now on.
    fn room_to_read(&self, id: RoomId) -> Arc<Room> {
        self.room(id).unwrap_or_else(|| {
            let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(rooms.entry(id).or_default())
        })
    }
}

impl Room {
    fn line(&self) -> MutexGuard<'_, RoomLine> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for Board {
    fn committed(&self, changes: &Records) {
        changes.tokens.changes().for_each(|(token, _)| self.known.note(token));
    }

    fn began_anew(&self, _: u64) {
        let mut beginnings = self.known.beginnings.write().unwrap_or_else(PoisonError::into_inner);
        *beginnings += 1;
        self.known.inside.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.known.rooms.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.flights.forget_all();
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockLines, WaitingNumbers};

    use super::*;
    use crate::testing::*;

    /// A board over a store that must not be asked.
    fn board() -> Board {
        Board::new(Arc::new(MockLines::new()), clock())
    }

    fn is_inside(board: &Board) -> bool {
        board.is_inside(claims().token_id, now())
    }

    #[test]
    fn who_was_let_in_is_inside_until_the_time_is_over() {
        let board = board();
        board.known.note(&waiting_token());
        assert!(!is_inside(&board));
        board.known.note(&active_token());
        assert!(is_inside(&board));
        assert!(!board.is_inside(claims().token_id, now() + seconds(600)));
    }

    #[test]
    fn who_is_out_stays_out_though_an_older_commit_is_heard_of_later() {
        let board = board();
        board.known.note(&active_token());
        board.known.note(&done_token());
        assert!(!is_inside(&board));
        board.known.note(&active_token());
        assert!(!is_inside(&board));
    }

    #[test]
    fn time_that_a_hold_added_is_not_taken_back_by_an_older_commit() {
        let board = board();
        let mut prolonged = active_token();
        prolonged.keep_until(now() + seconds(900), seconds(300));
        board.known.note(&prolonged);
        board.known.note(&active_token());
        assert!(board.is_inside(claims().token_id, now() + seconds(899)));
    }

    #[test]
    fn commits_are_noted_and_forgotten_when_some_may_have_been_missed() {
        let (board, mut records) = (board(), empty());
        records.tokens.insert(active_token());
        board.committed(&records);
        assert!(is_inside(&board));
        board.began_anew(1);
        assert!(!is_inside(&board));
    }

    /// A store in which numbers 1 to 5 were given out, and 2 to 5 wait.
    fn four_wait() -> MockLines {
        let mut lines = MockLines::new();
        let line = WaitingNumbers { last_number: 5, waiting: waiting(2..=5), ..Default::default() };
        lines.expect_waiting_numbers().times(1).returning(move |_| Ok(line.clone()));
        lines
    }

    /// Who has that number.
    fn claims_of(number: u64) -> QueueClaims {
        QueueClaims { number: Some(number), token_id: token_id(number), ..claims() }
    }

    async fn ahead(board: &Board, number: u64) -> Option<u64> {
        board.place(&claims_of(number), now()).await.unwrap().unwrap().ahead
    }

    #[tokio::test]
    async fn a_line_is_read_once_and_then_follows_the_commits() {
        let board = Board::new(Arc::new(four_wait()), clock());
        assert_eq!(ahead(&board, 5).await, Some(3));
        board.known.note(&WaitingToken { number: Some(3), id: token_id(3), ..active_token() });
        board.known.note(&WaitingToken { number: Some(6), id: token_id(6), ..waiting_token() });
        assert!(board.is_inside(token_id(3), now()));
        let place = board.place(&claims_of(6), now()).await.unwrap().unwrap();
        assert_eq!(
            place,
            PlaceInLine { standing: Standing::Waiting, number: Some(6), ahead: Some(3) }
        );
    }

    #[tokio::test]
    async fn a_number_that_the_board_has_not_heard_of_is_asked_for_in_the_store() {
        let mut lines = four_wait();
        let newest = WaitingToken { number: Some(7), id: token_id(7), ..waiting_token() };
        lines.expect_tokens().times(1).returning(move |_| Ok(vec![newest.clone()]));
        let board = Board::new(Arc::new(lines), clock());
        for _ in 0..2 {
            // The sixth, of whom nothing was heard yet either, is before it.
            assert_eq!(ahead(&board, 7).await, Some(5));
        }
    }

    #[tokio::test]
    async fn who_left_is_asked_for_in_the_store_and_may_be_gone() {
        let mut lines = four_wait();
        lines.expect_tokens().returning(|_| Ok(vec![]));
        let board = Board::new(Arc::new(lines), clock());
        assert_eq!(board.place(&claims_of(1), now()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_happens_while_a_line_is_being_read_is_not_missed() {
        let board = Arc::new(std::sync::OnceLock::<Board>::new());
        let mut lines = MockLines::new();
        let meanwhile = Arc::clone(&board);
        lines.expect_waiting_numbers().returning(move |_| {
            let gone = WaitingToken { number: Some(2), id: token_id(2), ..done_token() };
            meanwhile.get().unwrap().known.note(&gone);
            Ok(WaitingNumbers { last_number: 3, waiting: waiting(1..=3), ..Default::default() })
        });
        let board = board.get_or_init(|| Board::new(Arc::new(lines), clock()));
        assert_eq!(ahead(board, 3).await, Some(1));
    }

    #[tokio::test]
    async fn a_token_that_was_read_before_a_new_beginning_is_not_noted() {
        let board = Arc::new(std::sync::OnceLock::<Board>::new());
        let mut lines = MockLines::new();
        lines.expect_waiting_numbers().returning(|_| Ok(WaitingNumbers::default()));
        let meanwhile = Arc::clone(&board);
        lines.expect_tokens().times(1).returning(move |_| {
            meanwhile.get().unwrap().began_anew(1);
            Ok(vec![active_token()])
        });
        let board = board.get_or_init(|| Board::new(Arc::new(lines), clock()));
        board.place(&claims(), now()).await.unwrap().unwrap();
        assert!(!is_inside(board));
    }

    #[tokio::test]
    async fn a_number_that_somebody_else_has_is_not_taken_for_ones_own() {
        let mut lines = four_wait();
        lines.expect_tokens().times(1).returning(|_| Ok(vec![]));
        let board = Board::new(Arc::new(lines), clock());
        let lost = QueueClaims { token_id: unknown(), ..claims_of(4) };
        assert_eq!(board.place(&lost, now()).await.unwrap(), None, "its record was rolled back");
        assert_eq!(ahead(&board, 4).await, Some(2));
    }

    #[tokio::test]
    async fn a_thousand_first_polls_read_the_line_once() {
        let board = Arc::new(Board::new(Arc::new(four_wait()), clock()));
        let mut polls = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let board = Arc::clone(&board);
            polls.spawn(async move { ahead(&board, 5).await });
        }
        assert!(polls.join_all().await.into_iter().all(|ahead| ahead == Some(3)));
    }
}
