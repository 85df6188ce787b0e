//! What a problem's type leads to.

use super::codes;
use super::korean::korean;
use super::title;
use crate::language::Language;

/// The page that explains a code, and the language that it is in.
pub(crate) fn page(code: &str, wanted: Language) -> Option<(String, Language)> {
    let about = codes::explained(code)?;
    let korean = korean(code).filter(|_| wanted == Language::Korean);
    let (title, about, language) = match korean {
        Some((title, detail)) => (title.to_owned(), detail, Language::Korean),
        None => (title(code), about, Language::English),
    };
    let page = format!(
        "<!doctype html>\n<html lang=\"{}\"><meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n<p><code>{code}</code></p>\n<p>{about}</p>\n</html>\n",
        language.name()
    );
    Some((page, language))
}
