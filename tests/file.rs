//! What only a store in a file can meet.

use std::process::{Command, Stdio};
use std::time::Duration;

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
    assert!(last.contains("is in use by another server or command"), "{errors}");
}

/// Starts a server and ends it with `kill -9` after `wait`, whatever it is at.
fn start_and_kill(installation: &Installation, wait: Duration) {
    let mut command = installation.command(&["serve"]);
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(wait);
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn a_first_start_that_is_killed_at_any_moment_stops_no_later_one() {
    for step in 0..40 {
        let installation = Installation::new();
        start_and_kill(&installation, Duration::from_micros(500 * step));
        let server = installation.start();
        server.user("user").await;
        server.kill();
        installation.assert_sound();
    }
}

#[tokio::test]
async fn a_first_start_on_a_full_disk_stops_no_later_one() {
    for blocks in [0, 1, 8, 64] {
        let installation = Installation::new();
        let mut command = Command::new("sh");
        installation.prepare(&mut command);
        let binary = env!("CARGO_BIN_EXE_stagedoor");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{binary}' serve");
        let output = command.env("PATH", "/usr/bin:/bin").args(["-c", &script]).output().unwrap();
        assert!(!output.status.success());
        installation.start().user("user").await;
    }
}

#[tokio::test]
async fn a_secret_that_was_cut_short_is_replaced_where_nothing_was_signed_and_else_told_of() {
    for migrated in [false, true] {
        let installation = Installation::new();
        let secret = installation.path().join("stagedoor.db.secret");
        std::fs::write(&secret, "").unwrap();
        if migrated {
            assert!(installation.run(&["migrate"], "").status.success());
        }
        let server = installation.start();
        server.user("user").await;
        server.terminate();
        assert!(server.ended_well());
        assert!(installation.log().contains("cut short"), "{}", installation.log());
        let kept = std::fs::read_to_string(&secret).unwrap();

        for left in ["", "3fa9"] {
            std::fs::write(&secret, left).unwrap();
            let output = installation.run(&["serve"], "");
            let (_, errors) = said(&output);
            assert!(!output.status.success() && errors.lines().count() == 1, "{errors}");
            assert!(errors.contains("is cut short"), "{errors}");
            assert_eq!(std::fs::read_to_string(&secret).unwrap(), left);
        }
        std::fs::write(&secret, kept).unwrap();
        installation.start();
    }
}

#[test]
fn what_a_killed_start_left_is_no_lock_and_tokens_that_cannot_be_written_leave_no_file() {
    let installation = Installation::new();
    std::fs::write(installation.path().join("stagedoor.db.lock"), "").unwrap();
    drop(installation.start());
    let mut command = Command::new("sh");
    installation.prepare(&mut command);
    let binary = env!("CARGO_BIN_EXE_stagedoor");
    let create = "user create-many --count 9000 --prefix p --tokens tokens";
    let script = format!("trap '' XFSZ; ulimit -f 1000; exec '{binary}' {create}");
    let output = command.env("PATH", "/usr/bin:/bin").args(["-c", &script]).output().unwrap();
    let (_, errors) = said(&output);
    assert!(!output.status.success() && errors.lines().count() == 1, "{errors}");
    assert!(!installation.path().join("tokens").exists());
}

#[tokio::test]
async fn the_store_and_its_copies_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let installation = Installation::new();
    let folder = installation.path();
    let mode = |name: &str| {
        let there = std::fs::metadata(folder.join(name)).unwrap();
        there.permissions().mode() & 0o777
    };
    // An earlier version left it open to all.
    std::fs::write(folder.join("stagedoor.db"), "").unwrap();
    let all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.join("stagedoor.db"), all).unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "umask 022; exec \"$0\" serve"]);
    command.arg(installation.command(&["serve"]).get_program());
    installation.prepare(&mut command);
    let server = installation.start_as(command);
    server.user("somebody").await;
    assert!(installation.run(&["backup", "copy.db"], "").status.success());
    for name in ["stagedoor.db", "stagedoor.db-wal", "stagedoor.db-shm", "copy.db"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}
