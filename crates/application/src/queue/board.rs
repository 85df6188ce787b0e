use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use domain::Timestamp;
use domain::ids::TokenId;
use domain::ports::CommitObserver;
use domain::records::Records;
use domain::waiting_token::{TokenState, WaitingToken};
use lru::LruCache;

/// Who is inside, as far as this server has heard: of its own commits at once, of other servers'
/// soon after. So that who was let in is let through without asking the store; whoever is not on it
/// has to be asked for there.
pub struct Board {
    tokens: Mutex<LruCache<TokenId, Seen>>,
}

/// How many tokens are on it at the most, the oldest seen going first.
const TOKENS_MAX: NonZeroUsize = NonZeroUsize::new(1 << 18).unwrap();

/// How far a token was seen to have got. It only ever gets further, so what is heard late or twice
/// takes nothing back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// Inside, until then at least.
    Inside(Timestamp),
    Out,
}

impl Default for Board {
    fn default() -> Self {
        Self { tokens: Mutex::new(LruCache::new(TOKENS_MAX)) }
    }
}

impl Board {
    /// Whether the token is known to be inside at `now`. If not, it may be even so.
    #[must_use]
    pub fn is_inside(&self, id: TokenId, now: Timestamp) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(tokens.get(&id), Some(Seen::Inside(until)) if now < *until)
    }

    /// Takes note of a token as it was read or written.
    pub fn note(&self, token: &WaitingToken) {
        let seen = match token.state {
            TokenState::Waiting => return,
            TokenState::Active { expires_at, .. } => Seen::Inside(expires_at),
            TokenState::Done { .. } | TokenState::Expired { .. } => Seen::Out,
        };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get_or_insert_mut(token.id, || seen);
        *known = seen.max(*known);
    }
}

impl CommitObserver for Board {
    fn committed(&self, changes: &Records) {
        changes.tokens.changes().for_each(|(token, _)| self.note(token));
    }

    fn lost_track(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn is_inside(board: &Board) -> bool {
        board.is_inside(claims().token_id, now())
    }

    #[test]
    fn who_was_let_in_is_inside_until_the_time_is_over() {
        let board = Board::default();
        board.note(&waiting_token());
        assert!(!is_inside(&board));
        board.note(&active_token());
        assert!(is_inside(&board));
        assert!(!board.is_inside(claims().token_id, now() + seconds(600)));
    }

    #[test]
    fn who_is_out_stays_out_though_an_older_commit_is_heard_of_later() {
        let board = Board::default();
        board.note(&active_token());
        board.note(&done_token());
        assert!(!is_inside(&board));
        board.note(&active_token());
        assert!(!is_inside(&board));
    }

    #[test]
    fn time_that_a_hold_added_is_not_taken_back_by_an_older_commit() {
        let board = Board::default();
        let mut prolonged = active_token();
        prolonged.keep_until(now() + seconds(900));
        board.note(&prolonged);
        board.note(&active_token());
        assert!(board.is_inside(claims().token_id, now() + seconds(899)));
    }

    #[test]
    fn commits_are_noted_and_forgotten_when_some_may_have_been_missed() {
        let (board, mut records) = (Board::default(), empty());
        records.tokens.insert(active_token());
        board.committed(&records);
        assert!(is_inside(&board));
        board.lost_track();
        assert!(!is_inside(&board));
    }
}
