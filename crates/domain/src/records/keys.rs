//! Keys, each once.

use std::slice::Iter;

/// Keys in their order, each once. They lie side by side: most scopes name one or two of a kind, for
/// which a tree would be the larger part of the work. Adding one behind all others costs nothing
/// more, however many there are; before others, they have to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys<K>(Vec<K>);

/// From how many on, sorting is cheaper than finding a place for each.
const WORTH_SORTING: usize = 16;

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K> Keys<K> {
    /// The keys in their order.
    pub fn iter(&self) -> Iter<'_, K> {
        self.0.iter()
    }

    /// The first in their order.
    #[must_use]
    pub fn first(&self) -> Option<&K> {
        self.0.first()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord> Keys<K> {
    /// Adds a key.
    pub fn insert(&mut self, key: K) {
        if let Err(place) = self.0.binary_search(&key) {
            self.0.insert(place, key);
        }
    }

    /// Takes a key out, and says whether it was there.
    pub fn remove(&mut self, key: &K) -> bool {
        let found = self.0.binary_search(key);
        found.map(|place| self.0.remove(place)).is_ok()
    }

    /// Whether the key is among them.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.0.binary_search(key).is_ok()
    }
}

impl<K: Ord> Extend<K> for Keys<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        let keys = keys.into_iter();
        if keys.size_hint().0 < WORTH_SORTING {
            keys.for_each(|key| self.insert(key));
        } else {
            self.0.extend(keys);
            self.0.sort();
            self.0.dedup();
        }
    }
}

impl<'a, K: Ord + Copy> Extend<&'a K> for Keys<K> {
    fn extend<I: IntoIterator<Item = &'a K>>(&mut self, keys: I) {
        self.extend(keys.into_iter().copied());
    }
}

impl<K: Ord> FromIterator<K> for Keys<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut all = Self::default();
        all.extend(keys);
        all
    }
}

impl<'a, K> IntoIterator for &'a Keys<K> {
    type Item = &'a K;
    type IntoIter = Iter<'a, K>;

    fn into_iter(self) -> Iter<'a, K> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_what_a_set_of_them_is(
            first in proptest::collection::vec(0_u8..20, 0..20),
            more in proptest::collection::vec(0_u8..20, 0..2 * WORTH_SORTING),
            gone in proptest::collection::vec(0_u8..20, 0..20),
        ) {
            let (mut keys, mut set): (Keys<u8>, BTreeSet<u8>) =
                (first.iter().copied().collect(), first.iter().copied().collect());
            keys.extend(&more);
            set.extend(&more);
            for key in &gone {
                prop_assert_eq!(keys.remove(key), set.remove(key));
            }
            prop_assert!(keys.iter().eq(set.iter()));
            prop_assert_eq!((keys.first(), keys.is_empty()), (set.first(), set.is_empty()));
            prop_assert!((0..20).all(|key| keys.contains(&key) == set.contains(&key)));
        }
    }
}
