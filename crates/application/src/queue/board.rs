use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{CommitObserver, Lines, QueueClaims, Unavailable};
use domain::records::Records;
use domain::waiting_token::{Standing, TokenState, WaitingToken};
use lru::LruCache;

use super::WaitingLine;

/// Who is inside and who waits, as far as this server has heard: of its own commits at once, of other
/// servers' soon after. A poll is answered from it, and whoever is inside is let through by it,
/// without asking the store. It may be late, and is never wrong: what it does not know for certain
/// is asked for there.
pub struct Board {
    lines: Arc<dyn Lines>,
    inside: Mutex<LruCache<TokenId, Seen>>,
    rooms: Mutex<HashMap<RoomId, Arc<RoomLine>>>,
}

/// How many tokens that are or were inside are on it at the most, the oldest seen going first.
const INSIDE_MAX: NonZeroUsize = NonZeroUsize::new(1 << 18).unwrap();

/// How far a token was seen to have got. It only ever gets further, so what is heard late or twice
/// takes nothing back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// Inside, until then at least.
    Inside(Timestamp),
    Out,
}

/// A room's line, and whether it is being read from the store.
struct RoomLine {
    kept: Mutex<Kept>,
    reading: tokio::sync::Mutex<()>,
}

struct Kept {
    line: WaitingLine,
    /// Until it was read, it has only what happened since it is waited for.
    is_read: bool,
}

/// Where a token stands, and how many wait before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceInLine {
    /// How far it got.
    pub standing: Standing,
    /// How many wait before it; none unless it waits.
    pub ahead: Option<u64>,
}

impl Board {
    /// Over this port.
    #[must_use]
    pub fn new(lines: Arc<dyn Lines>) -> Self {
        let inside = Mutex::new(LruCache::new(INSIDE_MAX));
        Self { lines, inside, rooms: Mutex::default() }
    }

    /// Whether the token is known to be inside at `now`. If not, it may be even so.
    #[must_use]
    pub fn is_inside(&self, id: TokenId, now: Timestamp) -> bool {
        self.inside_until(id, now).is_some()
    }

    fn inside_until(&self, id: TokenId, now: Timestamp) -> Option<Timestamp> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        match inside.get(&id) {
            Some(Seen::Inside(until)) if now < *until => Some(*until),
            _ => None,
        }
    }

    /// Where the token stands at `now`; none where its record is gone.
    ///
    /// # Errors
    /// [`Unavailable`] when that is not on the board and the store does not answer.
    pub async fn place(
        &self,
        claims: &QueueClaims,
        now: Timestamp,
    ) -> Result<Option<PlaceInLine>, Unavailable> {
        if let Some(expires_at) = self.inside_until(claims.token_id, now) {
            let standing = Standing::Active { expires_at };
            return Ok(Some(PlaceInLine { standing, ahead: None }));
        }
        let room = self.room(claims.room_id).await?;
        let ahead = || {
            let kept = room.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.line.ahead_of(claims.number)
        };
        if let Some(ahead) = ahead() {
            return Ok(Some(PlaceInLine { standing: Standing::Waiting, ahead: Some(ahead) }));
        }
        let Some(token) = self.lines.token(claims.token_id).await? else { return Ok(None) };
        self.note(&token);
        let standing = token.standing(now);
        let ahead = if standing == Standing::Waiting { ahead() } else { None };
        Ok(Some(PlaceInLine { standing, ahead }))
    }

    /// Takes note of a token as it was read or written.
    pub fn note(&self, token: &WaitingToken) {
        let seen = match token.state {
            TokenState::Waiting => None,
            TokenState::Active { expires_at, .. } => Some(Seen::Inside(expires_at)),
            TokenState::Done { .. } | TokenState::Expired { .. } => Some(Seen::Out),
        };
        if let Some(seen) = seen {
            let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
            let known = inside.get_or_insert_mut(token.id, || seen);
            *known = seen.max(*known);
        }
        let room = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(room) = room.get(&token.room_id).cloned() else { return };
        let mut kept = room.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match seen {
            None => kept.line.join(token.number),
            Some(_) => kept.line.leave(token.number),
        }
    }

    /// The line of a room, read from the store where it is not here yet. However many want it at
    /// once, one of them reads it.
    async fn room(&self, id: RoomId) -> Result<Arc<RoomLine>, Unavailable> {
        let room = {
            let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(rooms.entry(id).or_insert_with(|| Arc::new(RoomLine::unread())))
        };
        if room.is_read() {
            return Ok(room);
        }
        let reading = room.reading.lock().await;
        if !room.is_read() {
            let line = self.lines.waiting_numbers(id).await?;
            let mut kept = room.kept.lock().unwrap_or_else(PoisonError::into_inner);
            // Whatever happened since before it was read has been noted here.
            kept.line.begin_with(line.last_number, &line.waiting);
            kept.is_read = true;
        }
        drop(reading);
        Ok(room)
    }
}

