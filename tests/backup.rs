//! `stagedoor backup`: a copy of a store that goes on.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Installation, Theatre};
use crate::running::said;

const SECRET: &str = "the same secret before and after it";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_people_buy_is_sound_and_has_all_that_was_told_before() {
    let installation = Installation::new().with("SECRET", SECRET);
    let theatre = Theatre::open_in(installation, 50, 40).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for seats in theatre.concert.seats.chunks(5) {
        let (buyer, stop) = (theatre.buyer(1_000_000).await, Arc::clone(&stop));
        let (show, seats) = (theatre.concert.show.clone(), seats.to_vec());
        clients.spawn(async move {
            for seat in seats.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let held = buyer.hold(&show, &[seat]).await;
                if held.status == 201 {
                    let id = held.body["reservation_id"].as_str().unwrap().to_owned();
                    buyer.delete(&format!("/api/reservations/{id}")).await.expect(204);
                }
            }
        });
    }
    let charged = theatre.server.user("charged").await;
    for round in 1..=5 {
        charged.charge(1).await;
        let copies = Installation::new().with("SECRET", SECRET);
        let copy = copies.path().join("stagedoor.db");
        let output = theatre.installation.run(&["backup", copy.to_str().unwrap()], "");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(copies.path()).unwrap().count(), 1);
        copies.assert_sound();
        let server = copies.start();
        let there = server.anyone().with_token(charged.token());
        assert_eq!(there.get("/api/users/balance").await.expect(200)["balance"], round);
    }
    stop.store(true, Ordering::Relaxed);
    clients.join_all().await;
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_says_what_is_wrong_in_one_line() {
    let installation = Installation::new();
    let no_store = installation.run(&["backup", "copy.db"], "");
    assert!(said(&no_store).1.contains("there is no "), "{no_store:?}");
    installation.create_operator();
    let there = installation.path().join("there.db");
    std::fs::write(&there, "somebody needs this").unwrap();
    for (file, why) in [("there.db", "exists already"), ("none/copy.db", "cannot write")] {
        let output = installation.run(&["backup", file], "");
        let (_, errors) = said(&output);
        assert!(!output.status.success() && errors.contains(why), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "somebody needs this");
    let no_file = installation.run(&["backup"], "");
    assert!(!no_file.status.success());
}

#[tokio::test]
async fn a_backup_that_finds_the_disk_full_leaves_nothing() {
    let installation = Installation::new();
    let server = installation.start();
    for _ in 0..40 {
        let key = "k".repeat(200);
        let user = server.user("user").await;
        user.with_key(&key).post("/api/users/balance", json!({ "amount": 1 })).await.expect(200);
    }
    let before = std::fs::read_dir(installation.path()).unwrap().count();
    let mut command = Command::new("sh");
    installation.prepare(&mut command);
    let binary = env!("CARGO_BIN_EXE_stagedoor");
    let script = format!("trap '' XFSZ; ulimit -f 40; exec '{binary}' backup copy.db");
    let output = command.env("PATH", "/usr/bin:/bin").args(["-c", &script]).output().unwrap();
    let (_, errors) = said(&output);
    assert!(!output.status.success() && errors.lines().count() == 1, "{errors}");
    assert_eq!(std::fs::read_dir(installation.path()).unwrap().count(), before);
    assert!(installation.run(&["backup", "copy.db"], "").status.success());
}
