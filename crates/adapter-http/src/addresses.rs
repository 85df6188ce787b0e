//! Where a request comes from: what counts as one caller, and whose word for it is taken.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u32,
}

/// What is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANetwork;

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address and no network as 10.0.0.0/8")
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for Network {
    type Err = NotANetwork;

    /// An address, or the beginning of one and how many of its bits count.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (base, bits) =
            text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().map_err(|_| NotANetwork)?;
        let all = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.parse().map_err(|_| NotANetwork))?;
        if bits > all { Err(NotANetwork) } else { Ok(Self { base, bits }) }
    }
}

impl Network {
    /// The networks that nobody outside has an address of: this machine, and those of RFC 1918 and 4193.
    #[must_use]
    pub fn private() -> Vec<Self> {
        ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7"]
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect()
    }

    fn has(&self, address: IpAddr) -> bool {
        let differ = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                u128::from(u32::from(base) ^ u32::from(address)) << 96
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => u128::from(base) ^ u128::from(address),
            _ => return false,
        };
        differ.leading_zeros() >= self.bits
    }
}

/// Where requests come from, as far as that can be known.
pub(crate) struct Addresses {
    header: Option<HeaderName>,
    proxies: Vec<Network>,
}

impl Addresses {
    /// A proxy in one of `proxies` is believed what it tells in `header`.
    pub(crate) const fn new(header: Option<HeaderName>, proxies: Vec<Network>) -> Self {
        Self { header, proxies }
    }

    /// Who sent a request.
    pub(crate) fn of(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        // What is before the last entry may have been written by anybody.
        let told = self.header.as_ref().filter(|_| self.is_proxy(peer)).and_then(|name| {
            let value = request.headers().get_all(name).last()?.to_str().ok()?;
            read_address(value.rsplit(',').next()?.trim())
        });
        Some(told.unwrap_or(peer).to_canonical())
    }

    /// Whether who connects from there sends the requests of others.
    pub(crate) fn is_proxy(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.header.is_some() && self.proxies.iter().any(|network| network.has(peer))
    }

    /// Whether a request was sent on this machine, and not only passed on by it.
    pub(crate) fn is_from_here(&self, request: &HttpRequest) -> bool {
        let is_passed_on = ["forwarded", "via", "x-forwarded-for", "x-real-ip"]
            .iter()
            .any(|header| request.headers().contains_key(*header));
        let by_header =
            self.header.as_ref().is_some_and(|name| request.headers().contains_key(name));
        let address = self.of(request);
        address.is_some_and(|address| address.is_loopback()) && (by_header || !is_passed_on)
    }
}

/// An address, with or without a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(with_port)
}

/// Whom an address counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// A household: an IPv4 address, or the /64 that whoever has one IPv6 address has.
    pub(crate) household: IpAddr,
    /// A site: the /48 of an IPv6 address, which is what a provider hands out at the most.
    pub(crate) site: Option<IpAddr>,
}

/// How many times as much as a household a site has.
pub(crate) const HOUSEHOLDS_A_SITE: u32 = 10;

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let beginning = |bits: u32| {
                    let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
                    IpAddr::V6(Ipv6Addr::from(u128::from(address) & !rest))
                };
                Self { household: beginning(64), site: Some(beginning(48)) }
            }
            v4 => Self { household: v4, site: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(peer: &str, headers: &[(&'static str, &str)]) -> HttpRequest {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for header in headers {
            request = request.insert_header(*header);
        }
        request.to_http_request()
    }

    #[test]
    fn a_header_is_believed_only_of_a_proxy_and_only_its_last_entry() {
        let header = HeaderName::from_static("x-forwarded-for");
        let trusting = Addresses::new(Some(header), vec!["192.0.2.0/24".parse().unwrap()]);
        let address = |addresses: &Addresses, peer, forwarded| {
            addresses.of(&request(peer, &[("x-forwarded-for", forwarded)])).unwrap().to_string()
        };
        let nobody = Addresses::new(None, Network::private());
        assert_eq!(address(&nobody, "192.0.2.1:1", "198.51.100.7"), "192.0.2.1");
        for (peer, forwarded, told) in [
            ("192.0.2.1:1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("192.0.2.1:1", "198.51.100.7:4711", "198.51.100.7"),
            ("192.0.2.1:1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("192.0.2.1:1", "nonsense", "192.0.2.1"),
            ("192.0.3.1:1", "198.51.100.7", "192.0.3.1"),
            ("[::ffff:192.0.2.1]:1", "198.51.100.7", "198.51.100.7"),
        ] {
            assert_eq!(address(&trusting, peer, forwarded), told, "{peer} {forwarded}");
        }
    }

    #[test]
    fn what_a_proxy_on_this_machine_passes_on_is_not_from_here() {
        let plain = Addresses::new(None, Network::private());
        assert!(plain.is_from_here(&request("127.0.0.1:1", &[])));
        assert!(plain.is_from_here(&request("[::1]:1", &[])));
        assert!(!plain.is_from_here(&request("192.0.2.1:1", &[])));
        assert!(!plain.is_from_here(&request("127.0.0.1:1", &[("x-forwarded-for", "192.0.2.1")])));
        assert!(!plain.is_from_here(&request("127.0.0.1:1", &[("via", "1.1 Caddy")])));
        let header = Some(HeaderName::from_static("x-real-ip"));
        let behind = Addresses::new(header, Network::private());
        assert!(!behind.is_from_here(&request("127.0.0.1:1", &[("x-real-ip", "192.0.2.1")])));
        assert!(behind.is_from_here(&request("127.0.0.1:1", &[("x-real-ip", "127.0.0.1")])));
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        let has = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().has(address.parse().unwrap())
        };
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.6"));
        assert!(has("0.0.0.0/0", "192.0.2.7") && !has("0.0.0.0/0", "::1"));
        assert!(has("2001:db8::/32", "2001:db8:1::1") && !has("2001:db8::/32", "2001:db9::1"));
        for wrong in ["", "ten", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129"] {
            assert_eq!(wrong.parse::<Network>(), Err(NotANetwork), "{wrong}");
        }
    }

    #[test]
    fn an_ipv6_address_counts_for_its_household_and_for_its_site() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8::1:2:3:4"), origin("2001:db8::9"));
        let (one, other) = (origin("2001:db8:0:1::1"), origin("2001:db8::1"));
        assert_ne!(one.household, other.household);
        assert_eq!(one.site, other.site);
        assert_ne!(origin("2001:db8:1::1").site, other.site);
        let v4 = origin("::ffff:192.0.2.1");
        assert_eq!((v4.household.to_string(), v4.site), ("192.0.2.1".to_owned(), None));
    }
}
