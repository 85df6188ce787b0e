//! Settings of who is heard at the edge, how often, and from where.

use std::str::FromStr;

use adapter_http::{LimitOptions, Network};
use anyhow::Result;
use domain::guessing::GuessingPolicy;

use super::MOST;
use super::given::Source;

pub(super) fn limits(source: &Source<'_>) -> Result<LimitOptions> {
    let number = |name| source.number(name, 0, MOST);
    Ok(LimitOptions {
        sign_ups_per_address: number("sign_ups_per_address")?,
        sign_ups_per_hour: number("sign_ups_per_hour")?,
        sign_ins_per_address: number("sign_ins_per_address")?,
        joins_per_address: number("joins_per_address")?,
        joins_per_user: number("joins_per_user")?,
        draws_per_address: number("draws_per_address")?,
        writes_per_address: number("writes_per_address")?,
        writes_per_user: number("writes_per_user")?,
        seat_polls_per_address: number("seat_polls_per_address")?,
        seat_polls_per_user: number("seat_polls_per_user")?,
        connections_per_address: number("connections_per_address")?,
        streams_per_address: number("streams_per_address")?,
        streams_per_user: number("streams_per_user")?,
    })
}

pub(super) fn guessing(source: &Source<'_>) -> Result<GuessingPolicy> {
    let most: u32 = source.number("wrong_passwords_max", 0, 1_000_000)?;
    Ok(GuessingPolicy { wrong_max: Some(most).filter(|most| *most > 0) })
}

pub(super) fn address_header(source: &Source<'_>) -> Result<Option<String>> {
    source.read("address_header", "a header's name", |value| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name = Some(value.to_lowercase()).filter(|name| !name.is_empty());
        value.chars().all(is_name).then_some(name)
    })
}

pub(super) fn trusted_proxies(source: &Source<'_>) -> Result<Vec<Network>> {
    let wanted = "private, or networks, as 10.0.0.0/8";
    source.read("trusted_proxies", wanted, |value| {
        let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(|part| match part {
            "private" => Some(Network::private()),
            part => Network::from_str(part).ok().map(|network| vec![network]),
        });
        networks.collect::<Option<Vec<_>>>().map(|networks| networks.concat())
    })
}

pub(super) fn cors_origins(source: &Source<'_>) -> Result<Vec<String>> {
    let wanted = "origins as browsers name them, https://tickets.example.com";
    source.read("cors_origins", wanted, |value| {
        let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| is_origin(part).then(|| part.to_owned())).collect()
    })
}

/// Whether this is how a browser names an origin (RFC 6454, section 6.1): a scheme, a host in lower case
/// and a port that is not the usual one, and nothing behind it. Another spelling would match nothing.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let usual = match scheme {
        "http" => "80",
        "https" => "443",
        _ => return false,
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let is_of_host = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '[' | ']')
    };
    let is_port =
        |port: &str| port != usual && port.parse::<u16>().is_ok_and(|n| n.to_string() == port);
    !host.is_empty() && host.chars().all(is_of_host) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for right in [
            "https://tickets.example.com",
            "http://localhost:5173",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example",
        ] {
            assert!(is_origin(right), "{right}");
        }
        for wrong in [
            "*",
            "null",
            "tickets.example.com",
            "https://tickets.example.com/",
            "https://tickets.example.com:443",
            "https://Tickets.example.com",
            "https://",
            "https://a.example:port",
            "https://a.example?x",
            "ftp://a.example",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}
