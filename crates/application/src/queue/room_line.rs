//! Who waits in a room.

use std::collections::HashMap;
use std::num::NonZeroU64;

use domain::ids::TokenId;
use domain::ports::WaitingNumbers;

use super::WaitingLine;

/// Who waits in one room: by number, and who came before it opened by the token, too, since such a
/// token was signed without a number. Indifferent to the order in which it hears of things.
#[derive(Debug, Default)]
pub(super) struct RoomLine {
    line: WaitingLine,
    lobby: HashMap<TokenId, Option<NonZeroU64>>,
    /// Until the store was read, it has only what happened since it is waited for.
    pub(super) is_read: bool,
}

/// A place in it: the number, and how many are before; none of either before the draw.
pub(super) type KnownPlace = (Option<u64>, Option<u64>);

impl RoomLine {
    /// Takes over what the store knew at some moment. What happened since must have been told
    /// already, or be told later; `is_gone` says who is known not to wait any more.
    pub(super) fn begin_with(&mut self, read: WaitingNumbers, is_gone: impl Fn(TokenId) -> bool) {
        let mut waiting = read.waiting;
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
        self.is_read = true;
    }

    /// Somebody waits.
    pub(super) fn wait(&mut self, id: TokenId, number: Option<u64>) {
        let Some(number) = number else {
            self.lobby.entry(id).or_default();
            return;
        };
        self.line.join(number);
        // Before the store was read, nobody can tell who came before the opening.
        if self.lobby.contains_key(&id) || !self.is_read {
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

    /// The place of a token that was signed with `claimed` as its number, if it is known to wait.
    pub(super) fn place(&self, id: TokenId, claimed: Option<u64>) -> Option<KnownPlace> {
        let number = match claimed {
            Some(number) => number,
            None => match self.lobby.get(&id)? {
                Some(number) => number.get(),
                None => return Some((None, None)),
            },
        };
        self.line.ahead_of(number).map(|ahead| (Some(number), Some(ahead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TokenId {
        uuid::Uuid::from_u128(n.into()).into()
    }

    /// Three came before the opening; one came after, as number 4.
    fn opened(drawn: &[(u64, u64)]) -> WaitingNumbers {
        let number = |n| drawn.iter().find(|(id, _)| *id == n).map(|(_, number)| *number);
        let waiting = drawn.iter().map(|(_, number)| *number).chain([4]).collect();
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
        line.begin_with(WaitingNumbers::default(), |_| false);
        line.wait(id(1), None);
        assert_eq!(line.place(id(1), None), Some((None, None)));
        assert_eq!(line.place(id(2), None), None, "nobody has heard of it");
        line.wait(id(1), Some(7));
        assert_eq!(line.place(id(1), None), Some((Some(7), Some(6))));
        line.wait(id(1), None);
        assert_eq!(line.place(id(1), None), Some((Some(7), Some(6))), "that was old news");
        line.leave(id(1), Some(7));
        assert_eq!(line.place(id(1), None), None);
    }

    #[test]
    fn who_comes_after_the_opening_is_behind_those_whose_numbers_are_not_drawn_yet() {
        let mut line = RoomLine::default();
        line.begin_with(opened(&[(2, 1)]), |_| false);
        assert_eq!(line.place(id(9), Some(4)), Some((Some(4), Some(3))));
        assert_eq!(line.place(id(2), None), Some((Some(1), Some(0))));
        assert_eq!(line.place(id(3), None), Some((None, None)));
        line.wait(id(3), Some(2));
        // The first, who has left, is drawn as well.
        line.leave(id(1), Some(3));
        assert_eq!(line.place(id(3), None), Some((Some(2), Some(1))));
        assert_eq!(line.place(id(9), Some(4)), Some((Some(4), Some(2))));
    }

    #[test]
    fn what_is_heard_while_the_store_is_read_is_kept() {
        let mut line = RoomLine::default();
        line.wait(id(3), Some(2));
        line.leave(id(1), Some(3));
        line.begin_with(opened(&[(2, 1)]), |gone| gone == id(1));
        assert_eq!(line.place(id(3), None), Some((Some(2), Some(1))));
        assert_eq!(line.place(id(1), None), None);
    }
}
