//! The pages that people use: buying tickets at `/`, running a sale at `/operator`. Plain HTML, CSS
//! and ES modules, embedded in the binary; they use the REST API and nothing else.

use rust_embed::Embed;

#[derive(Embed)]
#[folder = "pages/"]
struct Files;

/// A file of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it is served, such as `/` or `/app/main.js`.
    pub path: String,
    /// What it is.
    pub content_type: &'static str,
    /// All of it.
    pub body: Vec<u8>,
    /// Names this very body: the beginning of its SHA-256.
    pub version: String,
}

/// Every file there is.
#[must_use]
pub fn pages() -> Vec<Page> {
    Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            let digest = file.metadata.sha256_hash();
            let version = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Some(Page {
                path: path(&name),
                content_type: content_type(&name),
                body: file.data.into_owned(),
                version,
            })
        })
        .collect()
}

/// Where a file is served: a page at its name without `.html`.
fn path(name: &str) -> String {
    match name.strip_suffix(".html") {
        Some("index") => "/".to_owned(),
        Some(page) => format!("/{page}"),
        None => format!("/{name}"),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: &Page) -> &str {
        std::str::from_utf8(&page.body).unwrap_or_default()
    }

    #[test]
    fn every_file_is_of_a_known_kind_and_the_pages_are_where_people_look() {
        let pages = pages();
        assert!(pages.iter().all(|page| page.content_type != "application/octet-stream"));
        for path in ["/", "/operator", "/app/main.js", "/app/style.css", "/icon.svg"] {
            assert!(pages.iter().any(|page| page.path == path), "{path}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_nothing_is_inline() {
        for page in pages() {
            let elsewhere = text(&page).matches("://").count();
            let allowed = text(&page).matches("http://www.w3.org/").count();
            assert_eq!(elsewhere, allowed, "{}", page.path);
            for inline in ["<style", " style=", "<script>", " onclick=", "javascript:", "innerHTML"]
            {
                assert!(!text(&page).contains(inline), "{}: {inline}", page.path);
            }
        }
    }

    /// So that a phone far away waits for them once, and not for one after the other.
    #[test]
    fn each_page_names_all_modules_that_it_comes_to_need() {
        let pages = pages();
        let find = |path: &str| pages.iter().find(|page| page.path == path).unwrap();
        for (page, entry) in [("/", "/app/main.js"), ("/operator", "/operator/main.js")] {
            let mut needed = vec![entry.to_owned()];
            let mut next = 0;
            while let Some(path) = needed.get(next).cloned() {
                for import in imports(find(&path)) {
                    if !needed.contains(&import) {
                        needed.push(import);
                    }
                }
                next += 1;
            }
            for module in needed {
                let named = text(find(page)).contains(&format!("=\"{module}\""));
                assert!(named, "{page} does not name {module}");
            }
        }
    }

    /// Where the modules are that a module imports.
    fn imports(page: &Page) -> Vec<String> {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let lines = text(page).lines().filter(|line| line.starts_with("import "));
        let names = lines.filter_map(|line| line.split('\'').nth(1));
        let absolute = names.map(|name| {
            let mut parts: Vec<_> = folder.split('/').collect();
            for part in name.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            parts.join("/")
        });
        absolute.collect()
    }

    #[test]
    fn all_that_a_module_imports_is_there() {
        let pages = pages();
        for page in &pages {
            for import in imports(page) {
                assert!(pages.iter().any(|other| other.path == import), "{}: {import}", page.path);
            }
        }
    }
}
