//! Who waits in a room.

use std::collections::HashMap;
use std::num::NonZeroU64;

use domain::Timestamp;
use domain::ids::TokenId;
use domain::ports::{QueueClaims, WaitingNumbers};

use super::WaitingLine;

/// Who waits in one room: by number, and who came before it opened by the token, too, since such a
/// token was signed without a number. Indifferent to the order in which it hears of things.
#[derive(Debug, Default)]
pub(super) struct RoomLine {
    line: WaitingLine,
    lobby: HashMap<TokenId, Option<NonZeroU64>>,
    holders: Holders,
    /// When the initial load began; `None` until it is done. Before that, this holds only changes observed
    /// since loading began.
    read_at: Option<Timestamp>,
}

/// A place in it: the number, and how many are before; none of either before the draw.
pub(super) type KnownPlace = (Option<u64>, Option<u64>);

impl RoomLine {
    /// Takes over what the store knew at some moment from `now` on. What happened since must have been
    /// told already, or be told later; `is_gone` says who is known not to wait any more.
    pub(super) fn begin_with(
        &mut self,
        read: WaitingNumbers,
        now: Timestamp,
        is_gone: impl Fn(TokenId) -> bool,
    ) {
        let heard_since = std::mem::take(&mut self.holders);
        for (number, id) in &read.waiting {
            self.holders.note(*number, *id);
        }
        self.holders.note_all(&heard_since);
        let mut waiting: Vec<u64> = read.waiting.into_iter().map(|(number, _)| number).collect();
        if read.last_number > 0 && read.drawn_count < read.lobby_count {
            // Nobody knows yet who will have these numbers, and somebody will.
            let undrawn = read.drawn_count + 1..=read.lobby_count;
            let after_drawn = waiting.partition_point(|number| *number <= read.drawn_count);
            waiting.splice(after_drawn..after_drawn, undrawn);
        }
        self.line.begin_with(read.last_number, &waiting);
        for (id, number) in read.lobby {
            if !is_gone(id) {
                let known = self.lobby.entry(id).or_default();
                *known = known.or(number.and_then(NonZeroU64::new));
            }
        }
        self.read_at = Some(now);
    }

    /// Whether the store was read.
    pub(super) const fn is_read(&self) -> bool {
        self.read_at.is_some()
    }

    /// Somebody waits.
    pub(super) fn wait(&mut self, id: TokenId, number: Option<u64>) {
        let Some(number) = number else {
            self.lobby.entry(id).or_default();
            return;
        };
        self.line.join(number);
        self.holders.note(number, id);
        // Before the store was read, nobody can tell who came before the opening.
        if self.lobby.contains_key(&id) || !self.is_read() {
            self.lobby.insert(id, NonZeroU64::new(number));
        }
    }

    /// Somebody waits whose token was signed before the draw.
    pub(super) fn wait_since_before_draw(&mut self, id: TokenId, number: u64) {
        self.line.join(number);
        self.lobby.insert(id, NonZeroU64::new(number));
    }

    /// Somebody waits no more.
    pub(super) fn leave(&mut self, id: TokenId, number: Option<u64>) {
        self.lobby.remove(&id);
        if let Some(number) = number {
            self.line.leave(number);
        }
    }

    /// The place of a token, if it is known to wait.
    pub(super) fn place(&self, claims: &QueueClaims) -> Option<KnownPlace> {
        let read_at = self.read_at?;
        let number = match claims.number {
            Some(number) => match self.holders.is_held_by(number, claims.token_id) {
                Some(is_held) => Some(number).filter(|_| is_held)?,
                // Whoever had it when the line was read is known: if this one was to be there then, its
                // record may be gone, and the number somebody else's.
                None => Some(number).filter(|_| claims.issued_at > read_at)?,
            },
            None => match self.lobby.get(&claims.token_id)? {
                Some(number) => number.get(),
                None => return Some((None, None)),
            },
        };
        self.line.ahead_of(number).map(|ahead| (Some(number), Some(ahead)))
    }

    /// How many wait before a number that waits.
    pub(super) fn ahead_of(&self, number: Option<u64>) -> Option<u64> {
        self.line.ahead_of(number?)
    }
}

/// Who has which number, as far as it was heard: 32 bits of each token's id, which its number's next
/// holder has with one chance in four billion.
#[derive(Debug, Default)]
struct Holders {
    first: u64,
    /// From the first number on; 0 where nobody is known.
    marks: Vec<u32>,
}

/// How many numbers past the last known one may be noted: whoever is further ahead is asked for in the
/// store.
const AHEAD_MAX: u64 = 1 << 20;

impl Holders {
    fn note(&mut self, number: u64, id: TokenId) {
        self.note_mark(number, mark(id));
    }

    fn note_mark(&mut self, number: u64, mark: u32) {
        if self.marks.is_empty() {
            self.first = number;
        }
        if number < self.first && !self.begin_at(number) {
            return;
        }
        let at = number.saturating_sub(self.first);
        let Ok(end) = u64::try_from(self.marks.len()) else { return };
        let Ok(index) = usize::try_from(at) else { return };
        if at >= end.saturating_add(AHEAD_MAX) {
            return;
        }
        if at >= end {
            self.marks.resize(index.saturating_add(1), 0);
        }
        if let Some(known) = self.marks.get_mut(index) {
            *known = mark;
        }
    }

