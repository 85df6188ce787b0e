//! Where those who run the server look, and who else may.

use reqwest::Method;

use crate::harness::{Installation, http_client};

#[tokio::test]
async fn measurements_are_told_on_the_machine_itself_and_not_through_a_proxy() {
    let installation = Installation::new();
    let server = installation.start();
    let anyone = server.anyone();
    anyone.get("/metrics").await.expect(200);
    for (header, value) in
        [("X-Forwarded-For", "127.0.0.1"), ("Via", "1.1 Caddy"), ("Forwarded", "for=192.0.2.1")]
    {
        let passed_on = anyone.request(Method::GET, "/metrics").header(header, value);
        assert_eq!(passed_on.send().await.unwrap().status(), 404, "{header}");
        let ready = anyone.request(Method::GET, "/readyz").header(header, value);
        assert_eq!(ready.send().await.unwrap().text().await.unwrap(), "ok\n");
    }
}

#[tokio::test]
async fn those_who_run_it_have_an_address_of_their_own_where_they_want_one() {
    let installation = Installation::new().with("ADMIN_LISTEN", "127.0.0.1:0");
    let server = installation.start();
    let told = server.told.lines().find_map(|line| line.strip_prefix("metrics on "));
    let admin = told.unwrap().trim_end_matches("/metrics").to_owned();
    let ask = async |path: &str| {
        let answer = http_client().get(format!("{admin}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(ask("/livez").await.0, 200);
    let (status, metrics) = ask("/metrics").await;
    assert!(status == 200 && metrics.contains("stagedoor_http_requests_total"), "{metrics}");
    for path in ["/", "/operator", "/api/concerts", "/docs/", "/openapi.json"] {
        assert_eq!(ask(path).await.0, 404, "{path}");
    }
    let anyone = server.anyone();
    anyone.get("/metrics").await.refused(404, "not_found");
    anyone.get("/readyz").await.expect(200);
    anyone.get("/api/concerts").await.expect(200);
}

#[tokio::test]
async fn documentation_is_kept_by_browsers_and_can_be_switched_off() {
    let installation = Installation::new();
    let server = installation.start();
    let anyone = server.anyone();
    let page = anyone.get("/docs/").await.expect(200);
    let loaded: Vec<String> = page
        .as_str()
        .unwrap()
        .split("\"/docs/")
        .skip(1)
        .map(|rest| format!("/docs/{}", rest.split('"').next().unwrap()))
        .collect();
    assert!(loaded.len() > 5, "{loaded:?}");
    for path in &loaded {
        let answer = anyone.get(path).await;
        assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
        answer.expect(200);
    }
    drop(server);
    let off = Installation::new().with("DOCS", "off");
    let server = off.start();
    for path in ["/docs", "/docs/", "/openapi.json", &loaded[0]] {
        server.anyone().get(path).await.refused(404, "not_found");
    }
}
