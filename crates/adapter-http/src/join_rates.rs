//! How fast an address joins lines, and what a join costs it: nothing as long as few people stand behind it,
//! and twice the work for twice as many.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use actix_web::HttpRequest;
use tokio::time::{Duration, Instant};

use crate::limits::Limits;

/// What joining costs.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkOptions {
    /// How many bits each join costs.
    pub bits: u32,
    /// How many joins a minute of one address cost no more than that; 0: any number. Each server counts
    /// for itself.
    pub free_per_address: u32,
}

/// How often each address joined of late.
pub(crate) struct JoinRates {
    options: WorkOptions,
    seen: Mutex<Seen>,
}

struct Seen {
    minute: HashMap<IpAddr, u32>,
    before: HashMap<IpAddr, u32>,
    since: Instant,
}

const MINUTE: Duration = Duration::from_secs(60);
/// What the first join costs that is one too many; some 260,000 hashes, half a second in a browser.
const FIRST_BITS: u32 = 18;
/// No browser does more in a minute.
const BITS_MAX: u32 = 24;

impl JoinRates {
    pub(crate) fn new(options: WorkOptions) -> Self {
        let (minute, before) = (HashMap::new(), HashMap::new());
        Self { options, seen: Mutex::new(Seen { minute, before, since: Instant::now() }) }
    }

    /// How many bits a join costs that `request` asks for. One that brings work with it was counted
    /// when that was demanded.
    pub(crate) fn bits(&self, limits: &Limits, request: &HttpRequest, brings_work: bool) -> u32 {
        let WorkOptions { bits, free_per_address } = self.options;
        // What comes from this machine comes from a proxy that does not say for whom, or from its operator.
        let address = limits.household(request).filter(|ip| !ip.is_loopback());
        let (Some(address), true) = (address, free_per_address > 0) else { return bits };
        let joined = self.count(address, !brings_work);
        match joined / free_per_address {
            0 => bits,
            _ if joined == free_per_address => bits,
            times => bits.max((FIRST_BITS + times.ilog2()).min(BITS_MAX)),
        }
    }

    /// How often the address joined within the last minute or two, this time included if it is to `add`.
    fn count(&self, address: IpAddr, add: bool) -> u32 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = seen.since.elapsed();
        if passed >= MINUTE {
            let minute = std::mem::take(&mut seen.minute);
            seen.before = if passed < 2 * MINUTE { minute } else { HashMap::new() };
            // By whole minutes, so that what is left of the one before shrinks evenly.
            seen.since += MINUTE * u32::try_from(passed.as_secs() / MINUTE.as_secs()).unwrap_or(1);
        }
        let before = seen.before.get(&address).copied().unwrap_or(0);
        // What is left of the minute before, as far as it lies within the last sixty seconds.
        let left = MINUTE.saturating_sub(seen.since.elapsed()).as_secs();
        let still = u64::from(before) * left / MINUTE.as_secs();
        let now = seen.minute.entry(address).or_insert(0);
        *now = now.saturating_add(u32::from(add));
        now.saturating_add(u32::try_from(still).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::addresses::Addresses;
    use crate::limits::LimitOptions;

    fn rates(bits: u32, free_per_address: u32) -> (JoinRates, Limits) {
        let limits = Limits::new(LimitOptions::default(), Addresses::new(None, Vec::new()));
        (JoinRates::new(WorkOptions { bits, free_per_address }), limits)
    }

    fn from(address: &str) -> HttpRequest {
        TestRequest::default().peer_addr(address.parse().unwrap()).to_http_request()
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_an_address_joins_the_more_work_it_costs_and_no_other() {
        let (rates, limits) = rates(0, 10);
        let crowd = from("192.0.2.1:1");
        let costs: Vec<_> = (0..80).map(|_| rates.bits(&limits, &crowd, false)).collect();
        assert_eq!(costs[..10], [0; 10]);
        assert_eq!((costs[10], costs[18], costs[19], costs[39], costs[79]), (18, 18, 19, 20, 21));
        assert_eq!(rates.bits(&limits, &from("192.0.2.2:1"), false), 0);
        assert_eq!(rates.bits(&limits, &crowd, true), 21, "work that is brought is not counted");
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(
            rates.bits(&limits, &crowd, false),
            20,
            "half of them were more than a minute ago"
        );
        tokio::time::advance(Duration::from_secs(120)).await;
        assert_eq!(rates.bits(&limits, &crowd, false), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn where_each_join_costs_work_it_is_never_less_and_this_machine_pays_no_more() {
        let (rates, limits) = rates(20, 1);
        let costs = |address: &str| {
            let request = from(address);
            (0..8).map(|_| rates.bits(&limits, &request, false)).collect::<Vec<_>>()
        };
        assert_eq!(costs("192.0.2.1:1"), [20, 20, 20, 20, 20, 20, 20, 21]);
        assert_eq!(costs("127.0.0.1:1"), [20; 8]);
        let (always_free, limits) = super::tests::rates(0, 0);
        assert!((0..99).all(|_| always_free.bits(&limits, &from("192.0.2.1:1"), false) == 0));
    }
}
