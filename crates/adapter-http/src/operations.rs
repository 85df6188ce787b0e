//! What the OpenAPI document says of each operation, for the [gate](crate::gate) before it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::http::Method;
use serde_json::Value;

use crate::openapi::document;

/// Which token an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    None,
    Access,
    Queue,
    Either,
}

/// What is known of an operation before its handler runs.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) credential: Credential,
    /// Whether it is for operators alone.
    pub(crate) is_operators: bool,
    /// The parameters that its query may have.
    pub(crate) query: Vec<String>,
    /// Whether a body says what is to be done.
    pub(crate) takes_body: bool,
}

/// The operations of a path, by the pattern that it is routed by; none of a path that the document does
/// not tell of.
pub(crate) fn of(pattern: &str) -> &'static [Operation] {
    static ALL: LazyLock<BTreeMap<String, Vec<Operation>>> = LazyLock::new(all);
    ALL.get(pattern).map(Vec::as_slice).unwrap_or_default()
}

/// What `Allow` says of such a path.
pub(crate) fn allowed(operations: &[Operation]) -> String {
    let methods: Vec<&str> = operations.iter().map(|operation| operation.method.as_str()).collect();
    methods.join(", ")
}

fn all() -> BTreeMap<String, Vec<Operation>> {
    let document = document();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let of_path = |(pattern, item): (&String, &Value)| {
        let item = item.as_object().into_iter().flatten();
        let operations = item.filter_map(|(method, told)| operation(pattern, method, told));
        (pattern.clone(), operations.collect())
    };
    paths.map(of_path).collect()
}

fn operation(pattern: &str, method: &str, told: &Value) -> Option<Operation> {
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).ok()?;
    let responses = told.get("responses")?;
    let list = |name: &str| told.get(name).and_then(Value::as_array).into_iter().flatten();
    let takes = |token: &str| list("security").any(|scheme| scheme.get(token).is_some());
    let in_query = list("parameters").filter(|parameter| parameter["in"] == "query");
    let query = in_query.filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned()));
    Some(Operation {
        method,
        credential: match (takes("access_token"), takes("queue_token")) {
            (false, false) => Credential::None,
            (true, false) => Credential::Access,
            (false, true) => Credential::Queue,
            (true, true) => Credential::Either,
        },
        is_operators: pattern.starts_with("/api/admin/") && responses.get("403").is_some(),
        query: query.collect(),
        takes_body: told.get("requestBody").is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_tells_who_may_call_and_with_what() {
        let [list, hold] = of("/api/reservations") else { panic!("two operations") };
        assert_eq!((&list.method, list.credential), (&Method::GET, Credential::Either));
        assert_eq!((list.query.join(","), list.takes_body), ("limit,cursor".to_owned(), false));
        assert_eq!((&hold.method, hold.credential), (&Method::POST, Credential::Queue));
        assert!(hold.takes_body && hold.query.is_empty() && !hold.is_operators);
        let [rooms] = of("/api/admin/rooms") else { panic!("one operation") };
        assert!(rooms.is_operators && rooms.credential == Credential::Access);
        assert_eq!(allowed(of("/api/reservations")), "GET, POST");
        assert!(of("/nowhere").is_empty());
    }
}
