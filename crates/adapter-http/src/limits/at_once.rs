//! How much each of many may have at the same time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;

use crate::problem::Problem;

/// A limit for each of many keys.
pub(crate) struct AtOnce<K: Hash + Eq + Copy> {
    setting: &'static str,
    most: u32,
    taken: Arc<Mutex<HashMap<K, u32>>>,
}

/// One of those that somebody has, given back when dropped.
pub(crate) struct Share<K: Hash + Eq + Copy> {
    key: K,
    taken: Arc<Mutex<HashMap<K, u32>>>,
}

/// In how many seconds somebody may have one more. Nobody knows; many a stream lives for minutes.
const COME_BACK_AFTER: u64 = 5;

impl<K: Hash + Eq + Copy> AtOnce<K> {
    /// So many, as that setting says; 0 for any number.
    pub(crate) fn new(setting: &'static str, most: u32) -> Self {
        Self { setting, most, taken: Arc::default() }
    }

    /// One more for that key, or none where there is no limit.
    ///
    /// # Errors
    /// 429, naming the setting, where it has as many as it may.
    pub(crate) fn take(&self, key: K) -> Result<Option<Share<K>>, Problem> {
        if self.most == 0 {
            return Ok(None);
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key).or_insert(0);
        if *count >= self.most {
            return Err(self.refusal());
        }
        *count += 1;
        Ok(Some(Share { key, taken: Arc::clone(&self.taken) }))
    }

    fn refusal(&self) -> Problem {
        let detail = format!("more of these than STAGEDOOR_{} allows at once", self.setting);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
            .after(COME_BACK_AFTER)
    }
}

impl<K: Hash + Eq + Copy> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}
