//! `/openapi.json`, and `/docs/` to browse it.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use utoipa_swagger_ui::{Config, serve};

use crate::openapi::openapi_json;
use crate::pages::Written;

/// What the page of the documentation loads.
const LOADED: [&str; 7] = [
    "swagger-ui.css",
    "index.css",
    "favicon-32x32.png",
    "favicon-16x16.png",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
];

/// The API's document, the page that shows it, and what that loads: from a folder named for all that is
/// in it, so that a browser asks for none of it twice.
pub(crate) fn all() -> Result<Vec<Written>, Box<dyn Error + Send + Sync>> {
    let config = Arc::new(Config::from("/openapi.json"));
    let file = |name: &str| {
        let file = serve(name, Arc::clone(&config)).map_err(|error| error.to_string())?;
        let file = file.ok_or_else(|| format!("{name} is missing"))?;
        Ok::<_, Box<dyn Error + Send + Sync>>((
            Bytes::from(file.bytes.into_owned()),
            file.content_type,
        ))
    };
    let mut digest = blake3::Hasher::new();
    let mut loaded = Vec::new();
    for name in LOADED {
        let (body, content_type) = file(name)?;
        digest.update(&body);
        loaded.push((name, body, content_type));
    }
    let folder = digest.finalize().to_hex();
    let folder = folder.split_at(16).0;

    let (page, page_type) = file("index.html")?;
    let page = LOADED.iter().fold(String::from_utf8(page.to_vec())?, |page, name| {
        let there = format!("=\"/docs/{folder}/{name}\"");
        page.replace(&format!("=\"./{name}\""), &there).replace(&format!("=\"{name}\""), &there)
    });
    let document = Bytes::from(openapi_json()?);
    let json = "application/json".to_owned();
    let mut all = vec![
        Written::document("/openapi.json".to_owned(), json, document, false),
        Written::document("/docs".to_owned(), page_type.clone(), page.clone().into(), false),
        Written::document("/docs/".to_owned(), page_type, page.into(), false),
    ];
    all.extend(loaded.into_iter().map(|(name, body, content_type)| {
        Written::document(format!("/docs/{folder}/{name}"), content_type, body, true)
    }));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_what_is_there_and_nothing_else() {
        let all = all().unwrap();
        assert_eq!(all.len(), LOADED.len() + 3);
        let page = all.iter().find(|document| document.path() == "/docs/").unwrap();
        let page = std::str::from_utf8(page.plain()).unwrap();
        let links = ["src=\"", "href=\""].map(|link| page.split(link).skip(1));
        let named = links.into_iter().flatten().map(|rest| rest.split('"').next().unwrap());
        let mut named: Vec<_> = named.collect();
        let mut loaded: Vec<_> = all.iter().skip(3).map(Written::path).collect();
        named.sort_unstable();
        loaded.sort_unstable();
        assert_eq!(named, loaded);
    }
}
