//! How often somebody may ask for what is dear, and how much of what all share one may have at once.

mod a_minute;
mod at_once;

use std::net::IpAddr;

use actix_web::HttpRequest;
use domain::ids::UserId;

use crate::addresses::{Addresses, HOUSEHOLDS_A_SITE, Origin};
use crate::problem::Problem;
use a_minute::AMinute;
use at_once::AtOnce;
pub(crate) use at_once::Share;

/// How often, a minute, and how many at once; 0 for any number. Each server counts for itself.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "each is named for what it limits")]
pub struct LimitOptions {
    pub sign_ups_per_address: u32,
    /// This one an hour.
    pub sign_ups_per_hour: u32,
    pub sign_ins_per_address: u32,
    pub joins_per_address: u32,
    pub joins_per_user: u32,
    pub draws_per_address: u32,
    pub writes_per_address: u32,
    pub writes_per_user: u32,
    pub seat_polls_per_address: u32,
    pub seat_polls_per_user: u32,
    pub connections_per_address: u32,
    pub streams_per_address: u32,
    pub streams_per_user: u32,
}

/// The limits, and who has asked how often.
pub(crate) struct Limits {
    addresses: Addresses,
    sign_ups: ByAddress,
    sign_ups_per_hour: AMinute<IpAddr>,
    sign_ins: ByAddress,
    joins: ByAddress,
    joins_per_user: AMinute<UserId>,
    draws: ByAddress,
    writes: ByAddress,
    writes_per_user: AMinute<UserId>,
    seat_polls: ByAddress,
    seat_polls_per_user: AMinute<UserId>,
    connections: AtOnceByAddress,
    streams: AtOnceByAddress,
    streams_per_user: AtOnce<UserId>,
}

/// What somebody has of the event streams, for as long as this lives.
pub(crate) struct StreamShare {
    _user: Option<Share<UserId>>,
    _address: Vec<Share<IpAddr>>,
}

impl Limits {
    pub(crate) fn new(options: LimitOptions, addresses: Addresses) -> Self {
        Self {
            addresses,
            sign_ups: ByAddress::new("SIGN_UPS_PER_ADDRESS", options.sign_ups_per_address),
            sign_ups_per_hour: AMinute::an_hour("SIGN_UPS_PER_HOUR", options.sign_ups_per_hour),
            sign_ins: ByAddress::new("SIGN_INS_PER_ADDRESS", options.sign_ins_per_address),
            joins: ByAddress::new("JOINS_PER_ADDRESS", options.joins_per_address),
            joins_per_user: AMinute::new("JOINS_PER_USER", options.joins_per_user),
            draws: ByAddress::new("DRAWS_PER_ADDRESS", options.draws_per_address),
            writes: ByAddress::new("WRITES_PER_ADDRESS", options.writes_per_address),
            writes_per_user: AMinute::new("WRITES_PER_USER", options.writes_per_user),
            seat_polls: ByAddress::new("SEAT_POLLS_PER_ADDRESS", options.seat_polls_per_address),
            seat_polls_per_user: AMinute::new("SEAT_POLLS_PER_USER", options.seat_polls_per_user),
            connections: AtOnceByAddress::new(
                "CONNECTIONS_PER_ADDRESS",
                options.connections_per_address,
            ),
            streams: AtOnceByAddress::new("STREAMS_PER_ADDRESS", options.streams_per_address),
            streams_per_user: AtOnce::new("STREAMS_PER_USER", options.streams_per_user),
        }
    }

    /// Where requests come from.
    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// # Errors
    /// 429 for too many sign-ups from the request's address.
    pub(crate) fn sign_up(&self, request: &HttpRequest) -> Result<(), Problem> {
        let origin = self.origin(request);
        self.sign_ups.check(origin)?;
        origin.map_or(Ok(()), |origin| self.sign_ups_per_hour.check(&origin.household))
    }

    /// # Errors
    /// 429 for too many sign-ins from the request's address.
    pub(crate) fn sign_in(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.sign_ins.check(self.origin(request))
    }

    /// # Errors
    /// 429 for too many joins from the request's address.
    pub(crate) fn join(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.joins.check(self.origin(request))
    }

    /// # Errors
    /// 429 for too many joins of that user, wherever they come from.
    pub(crate) fn join_as(&self, user_id: UserId) -> Result<(), Problem> {
        self.joins_per_user.check(&user_id)
    }

    /// # Errors
    /// 429 for too many looks at draws, which may be long, from the request's address.
    pub(crate) fn look_at_draw(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.draws.check(self.origin(request))
    }

    /// # Errors
    /// 429 for too many calls that change something, of that user or from the request's address.
    pub(crate) fn write(&self, request: &HttpRequest, user_id: UserId) -> Result<(), Problem> {
        self.writes_per_user.check(&user_id)?;
        self.writes.check(self.origin(request))
    }

    /// # Errors
    /// 429 for too many looks at seats, of that user or from the request's address.
    pub(crate) fn look_at_seats(
        &self,
        request: &HttpRequest,
        user_id: UserId,
    ) -> Result<(), Problem> {
        self.seat_polls_per_user.check(&user_id)?;
        if self.seat_polls.is_off() {
            return Ok(());
        }
        self.seat_polls.check(self.origin(request))
    }