impl RoomLine {
    fn unread() -> Self {
        let kept = Kept { line: WaitingLine::default(), is_read: false };
        Self { kept: Mutex::new(kept), reading: tokio::sync::Mutex::default() }
    }

    fn is_read(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).is_read
    }
}

impl CommitObserver for Board {
    fn committed(&self, changes: &Records) {
        changes.tokens.changes().for_each(|(token, _)| self.note(token));
    }

    fn lost_track(&self) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockLines, WaitingNumbers};

    use super::*;
    use crate::testing::*;

    /// A board over a store that must not be asked.
    fn board() -> Board {
        Board::new(Arc::new(MockLines::new()))
    }

    fn is_inside(board: &Board) -> bool {
        board.is_inside(claims().token_id, now())
    }

    #[test]
    fn who_was_let_in_is_inside_until_the_time_is_over() {
        let board = board();
        board.note(&waiting_token());
        assert!(!is_inside(&board));
        board.note(&active_token());
        assert!(is_inside(&board));
        assert!(!board.is_inside(claims().token_id, now() + seconds(600)));
    }

    #[test]
    fn who_is_out_stays_out_though_an_older_commit_is_heard_of_later() {
        let board = board();
        board.note(&active_token());
        board.note(&done_token());
        assert!(!is_inside(&board));
        board.note(&active_token());
        assert!(!is_inside(&board));
    }

    #[test]
    fn time_that_a_hold_added_is_not_taken_back_by_an_older_commit() {
        let board = board();
        let mut prolonged = active_token();
        prolonged.keep_until(now() + seconds(900));
        board.note(&prolonged);
        board.note(&active_token());
        assert!(board.is_inside(claims().token_id, now() + seconds(899)));
    }

    #[test]
    fn commits_are_noted_and_forgotten_when_some_may_have_been_missed() {
        let (board, mut records) = (board(), empty());
        records.tokens.insert(active_token());
        board.committed(&records);
        assert!(is_inside(&board));
        board.lost_track();
        assert!(!is_inside(&board));
    }

    /// A store in which numbers 1 to 5 were given out, and 2 to 5 wait.
    fn four_wait() -> MockLines {
        let mut lines = MockLines::new();
        let line = WaitingNumbers { last_number: 5, waiting: vec![2, 3, 4, 5] };
        lines.expect_waiting_numbers().times(1).returning(move |_| Ok(line.clone()));
        lines
    }

    async fn ahead(board: &Board, number: u64) -> Option<u64> {
        let claims = QueueClaims { number, ..claims() };
        board.place(&claims, now()).await.unwrap().unwrap().ahead
    }

    #[tokio::test]
    async fn a_line_is_read_once_and_then_follows_the_commits() {
        let board = Board::new(Arc::new(four_wait()));
        assert_eq!(ahead(&board, 5).await, Some(3));
        board.note(&WaitingToken { number: 3, ..active_token() });
        let joined = TokenId::from(uuid::Uuid::from_u128(77));
        board.note(&WaitingToken { number: 6, id: joined, ..waiting_token() });
        assert!(is_inside(&board));
        let sixth = QueueClaims { number: 6, token_id: joined, ..claims() };
        let place = board.place(&sixth, now()).await.unwrap().unwrap();
        assert_eq!(place, PlaceInLine { standing: Standing::Waiting, ahead: Some(3) });
    }

    #[tokio::test]
    async fn a_number_that_the_board_has_not_heard_of_is_asked_for_in_the_store() {
        let mut lines = four_wait();
        let newest = WaitingToken { number: 7, ..waiting_token() };
        lines.expect_token().times(1).returning(move |_| Ok(Some(newest.clone())));
        let board = Board::new(Arc::new(lines));
        for _ in 0..2 {
            // The sixth, of whom nothing was heard yet either, is before it.
            assert_eq!(ahead(&board, 7).await, Some(5));
        }
    }

    #[tokio::test]
    async fn who_left_is_asked_for_in_the_store_and_may_be_gone() {
        let mut lines = four_wait();
        lines.expect_token().returning(|_| Ok(None));
        let board = Board::new(Arc::new(lines));
        let first = QueueClaims { number: 1, ..claims() };
        assert_eq!(board.place(&first, now()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_happens_while_a_line_is_being_read_is_not_missed() {
        let board = Arc::new(std::sync::OnceLock::<Board>::new());
        let mut lines = MockLines::new();
        let meanwhile = Arc::clone(&board);
        lines.expect_waiting_numbers().returning(move |_| {
            let gone = WaitingToken { number: 2, ..done_token() };
            meanwhile.get().unwrap().note(&gone);
            Ok(WaitingNumbers { last_number: 3, waiting: vec![1, 2, 3] })
        });
        let board = board.get_or_init(|| Board::new(Arc::new(lines)));
        assert_eq!(ahead(board, 3).await, Some(1));
    }
}
