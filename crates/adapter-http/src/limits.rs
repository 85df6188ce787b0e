//! How often somebody may ask for what is dear: signing up and in, joining a line, a whole draw.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use domain::ids::UserId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::problem::Problem;

/// How often, a minute; 0 for as often as one likes. Each server counts for itself.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "each is named for what it limits")]
pub struct LimitOptions {
    pub sign_ups_per_address: u32,
    pub sign_ins_per_address: u32,
    pub sign_ins_per_user: u32,
    pub joins_per_address: u32,
    pub joins_per_user: u32,
    pub draws_per_address: u32,
}

/// The limits, and who has asked how often.
pub(crate) struct Limits {
    address_header: Option<HeaderName>,
    sign_ups_per_address: Limit<IpAddr>,
    sign_ins_per_address: Limit<IpAddr>,
    sign_ins_per_user: Limit<blake3::Hash>,
    joins_per_address: Limit<IpAddr>,
    joins_per_user: Limit<UserId>,
    draws_per_address: Limit<IpAddr>,
}

impl Limits {
    /// With `address_header`, that header's last entry is believed to be the client's address;
    /// without, the address is the connection's.
    pub(crate) fn new(options: LimitOptions, address_header: Option<HeaderName>) -> Self {
        Self {
            address_header,
            sign_ups_per_address: Limit::new(options.sign_ups_per_address),
            sign_ins_per_address: Limit::new(options.sign_ins_per_address),
            sign_ins_per_user: Limit::new(options.sign_ins_per_user),
            joins_per_address: Limit::new(options.joins_per_address),
            joins_per_user: Limit::new(options.joins_per_user),
            draws_per_address: Limit::new(options.draws_per_address),
        }
    }

    /// # Errors
    /// 429 for too many sign-ups from the request's address.
    pub(crate) fn sign_up(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.by_address(&self.sign_ups_per_address, request)
    }

    /// # Errors
    /// 429 for too many sign-ins from the request's address.
    pub(crate) fn sign_in(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.by_address(&self.sign_ins_per_address, request)
    }

    /// # Errors
    /// 429 for too many sign-ins with that email, wherever they come from.
    pub(crate) fn sign_in_as(&self, email: &str) -> Result<(), Problem> {
        self.sign_ins_per_user.check(&blake3::hash(email.as_bytes()))
    }

    /// # Errors
    /// 429 for too many joins from the request's address.
    pub(crate) fn join(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.by_address(&self.joins_per_address, request)
    }

    /// # Errors
    /// 429 for too many joins of that user, wherever they come from.
    pub(crate) fn join_as(&self, user_id: UserId) -> Result<(), Problem> {
        self.joins_per_user.check(&user_id)
    }

    /// # Errors
    /// 429 for too many looks at draws, which may be long, from the request's address.
    pub(crate) fn look_at_draw(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.by_address(&self.draws_per_address, request)
    }

    fn by_address(&self, limit: &Limit<IpAddr>, request: &HttpRequest) -> Result<(), Problem> {
        match self.address(request) {
            Some(address) => limit.check(&one_household(address)),
            None => Ok(()),
        }
    }

    /// The client's address, as far as it is known.
    pub(crate) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        // What is before the last entry may have been written by anybody.
        let told = self.address_header.as_ref().and_then(|name| {
            let value = request.headers().get_all(name).last()?.to_str().ok()?;
            read_address(value.rsplit(',').next()?.trim())
        });
        told.or_else(|| request.peer_addr().map(|peer| peer.ip()))
    }
}

/// An address, with or without a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(with_port)
}

/// Whoever has one IPv6 address has a network of them.
pub(crate) fn one_household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 => v4,
    }
}

/// A limit for each of many keys.
struct Limit<K: Hash + Eq + Clone> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
    /// How many checks are left until keys that have not been seen for a while are forgotten.
    checks_left: AtomicUsize,
}

/// After how many checks keys are forgotten at the soonest. After as many as there are keys, if that
/// is more: to look at all of them then costs each check the same, however many they are.
const FORGET_AFTER: usize = 4_096;

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(a_minute: u32) -> Self {
        let quota = NonZeroU32::new(a_minute).map(Quota::per_minute);
        Self {
            limiter: quota.map(RateLimiter::keyed),
            clock: DefaultClock::default(),
            checks_left: AtomicUsize::new(FORGET_AFTER),
        }
    }

    fn check(&self, key: &K) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.checks_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            self.checks_left.store(limiter.len().max(FORGET_AFTER), Ordering::Relaxed);
        }
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_secs() + 1;
            let detail = format!("too many of these; try again in {wait} s");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::test::TestRequest;

    use super::*;

    fn limits(header: Option<&'static str>) -> Limits {
        let options = LimitOptions { joins_per_address: 2, ..LimitOptions::default() };
        Limits::new(options, header.map(HeaderName::from_static))
    }

    fn request(peer: &str, forwarded: Option<&str>) -> HttpRequest {
        let request = TestRequest::default().peer_addr(peer.parse().unwrap());
        match forwarded {
            Some(value) => request.insert_header(("x-forwarded-for", value)).to_http_request(),
            None => request.to_http_request(),
        }
    }

    #[test]
    fn whoever_asks_too_often_is_told_when_to_come_back_and_others_are_not() {
        let limits = limits(None);
        let often = request("192.0.2.1:1", None);
        assert!(limits.join(&often).is_ok() && limits.join(&often).is_ok());
        let refused = limits.join(&often).unwrap_err().error_response();
        assert_eq!(refused.status(), 429);
        let wait: u64 =
            refused.headers().get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
        assert!((1..=31).contains(&wait), "{wait}");
        assert!(limits.join(&request("192.0.2.2:1", None)).is_ok());
        assert!(limits.sign_up(&often).is_ok(), "that has no limit here");
    }

    #[test]
    fn a_header_is_believed_only_where_that_is_configured_and_only_its_last_entry() {
        let address = |limits: &Limits, forwarded| {
            limits.address(&request("192.0.2.1:1", Some(forwarded))).unwrap().to_string()
        };
        assert_eq!(address(&limits(None), "198.51.100.7"), "192.0.2.1");
        let trusting = limits(Some("x-forwarded-for"));
        assert_eq!(address(&trusting, "203.0.113.9, 198.51.100.7"), "198.51.100.7");
        assert_eq!(address(&trusting, "198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(address(&trusting, "[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(address(&trusting, "nonsense"), "192.0.2.1");
    }

    #[test]
    fn one_network_of_ipv6_addresses_is_one_household() {
        let household = |text: &str| one_household(text.parse().unwrap()).to_string();
        assert_eq!(household("2001:db8::1:2:3:4"), household("2001:db8::9"));
        assert_ne!(household("2001:db8:0:1::1"), household("2001:db8::1"));
        assert_eq!(household("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