    /// # Errors
    /// 429 for too many event streams at once, of that user or from the request's address.
    pub(crate) fn open_stream(
        &self,
        request: &HttpRequest,
        user_id: UserId,
    ) -> Result<StreamShare, Problem> {
        Ok(StreamShare {
            _user: self.streams_per_user.take(user_id)?,
            _address: self.streams.take(self.origin(request))?,
        })
    }

    /// # Errors
    /// 429 for too many connections at once from that address. Those of a proxy are many people's.
    pub(crate) fn connect(&self, peer: IpAddr) -> Result<Vec<Share<IpAddr>>, Problem> {
        let is_proxy = self.addresses.is_proxy(peer);
        self.connections.take((!is_proxy).then(|| Origin::from(peer)))
    }

    /// The household that a request comes from.
    pub(crate) fn household(&self, request: &HttpRequest) -> Option<IpAddr> {
        self.origin(request).map(|origin| origin.household)
    }

    fn origin(&self, request: &HttpRequest) -> Option<Origin> {
        self.addresses.of(request).map(Origin::from)
    }
}

/// How often a minute each household may ask, and each site.
struct ByAddress {
    household: AMinute<IpAddr>,
    site: AMinute<IpAddr>,
}

impl ByAddress {
    fn new(setting: &'static str, a_minute: u32) -> Self {
        Self {
            household: AMinute::new(setting, a_minute),
            site: AMinute::new(setting, a_minute.saturating_mul(HOUSEHOLDS_A_SITE)),
        }
    }

    const fn is_off(&self) -> bool {
        self.household.is_off()
    }

    fn check(&self, origin: Option<Origin>) -> Result<(), Problem> {
        let Some(origin) = origin else { return Ok(()) };
        self.household.check(&origin.household)?;
        origin.site.map_or(Ok(()), |site| self.site.check(&site))
    }
}

/// How much each household may have at once, and each site.
struct AtOnceByAddress {
    household: AtOnce<IpAddr>,
    site: AtOnce<IpAddr>,
}

impl AtOnceByAddress {
    fn new(setting: &'static str, most: u32) -> Self {
        Self {
            household: AtOnce::new(setting, most),
            site: AtOnce::new(setting, most.saturating_mul(HOUSEHOLDS_A_SITE)),
        }
    }

    /// # Errors
    /// 429 where the household or the site has as much as it may.
    fn take(&self, origin: Option<Origin>) -> Result<Vec<Share<IpAddr>>, Problem> {
        let Some(origin) = origin else { return Ok(Vec::new()) };
        let household = self.household.take(origin.household)?;
        let site = origin.site.map_or(Ok(None), |site| self.site.take(site))?;
        Ok(household.into_iter().chain(site).collect())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::addresses::Network;

    fn limits() -> Limits {
        let options =
            LimitOptions { joins_per_address: 2, streams_per_address: 2, ..Default::default() };
        Limits::new(options, Addresses::new(None, Network::private()))
    }

    fn request(peer: &str) -> HttpRequest {
        TestRequest::default().peer_addr(peer.parse().unwrap()).to_http_request()
    }

    #[test]
    fn whoever_asks_too_often_is_told_when_to_come_back_and_others_are_not() {
        let limits = limits();
        let often = request("192.0.2.1:1");
        assert!(limits.join(&often).is_ok() && limits.join(&often).is_ok());
        let refused = limits.join(&often).unwrap_err();
        assert!(format!("{refused:?}").contains("STAGEDOOR_JOINS_PER_ADDRESS"), "{refused:?}");
        let refused = refused.error_response();
        assert_eq!(refused.status(), 429);
        let wait: u64 =
            refused.headers().get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
        assert!((1..=31).contains(&wait), "{wait}");
        assert!(limits.join(&request("192.0.2.2:1")).is_ok());
        assert!(limits.sign_up(&often).is_ok(), "that has no limit here");
    }

    #[test]
    fn a_site_has_ten_times_as_much_as_a_household() {
        let limits = limits();
        let joined = (0..100).filter(|n| {
            let household = request(&format!("[2001:db8:0:{n:x}::1]:1"));
            limits.join(&household).is_ok() && limits.join(&household).is_ok()
        });
        assert_eq!(joined.count(), 10);
        assert!(limits.join(&request("[2001:db8:1::1]:1")).is_ok());
    }

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let limits = limits();
        let (here, user) = (request("192.0.2.1:1"), UserId::from(uuid::Uuid::nil()));
        let first = limits.open_stream(&here, user).unwrap();
        let _second = limits.open_stream(&here, user).unwrap();
        let refused = limits.open_stream(&here, user).err().unwrap();
        assert!(format!("{refused:?}").contains("STAGEDOOR_STREAMS_PER_ADDRESS"), "{refused:?}");
        assert!(limits.open_stream(&request("192.0.2.2:1"), user).is_ok());
        drop(first);
        assert!(limits.open_stream(&here, user).is_ok());
    }
}
