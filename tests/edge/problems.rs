//! Where the type of a problem leads.

use reqwest::Method;
use serde_json::Value;

use crate::harness::{Installation, text};

#[tokio::test]
async fn the_type_of_a_problem_leads_to_a_page_that_explains_it() {
    let installation = Installation::new();
    let server = installation.start();
    let anyone = server.anyone();
    let refused = anyone.get("/api/users/me").await.refused(401, "invalid_token");
    let page = anyone.get(&text(&refused, "type")).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let page = page.expect(200);
    let page = page.as_str().unwrap();
    assert!(page.contains("Invalid token") && page.contains("Sign in"), "{page}");
    let korean = anyone.request(Method::GET, "/problems/invalid_token");
    let korean = korean.header("Accept-Language", "ko").send().await.unwrap();
    assert_eq!(korean.headers()["content-language"], "ko");
    assert!(korean.text().await.unwrap().contains("토큰"));
    anyone.get("/problems/no_such_code").await.refused(404, "not_found");
    // Each code that the document lists has one.
    let document = anyone.get("/openapi.json").await.expect(200);
    let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].clone();
    let codes = codes.as_array().unwrap().clone();
    assert!(codes.len() > 35, "{codes:?}");
    for code in codes {
        anyone.get(&format!("/problems/{}", code.as_str().unwrap())).await.expect(200);
    }
}

#[tokio::test]
async fn what_says_how_something_is_says_it_in_words_that_are_listed() {
    let installation = Installation::new();
    let server = installation.start();
    let document = server.anyone().get("/openapi.json").await.expect(200);
    let mut listed = 0;
    let mut parts: Vec<&Value> = vec![&document["components"]["schemas"]];
    while let Some(part) = parts.pop() {
        for (field, told) in part["properties"].as_object().into_iter().flatten() {
            let is_word = ["status", "state", "kind", "code", "role"].contains(&field.as_str());
            if is_word && told["type"] != "integer" {
                assert!(told["enum"].is_array() || told["$ref"].is_string(), "{field}: {told}");
                listed += 1;
            }
        }
        match part {
            Value::Object(fields) => parts.extend(fields.values()),
            Value::Array(items) => parts.extend(items),
            _ => {}
        }
    }
    assert!(listed >= 10, "{listed}");
}
