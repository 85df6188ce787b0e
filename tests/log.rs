//! What is logged, and that nobody waits for it.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::harness::Installation;

#[tokio::test]
async fn what_an_operator_should_know_is_logged_and_what_happens_every_day_is_not() {
    let installation = Installation::new().with("WRONG_PASSWORDS_MAX", 1);
    let server = installation.start();
    let anyone = server.anyone();
    anyone.get("/api/concerts").await.expect(200);
    anyone.get("/api/users/me").await.refused(401, "invalid_token");
    let wrong = json!({ "email": "a@example.com", "password": "not their password" });
    anyone.post("/api/sessions", wrong.clone()).await.refused(401, "invalid_credentials");
    anyone.post("/api/sessions", wrong).await.refused(429, "too_many_requests");
    server.terminate();
    assert!(server.ended_well());
    let log = installation.log();
    let answered: Vec<_> = log.lines().filter(|line| line.contains("answered")).collect();
    let [line] = &answered[..] else { panic!("{log}") };
    assert!(line.contains("INFO") && line.contains("status=429"), "{line}");
    assert!(log.trim_end().ends_with("stopped"), "the last line is there: {log}");
}

#[tokio::test]
async fn each_request_is_logged_where_that_is_asked_for() {
    let installation = Installation::new().with("LOG", "info,adapter_http=debug");
    let server = installation.start();
    server.anyone().get("/api/concerts").await.expect(200);
    server.terminate();
    assert!(server.ended_well());
    let log = installation.log();
    assert!(log.contains("DEBUG") && log.contains("path=\"/api/concerts\" status=200"), "{log}");
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nobody_and_what_is_lost_is_counted() {
    let installation = Installation::new().with("LOG", "trace");
    let mut command = installation.command(&["serve"]);
    // A pipe that nobody empties.
    let (_unread, pipe) = std::io::pipe().unwrap();
    let server = installation.start_with(&mut command, Stdio::from(pipe));
    let anyone = server.anyone();
    let dropped = async || {
        let metrics = anyone.get("/metrics").await.expect(200);
        let mut lines = metrics.as_str().unwrap().lines();
        let line = lines.find_map(|line| line.strip_prefix("stagedoor_log_lines_dropped_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let asking = async {
        while dropped().await == 0 {
            anyone.get("/api/concerts").await.expect(200);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap();
    server.terminate();
    assert!(server.ended_well());
}
