//! In which language people are told what is wrong.

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

/// A language that problems are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Korean,
}

impl Language {
    /// The one that a request would rather have (RFC 9110, 12.5.4); English where it does not say.
    pub(crate) fn wanted_by(headers: &HeaderMap) -> Self {
        let Some(list) = headers.get(ACCEPT_LANGUAGE).and_then(|list| list.to_str().ok()) else {
            return Self::English;
        };
        let (mut wanted, mut best) = (Self::English, 0.0);
        for item in list.split(',').take(16) {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let language = match name.split('-').next() {
                Some("ko") => Self::Korean,
                Some("en") => Self::English,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let weight = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0));
            if weight > best {
                (wanted, best) = (language, weight);
            }
        }
        wanted
    }

    /// Its name in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_language_that_is_liked_best_is_spoken_and_english_else() {
        for (list, wanted) in [
            ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", Language::Korean),
            ("en-US,en;q=0.9,ko;q=0.8", Language::English),
            ("fr, ko;q=0.2", Language::Korean),
            ("en;q=0.1, KO;q=0.2", Language::Korean),
            ("fr", Language::English),
            ("ko;q=0", Language::English),
            ("ko;q=x", Language::English),
            ("", Language::English),
            (";;,,=", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(list));
            assert_eq!(Language::wanted_by(&headers), wanted, "{list}");
        }
        assert_eq!(Language::wanted_by(&HeaderMap::new()), Language::English);
    }
}
