//! A store in a file is that one file, whenever nobody has it open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation};

const SECRET: &str = "the same secret before and after it";

/// That nothing lies beside the file but what is no part of it.
fn assert_alone(installation: &Installation) {
    for ending in ["-wal", "-journal"] {
        let beside = installation.path().join(format!("stagedoor.db{ending}"));
        let length = std::fs::metadata(&beside).map_or(0, |file| file.len());
        assert_eq!(length, 0, "{} has something in it", beside.display());
    }
}

/// An installation that has nothing but a copy of the file.
fn copy_of_the_file(installation: &Installation) -> Installation {
    let copy = Installation::new().with("SECRET", SECRET);
    std::fs::copy(installation.path().join("stagedoor.db"), copy.path().join("stagedoor.db"))
        .unwrap();
    copy
}

/// Charges over and over until the server is gone, and says how often it was told that it did.
async fn charge_on(user: Caller, stop: Arc<AtomicBool>) -> (String, i64) {
    let mut charged = 0;
    while !stop.load(Ordering::Relaxed) {
        match user.try_post("/api/users/balance", json!({ "amount": 1 })).await {
            Ok(answer) if answer.status == 200 => charged += 1,
            _ => break,
        }
    }
    (user.token().to_owned(), charged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_under_load_leaves_one_file_that_has_everything() {
    for round in 0..8 {
        let installation = Installation::new().with("SECRET", SECRET);
        let server = installation.start();
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..5 {
            clients.spawn(charge_on(server.user("user").await, Arc::clone(&stop)));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.terminate();
        if round % 2 == 1 {
            // Requests are cut short then, and whatever they hold is never given back.
            server.terminate();
        }
        assert!(server.ended_well());
        stop.store(true, Ordering::Relaxed);
        assert_alone(&installation);
        let copy = copy_of_the_file(&installation);
        let server = copy.start();
        for (token, charged) in clients.join_all().await {
            let user = server.anyone().with_token(token);
            let balance = user.get("/api/users/balance").await.expect(200)["balance"].clone();
            let balance = balance.as_i64().unwrap();
            // One charge was under way, and nobody was told what became of it.
            assert!((charged..=charged + 1).contains(&balance), "{balance} of {charged}");
        }
        server.kill();
        copy.assert_sound();
    }
}

#[test]
fn a_command_leaves_one_file_that_has_everything_also_when_it_goes_wrong() {
    let installation = Installation::new().with("SECRET", SECRET);
    let create = ["user", "create", "--email", "a@example.com", "--name", "A"];
    let many = ["user", "create-many", "--count", "9", "--prefix", "p", "--tokens", "tokens"];
    for (args, works) in [
        (&["migrate"][..], true),
        (&create, true),
        (&create, false),
        (&many, true),
        (&many, false),
        (&["audit"], true),
    ] {
        let output = installation.run(args, "a password of theirs\n");
        assert_eq!(output.status.success(), works, "{output:?}");
        assert_alone(&installation);
    }
    let copy = copy_of_the_file(&installation);
    let output = copy.run(&create, "a password of theirs\n");
    assert!(!output.status.success(), "the user is in the copy");
}

#[tokio::test]
async fn a_command_beside_a_server_takes_nothing_from_it() {
    let installation = Installation::new().with("SECRET", SECRET);
    let server = installation.start();
    let user = server.user("user").await;
    for _ in 0..3 {
        user.charge(1).await;
        installation.assert_sound();
    }
    user.charge(1).await;
    server.terminate();
    assert!(server.ended_well());
    assert_alone(&installation);
    let server = copy_of_the_file(&installation).start();
    let user = server.anyone().with_token(user.token());
    assert_eq!(user.get("/api/users/balance").await.expect(200)["balance"], 4);
}
