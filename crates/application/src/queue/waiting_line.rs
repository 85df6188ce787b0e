//! Who waits in a room, by number.

use roaring::RoaringTreemap;

/// The numbers that wait: all from the frontier to the last, but for those that left. Small and quick
/// however long it is, and indifferent to the order in which it hears of things.
#[derive(Debug, Clone, Default)]
pub struct WaitingLine {
    /// Nobody with a lower number waits.
    frontier: u64,
    /// Numbers from the frontier on that do not wait any more.
    left: RoaringTreemap,
    /// The highest number heard of.
    last: u64,
}

impl WaitingLine {
    /// Takes over what the store knew at some moment: the highest number given out, and those that
    /// waited, in ascending order. What happened since that moment must have been told already, or
    /// be told later.
    pub fn begin_with(&mut self, last_number: u64, waiting: &[u64]) {
        let first = waiting.first().copied().unwrap_or(last_number + 1);
        let mut expected = first;
        for number in waiting {
            self.left.insert_range(expected..*number);
            expected = number + 1;
        }
        self.left.insert_range(expected..=last_number.max(expected.saturating_sub(1)));
        self.last = self.last.max(last_number);
        if self.frontier < first {
            self.left.remove_range(0..first);
            self.frontier = first;
        }
        self.advance();
    }

    /// Somebody joined with that number.
    pub fn join(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    /// The one with that number waits no more, be it that it joined only in that moment.
    pub fn leave(&mut self, number: u64) {
        self.last = self.last.max(number);
        if number >= self.frontier {
            self.left.insert(number);
            self.advance();
        }
    }

    /// How many wait before that number; none if it does not wait, or was not heard of.
    #[must_use]
    pub fn ahead_of(&self, number: u64) -> Option<u64> {
        if number < self.frontier || number > self.last || self.left.contains(number) {
            return None;
        }
        let gone = number.checked_sub(1).map_or(0, |before| self.left.rank(before));
        Some(number - self.frontier - gone)
    }

    fn advance(&mut self) {
        while self.left.remove(self.frontier) {
            self.frontier += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_place_is_how_many_wait_before_it() {
        let mut line = WaitingLine::default();
        line.begin_with(6, &[2, 3, 5, 6]);
        let ahead = |line: &WaitingLine| (0..=7).map(|n| line.ahead_of(n)).collect::<Vec<_>>();
        let none = None;
        assert_eq!(ahead(&line), [none, none, Some(0), Some(1), none, Some(2), Some(3), none]);
        line.leave(2);
        line.leave(6);
        line.join(7);
        assert_eq!(ahead(&line), [none, none, none, Some(0), none, Some(1), none, Some(2)]);
    }

    #[test]
    fn a_line_in_which_nobody_waits_begins_with_the_next_who_joins() {
        let mut line = WaitingLine::default();
        line.begin_with(3, &[]);
        assert_eq!(line.ahead_of(3), None);
        line.join(4);
        assert_eq!(line.ahead_of(4), Some(0));
    }

    /// A million random steps beside a plain sorted set. Joins, leaves and admissions are told in
    /// order, twice, or late, and now and then the line is read anew while some are still untold.
    #[test]
    fn it_agrees_with_a_plain_sorted_list_over_a_million_random_steps() {
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut next = move |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below.max(1)
        };
        let (mut plain, mut line, mut last) = (BTreeSet::new(), WaitingLine::default(), 0);
        line.begin_with(0, &[]);
        let mut untold: Vec<u64> = Vec::new();
        for step in 0..1_000_000_u32 {
            let somebody = plain.range(next(last + 1)..).next().copied();
            match next(10) {
                0..=4 => {
                    last += 1;
                    plain.insert(last);
                    line.join(last);
                }
                // Lets the first in.
                5 | 6 => untold.extend(plain.pop_first()),
                // Somebody gives up, or is dropped.
                7 => untold.extend(somebody.filter(|number| plain.remove(number))),
                _ => {
                    for number in untold.drain(..) {
                        line.leave(number);
                        if next(4) == 0 {
                            line.leave(number);
                        }
                    }
                }
            }
            if step % 50_000 == 49_999 {
                let waiting: Vec<_> = plain.iter().copied().collect();
                let mut anew = WaitingLine::default();
                untold.iter().take(untold.len() / 2).for_each(|number| anew.leave(*number));
                anew.begin_with(last, &waiting);
                untold.iter().for_each(|number| anew.leave(*number));
                untold.clear();
                line = anew;
            }
            if untold.is_empty() && step % 1_000 < 3 {
                let number = next(last + 2);
                let expected = plain
                    .contains(&number)
                    .then(|| plain.range(..number).count().try_into().unwrap());
                assert_eq!(line.ahead_of(number), expected, "number {number} at step {step}");
            }
        }
        assert!(last > 100_000 && plain.len() > 10_000);
    }
}