    /// Makes room for a number before the first one. Says whether there is any.
    fn begin_at(&mut self, number: u64) -> bool {
        let gap = self.first.saturating_sub(number);
        let Some(gap) = usize::try_from(gap).ok().filter(|_| gap <= AHEAD_MAX) else {
            return false;
        };
        self.marks.splice(0..0, std::iter::repeat_n(0, gap));
        self.first = number;
        true
    }

    /// Notes all that `others` know.
    fn note_all(&mut self, others: &Self) {
        for (number, mark) in (others.first..).zip(&others.marks) {
            if *mark != 0 {
                self.note_mark(number, *mark);
            }
        }
    }

    /// Whether a token has that number; none if nobody is known to have it.
    fn is_held_by(&self, number: u64, id: TokenId) -> Option<bool> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let known = self.marks.get(index).filter(|known| **known != 0)?;
        Some(*known == mark(id))
    }
}

/// The last bits of an id, which are random; never 0.
fn mark(id: TokenId) -> u32 {
    let (_, low) = uuid::Uuid::from(id).as_u64_pair();
    u32::try_from(low & u64::from(u32::MAX)).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{claims, now};

    /// The place of a token that was signed with `number`.
    fn place(line: &RoomLine, token_id: TokenId, number: Option<u64>) -> Option<KnownPlace> {
        line.place(&QueueClaims { token_id, number, ..claims() })
    }

    fn id(n: u64) -> TokenId {
        uuid::Uuid::from_u128(n.into()).into()
    }

    /// Three came before the opening; one came after, as number 4.
    fn opened(drawn: &[(u64, u64)]) -> WaitingNumbers {
        let number = |n| drawn.iter().find(|(id, _)| *id == n).map(|(_, number)| *number);
        let waiting =
            drawn.iter().map(|(n, number)| (*number, id(*n))).chain([(4, id(9))]).collect();
        WaitingNumbers {
            last_number: 4,
            waiting,
            lobby_count: 3,
            drawn_count: u64::try_from(drawn.len()).unwrap(),
            lobby: (1..=3).map(|n| (id(n), number(n))).collect(),
        }
    }

    #[test]
    fn before_the_draw_a_place_has_no_number_and_afterwards_it_has() {
        let mut line = RoomLine::default();
        line.begin_with(WaitingNumbers::default(), now(), |_| false);
        line.wait(id(1), None);
        assert_eq!(place(&line, id(1), None), Some((None, None)));
        assert_eq!(place(&line, id(2), None), None, "nobody has heard of it");
        line.wait(id(1), Some(7));
        assert_eq!(place(&line, id(1), None), Some((Some(7), Some(6))));
        line.wait(id(1), None);
        assert_eq!(place(&line, id(1), None), Some((Some(7), Some(6))), "that was old news");
        line.leave(id(1), Some(7));
        assert_eq!(place(&line, id(1), None), None);
    }

    #[test]
    fn who_comes_after_the_opening_is_behind_those_whose_numbers_are_not_drawn_yet() {
        let mut line = RoomLine::default();
        line.begin_with(opened(&[(2, 1)]), now(), |_| false);
        assert_eq!(place(&line, id(9), Some(4)), Some((Some(4), Some(3))));
        assert_eq!(place(&line, id(2), None), Some((Some(1), Some(0))));
        assert_eq!(place(&line, id(3), None), Some((None, None)));
        line.wait(id(3), Some(2));
        // The first, who has left, is drawn as well.
        line.leave(id(1), Some(3));
        assert_eq!(place(&line, id(3), None), Some((Some(2), Some(1))));
        assert_eq!(place(&line, id(9), Some(4)), Some((Some(4), Some(2))));
    }

    #[test]
    fn a_number_that_is_heard_before_the_line_is_read_hides_none_before_it() {
        let mut line = RoomLine::default();
        line.wait(id(5), Some(5));
        let waiting = (1..=4).map(|n| (n, id(n))).collect();
        let read = WaitingNumbers { last_number: 4, waiting, ..WaitingNumbers::default() };
        line.begin_with(read, now(), |_| false);
        for n in 1..=5 {
            assert_eq!(place(&line, id(n), Some(n)), Some((Some(n), Some(n - 1))));
        }
        assert_eq!(place(&line, id(9), Some(3)), None, "it is another's");
    }

    #[test]
    fn numbers_are_known_in_whatever_order_they_are_heard() {
        let mut line = RoomLine::default();
        line.begin_with(WaitingNumbers::default(), now(), |_| false);
        for n in [3, 1, 2] {
            line.wait(id(n), Some(n));
        }
        for n in 1..=3 {
            assert_eq!(line.holders.is_held_by(n, id(n)), Some(true));
        }
    }

    #[test]
    fn what_is_heard_while_the_store_is_read_is_kept() {
        let mut line = RoomLine::default();
        line.wait(id(3), Some(2));
        line.leave(id(1), Some(3));
        line.begin_with(opened(&[(2, 1)]), now(), |gone| gone == id(1));
        assert_eq!(place(&line, id(3), None), Some((Some(2), Some(1))));
        assert_eq!(place(&line, id(1), None), None);
    }
}
