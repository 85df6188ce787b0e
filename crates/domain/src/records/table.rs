//! Rows of one kind, and which of them a decision changed.

use std::sync::Arc;

use litemap::LiteMap;

/// Something that is kept by an id.
pub trait Entity: Clone + PartialEq {
    /// What it is found by.
    type Id: Ord + Clone;

    /// Its id.
    fn id(&self) -> Self::Id;
}

/// What is not kept for ever: only rows of such a kind can be taken out. Which kinds there are is said
/// once, beside [`Forgotten`](super::Forgotten), so that every store deletes what decisions take out.
pub trait Forgettable: Entity {}

/// Rows of one kind by id, in order of their ids, and what became of each since it was loaded. A row
/// that several tables have is kept once, until one of them changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<E: Entity> {
    rows: LiteMap<E::Id, Row<E>>,
    removed: LiteMap<E::Id, Arc<E>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row<E> {
    entity: Arc<E>,
    /// As it is in the store; none for one that is not there yet.
    loaded: Option<Arc<E>>,
}

/// What became of a row since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: it is as it was, whoever may have taken hold of it to change it.
    Kept,
    /// It was there and is another now.
    Changed,
    /// It was not there.
    New,
}

impl<E: PartialEq> Row<E> {
    fn fate(&self) -> Fate {
        match &self.loaded {
            None => Fate::New,
            Some(loaded) if Arc::ptr_eq(loaded, &self.entity) || *loaded == self.entity => {
                Fate::Kept
            }
            Some(_) => Fate::Changed,
        }
    }
}

impl<E: Entity> Default for Table<E> {
    fn default() -> Self {
        Self { rows: LiteMap::new(), removed: LiteMap::new() }
    }
}

impl<E: Entity> Table<E> {
    /// The row of that id.
    #[must_use]
    pub fn get(&self, id: &E::Id) -> Option<&E> {
        self.rows.get(id).map(|row| &*row.entity)
    }

    /// The row of that id as it is in the store, whatever was done to it since.
    #[must_use]
    pub fn loaded(&self, id: &E::Id) -> Option<&E> {
        self.rows.get(id).and_then(|row| row.loaded.as_deref())
    }

    /// The row of that id, for another table.
    pub(crate) fn share(&self, id: &E::Id) -> Option<Arc<E>> {
        self.rows.get(id).map(|row| Arc::clone(&row.entity))
    }

    /// The row of that id, to be changed. One that comes out of it as it was is not a change.
    pub fn get_mut(&mut self, id: &E::Id) -> Option<&mut E> {
        self.rows.get_mut(id).map(|row| Arc::make_mut(&mut row.entity))
    }

    /// All rows, in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.rows.values().map(|row| &*row.entity)
    }

    /// Adds a row, or puts it in the place of one of the same id.
    pub fn insert(&mut self, entity: E) {
        self.set(Arc::new(entity));
    }

    /// Puts a changed row in the place of the one that was loaded.
    pub fn put(&mut self, entity: E) {
        if let Some(row) = self.get_mut(&entity.id()) {
            *row = entity;
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, id: &E::Id)
    where
        E: Forgettable,
    {
        self.take_out(id);
    }

    fn take_out(&mut self, id: &E::Id) {
        if let Some(loaded) = self.rows.remove(id).and_then(|row| row.loaded) {
            self.removed.insert(id.clone(), loaded);
        }
    }

    /// Adds a row as it is in the store. One that is here already stays as it is: it may have been
    /// changed.
    pub fn load(&mut self, entity: impl Into<Arc<E>>) {
        let entity = entity.into();
        let id = entity.id();
        if !self.removed.contains_key(&id) {
            let loaded = Some(Arc::clone(&entity));
            self.rows.entry(id).or_insert(Row { entity, loaded });
        }
    }

    fn set(&mut self, entity: Arc<E>) {
        let id = entity.id();
        let removed = self.removed.remove(&id);
        match self.rows.get_mut(&id) {
            Some(row) => row.entity = entity,
            None => drop(self.rows.insert(id, Row { entity, loaded: removed })),
        }
    }

    /// The rows that were added or changed, with which of the two.
    pub fn changes(&self) -> impl Iterator<Item = (&E, Fate)> {
        let fates = self.rows.values().map(|row| (&*row.entity, row.fate()));
        fates.filter(|(_, fate)| *fate != Fate::Kept)
    }

    /// What became of each row that was added, changed or taken out: what it was, unless it is new, and
    /// what it is, unless it is gone.
    pub(crate) fn transitions(&self) -> impl Iterator<Item = (Option<&E>, Option<&E>)> {
        let changed = self.rows.values().filter(|row| row.fate() != Fate::Kept);
        let changed = changed.map(|row| (row.loaded.as_deref(), Some(&*row.entity)));
        changed.chain(self.removed.values().map(|gone| (Some(&**gone), None)))
    }

    /// The ids of the rows that were taken out.
    pub(super) fn removals(&self) -> impl Iterator<Item = &E::Id> {
        self.removed.keys()
    }

    /// Whether no row was added, changed or taken out.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.changes().next().is_none() && self.removed.is_empty()
    }

    /// Takes over what `other`, which began as a copy of some of these rows, changed.
    pub(crate) fn merge(&mut self, other: &Self) {
        for row in other.rows.values().filter(|row| row.fate() != Fate::Kept) {
            self.set(Arc::clone(&row.entity));
        }
        for id in other.removals() {
            self.take_out(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entity for (u8, &'static str) {
        type Id = u8;

        fn id(&self) -> u8 {
            self.0
        }
    }

    impl Forgettable for (u8, &'static str) {}

    fn changes(table: &Table<(u8, &'static str)>) -> Vec<((u8, &'static str), Fate)> {
        table.changes().map(|(entity, fate)| (*entity, fate)).collect()
    }

    #[test]
    fn only_what_was_touched_is_a_change() {
        let mut table = Table::default();
        table.load((1, "loaded"));
        table.load((2, "loaded"));
        table.insert((3, "new"));
        table.get_mut(&2).unwrap().1 = "changed";
        table.get_mut(&3).unwrap().1 = "changed while new";
        let expected = [((2, "changed"), Fate::Changed), ((3, "changed while new"), Fate::New)];
        assert_eq!(changes(&table), expected);
    }

    #[test]
    fn what_was_taken_hold_of_and_left_as_it_was_is_no_change() {
        let mut table = Table::default();
        table.load((1, "loaded"));
        table.get_mut(&1).unwrap();
        table.put((1, "loaded"));
        table.insert((1, "loaded"));
        assert!(table.is_unchanged());
        table.get_mut(&1).unwrap().1 = "changed";
        assert_eq!((table.loaded(&1), changes(&table).len()), (Some(&(1, "loaded")), 1));
        table.remove(&1);
        table.insert((1, "back"));
        assert_eq!(changes(&table), [((1, "back"), Fate::Changed)]);
    }

    #[test]
    fn what_a_copy_changed_is_merged_and_a_new_row_stays_new() {
        let mut table = Table::default();
        table.insert((1, "new"));
        let mut copy = Table::default();
        copy.load((1, "new"));
        copy.get_mut(&1).unwrap().1 = "changed by the next";
        table.merge(&copy);
        assert_eq!(changes(&table), [((1, "changed by the next"), Fate::New)]);
    }

    #[test]
    fn what_is_taken_out_stays_out_though_loaded_again() {
        let mut table = Table::default();
        table.load((1, "loaded"));
        table.remove(&1);
        table.load((1, "loaded"));
        assert_eq!((table.get(&1), table.removals().count()), (None, 1));
    }
}
