//! What only a store in a file can meet.

use std::process::Command;

use serde_json::json;

use crate::harness::Installation;
use crate::running::said;

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let installation = Installation::new().with("SECRET", "the same secret before and after it");
    installation.create_operator();
    // A limit on the size of files stands in for a full disk: the log file stays below it.
    let mut command = Command::new("sh");
    installation.prepare(&mut command);
    command.env("PATH", "/usr/bin:/bin").env("STAGEDOOR_LOG", "off");
    let script =
        format!("trap '' XFSZ; ulimit -f 1200; exec '{}' serve", env!("CARGO_BIN_EXE_stagedoor"));
    command.args(["-c", &script]);
    let server = installation.start_as(command);
    let user = server.user("user").await;
    let mut charged = 0;
    let mut refused = 0;
    for n in 0..4_000 {
        let filler = format!("{n}-{}", "k".repeat(240));
        let charge =
            user.with_key(&filler).post("/api/users/balance", json!({ "amount": 1 })).await;
        if charge.status == 200 {
            charged += 1;
            continue;
        }
        assert_eq!(charge.status, 503, "{}", charge.body);
        assert!(charge.headers.contains_key("retry-after"));
        refused += 1;
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "the disk never was full; {charged} charges fitted");
    assert!(charged > 0);
    user.get("/api/users/balance").await.expect(200);
    let token = user.token().to_owned();
    server.kill();
    installation.assert_sound();
    let server = installation.start();
    let user = server.anyone().with_token(token);
    let balance = user.get("/api/users/balance").await.expect(200)["balance"].as_i64().unwrap();
    assert!((charged..=charged + refused).contains(&balance), "{balance} of {charged}");
    user.charge(1).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_turned_away_in_one_line() {
    let installation = Installation::new();
    let _server = installation.start();
    let (_, errors) = said(&installation.run(&["serve"], ""));
    let last = errors.lines().last().unwrap_or_default();
    assert!(last.contains("is in use by another server"), "{errors}");
}
