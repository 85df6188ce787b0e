use domain::ports::UpdateError;

/// How many parts may fail before the rest is left for the next sweep: enough to find a few rows
/// among a batch, and few enough where it is the store that fails.
const FAILURES_MAX: u32 = 32;

/// Has `ids` decided on all together. Should the store not take that, each half is tried for itself,
/// and so on, so that one row that cannot be saved keeps none of its neighbours.
///
/// # Errors
/// That of the last part that was not taken; all others were.
pub(super) async fn in_parts<Id: Clone, T>(
    ids: Vec<Id>,
    decide: impl AsyncFn(Vec<Id>) -> Result<T, UpdateError>,
) -> Result<Vec<T>, UpdateError> {
    let (mut parts, mut done) = (vec![ids], Vec::new());
    let (mut failures, mut failed) = (0, None);
    while let Some(part) = parts.pop() {
        let fault = match decide(part.clone()).await {
            Ok(decided) => {
                done.push(decided);
                continue;
            }
            Err(UpdateError::Unavailable(fault)) => fault,
            Err(other) => return Err(other),
        };
        failures += 1;
        if failures >= FAILURES_MAX {
            return Err(fault.into());
        }
        let (first, second) = part.split_at(part.len() / 2);
        if !first.is_empty() {
            parts.extend([second.to_vec(), first.to_vec()]);
        }
        failed = Some(fault);
    }
    failed.map_or(Ok(done), |fault| Err(fault.into()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use domain::ports::Unavailable;

    use super::*;

    /// What is done of 0 to 255, and how often it was tried, where some cannot be.
    async fn done_of(is_broken: impl Fn(u32) -> bool) -> (Vec<u32>, u32) {
        let (done, tries) = (RefCell::new(Vec::new()), RefCell::new(0));
        let decided = in_parts((0..256).collect(), async |part: Vec<u32>| {
            *tries.borrow_mut() += 1;
            if part.iter().any(|n| is_broken(*n)) {
                return Err(Unavailable::because("a row that cannot be saved").into());
            }
            done.borrow_mut().extend(part);
            Ok(())
        });
        let decided = decided.await;
        assert_eq!(decided.is_err(), (0..256).any(&is_broken));
        (done.into_inner(), tries.into_inner())
    }

    #[tokio::test]
    async fn what_can_be_done_is_done_whatever_cannot() {
        assert_eq!(done_of(|_| false).await.1, 1);
        for broken in [&[0][..], &[255], &[100, 101, 200]] {
            let (done, _) = done_of(|n| broken.contains(&n)).await;
            assert!(done.into_iter().eq((0..256).filter(|n| !broken.contains(n))), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn a_store_that_takes_nothing_is_not_asked_for_each_row() {
        assert_eq!(done_of(|_| true).await, (vec![], FAILURES_MAX));
    }
}
