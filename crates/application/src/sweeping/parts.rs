use domain::ports::{Unavailable, UpdateError};

/// How many parts may fail before the rest is left for the next sweep: enough to find a few rows
/// among a batch, and few enough where it is the store that fails.
const FAILURES_MAX: u32 = 32;

/// A batch that is decided on all together. Should the store not take that, each half is tried for
/// itself, and so on, so that one row that cannot be saved keeps none of its neighbours.
pub(super) struct Parts<Id> {
    left: Vec<Vec<Id>>,
    /// The part that is being decided on.
    current: Vec<Id>,
    failures: u32,
    failed: Option<Unavailable>,
}

impl<Id: Clone> Parts<Id> {
    /// All of `ids`, if there are any.
    pub(super) fn of(ids: Vec<Id>) -> Self {
        let left = if ids.is_empty() { vec![] } else { vec![ids] };
        Self { left, current: Vec::new(), failures: 0, failed: None }
    }

    /// What is to be decided on next.
    pub(super) fn next(&mut self) -> Option<Vec<Id>> {
        self.current = self.left.pop()?;
        Some(self.current.clone())
    }

    /// What came of it: how many were changed, none if the store did not take it.
    ///
    /// # Errors
    /// The store's, where too much failed or what failed may have been done.
    pub(super) fn came_to(
        &mut self,
        outcome: Result<usize, UpdateError>,
    ) -> Result<usize, UpdateError> {
        let fault = match outcome {
            Err(UpdateError::Unavailable(fault)) => fault,
            done => return done,
        };
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            return Err(fault.into());
        }
        let (first, second) = self.current.split_at(self.current.len() / 2);
        if !first.is_empty() {
            self.left.extend([second.to_vec(), first.to_vec()]);
        }
        self.failed = Some(fault);
        Ok(0)
    }

    /// # Errors
    /// That of the last part that was not taken; all others were.
    pub(super) fn end(self) -> Result<(), UpdateError> {
        self.failed.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done of 0 to 255, and how often it was tried, where some cannot be.
    fn done_of(is_broken: impl Fn(u32) -> bool) -> (Vec<u32>, u32) {
        let (mut done, mut tries) = (Vec::new(), 0);
        let mut parts = Parts::of((0..256).collect());
        while let Some(part) = parts.next() {
            tries += 1;
            let outcome = if part.iter().any(|n| is_broken(*n)) {
                Err(Unavailable::because("a row that cannot be saved").into())
            } else {
                done.extend(&part);
                Ok(part.len())
            };
            if parts.came_to(outcome).is_err() {
                return (done, tries);
            }
        }
        assert_eq!(parts.end().is_err(), (0..256).any(&is_broken));
        (done, tries)
    }

    #[test]
    fn what_can_be_done_is_done_whatever_cannot() {
        assert_eq!(done_of(|_| false).1, 1);
        for broken in [&[0][..], &[255], &[100, 101, 200]] {
            let (done, _) = done_of(|n| broken.contains(&n));
            assert!(done.into_iter().eq((0..256).filter(|n| !broken.contains(n))), "{broken:?}");
        }
    }

    #[test]
    fn a_store_that_takes_nothing_is_not_asked_for_each_row() {
        assert_eq!(done_of(|_| true), (vec![], FAILURES_MAX));
    }

    #[test]
    fn what_may_have_been_done_is_not_tried_again() {
        let mut parts = Parts::of(vec![1, 2]);
        parts.next();
        let unknown = UpdateError::Unknown(Unavailable::because("lost"));
        assert!(parts.came_to(Err(unknown)).is_err());
        assert!(parts.next().is_none());
    }
}
