//! Signatures over time and body, in the form that Stripe gives its webhooks
//! (<https://docs.stripe.com/webhooks/signature>): `t=<seconds since 1970>,v1=<HMAC-SHA256 of
//! "<t>.<body>" in hexadecimal>`.

use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A signature may be this many seconds old, or that far ahead where clocks differ.
const AGE_SECONDS_MAX: i64 = 300;
/// More signatures than a change of secrets needs are not looked at.
const SIGNATURES_MAX: usize = 4;

/// Signs, and knows what was signed, with one secret.
#[derive(Clone)]
pub(crate) struct Seal(Hmac<Sha256>);

impl Seal {
    pub(crate) fn new(secret: &str) -> Option<Self> {
        Hmac::new_from_slice(secret.as_bytes()).ok().map(Self)
    }

    /// The header that proves `body` to be ours, and of `now`.
    pub(crate) fn sign(&self, body: &[u8], now: Timestamp) -> String {
        let seconds = now.timestamp().to_string();
        let mac = self.over(&seconds, body).finalize().into_bytes();
        format!("t={seconds},v1={}", hex::encode(mac))
    }

    /// Which of the header's signatures proves that whoever knows the secret sent `body` a short
    /// while before `now`: in one spelling, however it was written.
    pub(crate) fn prove(&self, header: &str, body: &[u8], now: Timestamp) -> Option<String> {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let mut times = parts().filter(|(name, _)| *name == "t");
        let (_, seconds) = times.next().filter(|_| times.next().is_none())?;
        let signed_at: i64 = seconds.parse().ok().filter(|at: &i64| at.to_string() == seconds)?;
        if now.timestamp().abs_diff(signed_at) > AGE_SECONDS_MAX.unsigned_abs() {
            return None;
        }
        let signatures = parts().filter(|(name, _)| *name == "v1").take(SIGNATURES_MAX);
        let mut signatures = signatures.filter_map(|(_, signature)| hex::decode(signature).ok());
        let ours = |signature: &Vec<u8>| self.over(seconds, body).verify_slice(signature).is_ok();
        signatures.find(ours).map(hex::encode)
    }

    fn over(&self, seconds: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(seconds.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "the secret that both sides of the tests share";
    const BODY: &[u8] = br#"{"payment_id":"0","state":"charged"}"#;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn seal() -> Seal {
        Seal::new(SECRET).unwrap()
    }

    /// `printf '1700000000.…' | openssl dgst -sha256 -hmac "…"` says the same; so does the guide.
    #[test]
    fn a_signature_is_what_the_guide_says() {
        let secret = "a secret that the shop and its bridge share";
        let body = br#"{"action":"ask","payment_id":"019e0000-0000-7000-8000-000000000000"}"#;
        let signed = Seal::new(secret).unwrap().sign(body, at(1_700_000_000));
        let guide = include_str!("../../../docs/payment-provider.md");
        assert!(guide.contains(&format!("Stagedoor-Signature: {signed}")), "{signed}");
        assert!(guide.contains(secret) && guide.contains(std::str::from_utf8(body).unwrap()));
    }

    #[test]
    fn what_was_signed_is_proven_for_five_minutes() {
        let header = seal().sign(BODY, at(1_000));
        for (now, holds) in
            [(699, false), (700, true), (1_000, true), (1_300, true), (1_301, false)]
        {
            assert_eq!(seal().prove(&header, BODY, at(now)).is_some(), holds, "at {now}");
        }
    }

    #[test]
    fn another_body_another_time_and_another_secret_are_not_proven() {
        let header = seal().sign(BODY, at(1_000));
        assert_eq!(seal().prove(&header, b"{}", at(1_000)), None);
        assert_eq!(seal().prove(&header.replace("t=1000", "t=1001"), BODY, at(1_000)), None);
        assert_eq!(Seal::new("other").unwrap().prove(&header, BODY, at(1_000)), None);
        let twice = format!("t=1000,{header}");
        assert_eq!(seal().prove(&twice, BODY, at(1_000)), None, "one time only");
        for nonsense in
            ["", "t=", "v1=", "t=1000", "t=1000,v1=", "t=+1000,v1=00", "=,=,", "t=1000,v1=zz"]
        {
            assert_eq!(seal().prove(nonsense, BODY, at(1_000)), None, "{nonsense}");
        }
    }

    #[test]
    fn one_of_several_signatures_will_do_and_is_told_in_one_spelling() {
        let header = seal().sign(BODY, at(1_000));
        let signature = header.split("v1=").nth(1).unwrap();
        let proven = Some(signature.to_owned());
        let spellings = [
            header.clone(),
            format!("v1=00,v1={}, t=1000", signature.to_uppercase()),
            format!("t=1000,v0=x,v1={signature},v1={signature}"),
        ];
        for spelling in spellings {
            assert_eq!(seal().prove(&spelling, BODY, at(1_000)), proven, "{spelling}");
        }
    }
}
