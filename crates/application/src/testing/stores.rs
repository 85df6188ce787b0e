//! Stores that run decisions on records in memory.

use std::sync::{Arc, Mutex};

use domain::ports::MockStore;
use domain::records::Records;

/// A store that runs decisions on a copy of `records`.
pub(crate) fn store_with(records: Records) -> Arc<MockStore> {
    store_checked(records, |_| ())
}

/// The same, looking at what each decision that was accepted left.
pub(crate) fn store_checked(
    records: Records,
    check: impl Fn(&Records) + Send + Sync + 'static,
) -> Arc<MockStore> {
    let mut store = MockStore::new();
    store.expect_update().returning(move |_, decide| {
        let mut records = records.clone();
        decide(&mut records)?;
        check(&records);
        Ok(records)
    });
    Arc::new(store)
}

/// A store that keeps what decisions leave, for several of them.
pub(crate) fn store_that_keeps(records: Records) -> (Arc<MockStore>, Arc<Mutex<Records>>) {
    let kept = Arc::new(Mutex::new(records));
    let inside = Arc::clone(&kept);
    let mut store = MockStore::new();
    store.expect_update().returning(move |_, decide| {
        let mut kept = inside.lock().unwrap();
        let mut records = kept.clone();
        decide(&mut records)?;
        *kept = records.clone();
        Ok(records)
    });
    (Arc::new(store), kept)
}
