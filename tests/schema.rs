//! A schema of an earlier version, which a server of that version may be using.

use std::process::Output;

use crate::harness::{Installation, Theatre};
use crate::running::said;

/// Takes the schema back to before the newest migration.
fn make_older(store: &Installation) {
    let kind = if crate::ON_POSTGRES { "postgres" } else { "sqlite" };
    let migrations = format!("{}/../../migrations/{kind}", env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(migrations).unwrap().map(|folder| folder.unwrap().path());
    let newest = folders.max().unwrap();
    store.execute(&std::fs::read_to_string(newest.join("down.sql")).unwrap());
    let name = newest.file_name().unwrap().to_str().unwrap().to_owned();
    let version = name.split('_').next().unwrap();
    store.execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"));
}

/// The one line in which a command says that it does not work on that schema.
#[track_caller]
fn refusal(output: &Output) -> String {
    let (_, errors) = said(output);
    assert!(!output.status.success() && errors.lines().count() == 1, "{output:?}");
    errors
}

#[tokio::test]
async fn only_a_server_and_migrate_take_a_schema_away_from_an_earlier_version() {
    let Theatre { installation, server, .. } = Theatre::open(2, 4).await;
    server.terminate();
    assert!(server.ended_well());
    make_older(&installation);
    for args in [
        &["audit"][..],
        &["user", "create", "--email", "a@example.com", "--name", "A"],
        &["set-clock-back"],
        &["set-clock-back", "--yes"],
        &["recount"],
        // As before: none of them has migrated anything.
        &["audit"],
    ] {
        let refused = refusal(&installation.run(args, "a password of theirs\n"));
        assert!(refused.contains("run `stagedoor migrate`"), "{args:?}: {refused}");
    }
    assert!(installation.run(&["migrate"], "").status.success());
    installation.assert_sound();
    let create = ["user", "create", "--email", "a@example.com", "--name", "A"];
    assert!(installation.run(&create, "a password of theirs\n").status.success());
}

#[tokio::test]
async fn a_store_without_a_schema_is_not_looked_at_and_is_made_by_who_writes() {
    let installation = Installation::new();
    for args in [&["audit"][..], &["set-clock-back"]] {
        let refused = refusal(&installation.run(args, ""));
        let told = if crate::ON_POSTGRES { "run `stagedoor migrate`" } else { "there is no" };
        assert!(refused.contains(told), "{refused}");
    }
    installation.create_operator();
    installation.assert_sound();
}

#[tokio::test]
async fn a_file_that_an_earlier_server_has_open_is_not_migrated() {
    if crate::ON_POSTGRES {
        return;
    }
    let Theatre { installation, server, .. } = Theatre::open(2, 4).await;
    server.terminate();
    assert!(server.ended_well());
    make_older(&installation);
    let lock = std::fs::File::open(installation.path().join("stagedoor.db.lock")).unwrap();
    lock.try_lock().unwrap();
    for args in [&["migrate"][..], &["serve"]] {
        let refused = refusal(&installation.run(args, ""));
        assert!(refused.contains("in use by another server"), "{refused}");
    }
    // By whatever name.
    let elsewhere = installation.path().join("elsewhere.db");
    std::os::unix::fs::symlink(installation.path().join("stagedoor.db"), &elsewhere).unwrap();
    let url = format!("sqlite:{}", elsewhere.display());
    let refused = refusal(&installation.run(&["migrate", "--database-url", &url], ""));
    assert!(refused.contains("in use by another server"), "{refused}");
    drop(lock);
    assert!(installation.run(&["migrate"], "").status.success());
    installation.assert_sound();
}

#[test]
fn commands_that_come_at_once_to_a_new_store_wait_for_each_other() {
    let installation = Installation::new();
    std::thread::scope(|scope| {
        let mut running: Vec<_> = Vec::new();
        for n in 0..3 {
            running.push(scope.spawn(|| installation.run(&["migrate"], "")));
            let email = format!("{n}@example.com");
            running.push(scope.spawn({
                let installation = &installation;
                move || {
                    let create = ["user", "create", "--email", &email, "--name", "A"];
                    installation.run(&create, "a password of theirs\n")
                }
            }));
        }
        for command in running {
            let output = command.join().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
    });
    installation.assert_sound();
}

#[tokio::test]
async fn counts_that_are_wrong_are_made_anew_while_no_server_runs() {
    let Theatre { installation, server, concert, .. } = Theatre::open(2, 4).await;
    let (queue, _) = server.user("buyer").await.join(Some(&concert.id)).await;
    queue.until("active").await;
    queue.hold(&concert.show, &[concert.seats[0].as_str()]).await.expect(201);
    assert!(refusal(&installation.run(&["recount"], "")).contains("stop all servers first"));
    server.terminate();
    assert!(server.ended_well());
    installation.execute("UPDATE room_counts SET inside = inside + 1; DELETE FROM show_counts");
    assert_eq!(installation.audit().0, [27, 28]);
    let output = installation.run(&["recount"], "");
    assert_eq!(
        said(&output).0,
        "Counts of 1 rooms and of 1 shows were wrong, and are right now.\n"
    );
    installation.assert_sound();
    let output = installation.run(&["recount"], "");
    assert_eq!(
        said(&output).0,
        "Counts of 0 rooms and of 0 shows were wrong, and are right now.\n"
    );
}
