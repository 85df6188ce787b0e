//! The OpenAPI document.

use utoipa::OpenApi;

use crate::routes::ApiDoc;

/// The document that `/openapi.json` shows, as indented JSON.
///
/// # Errors
/// None that a document of ours can cause.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    ApiDoc::openapi().to_pretty_json()
}

/// The same, to be looked into.
pub(crate) fn document() -> serde_json::Value {
    // A document of ours is text and numbers, and that can always be written.
    serde_json::to_value(ApiDoc::openapi()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_of_version_3_1_and_tells_of_every_call() {
        let document: serde_json::Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().unwrap();
        let routes = include_str!("routes/mod.rs");
        for line in routes.lines().filter(|line| line.contains("at(\"/")) {
            let path = line.split('"').nth(1).unwrap();
            assert!(paths.contains_key(path), "{path} is not told of");
        }
    }

    #[test]
    fn every_answer_is_described_and_every_refusal_is_a_problem() {
        let document: serde_json::Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|path| path.as_object().unwrap().values());
        let mut names = std::collections::BTreeSet::new();
        for operation in operations.filter(|operation| operation.is_object()) {
            assert!(names.insert(operation["operationId"].to_string()), "two of a name");
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let told = &operation["operationId"];
                assert!(
                    answer["description"].as_str().is_some_and(|said| !said.is_empty()),
                    "{told}"
                );
                let is_problem = answer["content"]["application/problem+json"].is_object();
                assert_eq!(is_problem, status.as_str() >= "400", "{told} {status}");
            }
        }
    }
}
