//! How often a minute, or an hour, each of many may do something.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::Problem;

/// A limit for each of many keys.
pub(super) struct AMinute<K: Hash + Eq + Clone> {
    setting: &'static str,
    per: &'static str,
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
    /// How many checks are left until keys that have not been seen for a while are forgotten.
    checks_left: AtomicUsize,
}

/// After how many checks keys are forgotten at the soonest. After as many as there are keys, if that
/// is more: to look at all of them then costs each check the same, however many they are.
const FORGET_AFTER: usize = 4_096;

impl<K: Hash + Eq + Clone> AMinute<K> {
    /// So many, as that setting says; 0 for any number.
    pub(super) fn new(setting: &'static str, a_minute: u32) -> Self {
        Self::of(setting, "a minute", NonZeroU32::new(a_minute).map(Quota::per_minute))
    }

    /// So many an hour.
    pub(super) fn an_hour(setting: &'static str, most: u32) -> Self {
        Self::of(setting, "an hour", NonZeroU32::new(most).map(Quota::per_hour))
    }

    fn of(setting: &'static str, per: &'static str, quota: Option<Quota>) -> Self {
        Self {
            setting,
            per,
            limiter: quota.map(RateLimiter::keyed),
            clock: DefaultClock::default(),
            checks_left: AtomicUsize::new(FORGET_AFTER),
        }
    }

    pub(super) const fn is_off(&self) -> bool {
        self.limiter.is_none()
    }

    /// # Errors
    /// 429, naming the setting, for one more than may be.
    pub(super) fn check(&self, key: &K) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.checks_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            self.checks_left.store(limiter.len().max(FORGET_AFTER), Ordering::Relaxed);
        }
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_secs() + 1;
            let (setting, per) = (self.setting, self.per);
            let detail = format!(
                "more of these than STAGEDOOR_{setting} allows {per}; try again in {wait} s"
            );
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).after(wait)
        })
    }
}
