//! Pages of lists: newest first, as many as asked for, and where the next page begins.
//!
//! Newest is what was committed last, by the store's own time and numbers, and never by the ids of
//! machines whose clocks differ.

use crate::refusal::Refusal;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRequest<Id> {
    /// How many rows at the most.
    pub limit: u32,
    /// Only what comes after this one, that is: what is older. It has to be in the list, or have been, and
    /// not be forgotten.
    pub after: Option<Id>,
}

impl<Id> PageRequest<Id> {
    /// Rows on a page when nobody says how many.
    pub const LIMIT_DEFAULT: u32 = 20;
    /// Rows on a page at the most.
    pub const LIMIT_MAX: u32 = 100;
}

/// A page that was looked up, where what it comes after was found.
///
/// # Errors
/// [`Refusal::Invalid`] where it was not.
pub fn found<T, Id>(page: Option<Page<T, Id>>) -> Result<Page<T, Id>, Refusal> {
    page.ok_or_else(|| Refusal::invalid("cursor", "must be a next_cursor of this list"))
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, Id> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// The last row's id, when there are more rows behind it.
    pub next: Option<Id>,
}

impl<T, Id> Page<T, Id> {
    /// A page of `limit` rows from a list that was read one row further than that.
    #[must_use]
    pub fn from_one_more(mut rows: Vec<T>, limit: u32, id_of: impl Fn(&T) -> Id) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(id_of);
        Self { items: rows, next }
    }

    /// The same page with each row made into something else.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U, Id> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_the_next_one_only_when_there_is_more() {
        assert_eq!(Page::from_one_more(vec![3, 2, 1], 2, |n| *n).next, Some(2));
        assert_eq!(Page::from_one_more(vec![2, 1], 2, |n| *n).next, None);
        assert_eq!(Page::from_one_more(Vec::<i32>::new(), 2, |n| *n).next, None);
    }
}
