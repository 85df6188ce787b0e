//! Starting, configuring and looking after it.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Installation, Server, Theatre, WallClock, text};

pub(crate) fn said(output: &std::process::Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_wrong_value_stops_the_start_with_one_line_that_names_it() {
    for (name, value) in [
        ("HOLD_SECONDS", "soon"),
        ("LISTEN", "here"),
        ("CHARGE_MAX", "-1"),
        ("ROOM_CAPACITY", "many"),
        ("DATABASE_URL", "mysql://localhost"),
        ("SECRET", "short"),
        ("SWEEP_INTERVAL_MS", "0"),
        ("RETENTION_DAYS", "-1"),
    ] {
        let output = Installation::new().with(name, value).run(&["serve"], "");
        let (_, errors) = said(&output);
        assert!(!output.status.success());
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains(&format!("STAGEDOOR_{name}")), "{errors}");
    }
}

/// A server whose open files are limited as the shell's `ulimit` is told.
pub(crate) fn start_with_files(installation: &Installation, limit: &str) -> Server {
    let serve = installation.command(&["serve"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("ulimit {limit}; exec \"$0\" serve")]);
    command.arg(serve.get_program());
    installation.prepare(&mut command);
    installation.start_as(command)
}

#[tokio::test]
async fn a_server_that_is_given_too_few_open_files_for_its_connections_says_so_and_works() {
    let installation = Installation::new();
    let server = start_with_files(&installation, "-n 600");
    server.anyone().get("/readyz").await.expect(200);
    while !installation.log().contains("STAGEDOOR_CONNECTIONS_MAX") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_machine_whose_clock_is_past_all_http_dates_is_told_of() {
    let Some(clock) = WallClock::right() else { return };
    clock.set("+251700000000s");
    let installation = Installation::on(None).in_environment(&clock.environment());
    let output = installation.run(&["serve"], "");
    let (_, errors) = said(&output);
    assert!(!output.status.success() && errors.contains("the year 10002"), "{output:?}");
    assert!(!installation.path().join("stagedoor.db").exists());
}

#[tokio::test]
async fn settings_come_from_flags_the_environment_and_a_file() {
    let installation = Installation::new().with("CHARGE_MAX", 500);
    let file = installation.path().join("stagedoor.toml");
    std::fs::write(&file, "charge_max = 400\nbalance_max = 600\nhold_seconds = 7\n").unwrap();
    let config = file.to_str().unwrap();
    let server = installation.start_as(installation.command(&[
        "serve",
        "--config",
        config,
        "--balance-max",
        "450",
    ]));
    let user = server.user("user").await;
    let told = user.post("/api/users/balance", json!({ "amount": 1_000 })).await;
    assert_eq!(told.refused(400, "invalid_amount")["max"], 450, "the flag comes first");
}

#[tokio::test]
async fn the_demo_fills_an_empty_store_once_and_prints_how_to_sign_in() {
    let installation = Installation::new();
    let start = || installation.start_as(installation.command(&["serve", "--demo"]));
    let server = start();
    let told = server.told.clone();
    let accounts: Vec<Vec<&str>> = told
        .lines()
        .filter(|line| line.contains('@'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(accounts.len(), 3, "{told}");
    for account in &accounts {
        let user = server.sign_in(account[1], account[2]).await;
        assert_eq!(user.get("/api/users/me").await.expect(200)["role"], account[0]);
    }
    let concerts = server.anyone().get("/api/concerts").await.expect(200);
    assert_eq!(concerts["concerts"].as_array().unwrap().len(), 3);

    let buyer = server.sign_in(accounts[1][1], accounts[1][2]).await;
    let mut most = 0;
    for concert in concerts["concerts"].as_array().unwrap() {
        let (queue, _) = buyer.join(Some(&text(concert, "concert_id"))).await;
        queue.until("active").await;
        let dates = queue.get("/api/concerts/available_dates").await.expect(200);
        let dates = dates["available_dates"].as_array().unwrap().clone();
        assert!(dates.len() > 1, "several shows");
        most = most.max(dates[0]["total_seat_count"].as_u64().unwrap());
    }
    assert_eq!(most, 20_000);
    server.kill();
    let again = start();
    assert_eq!(again.told, told);
    let concerts = again.anyone().get("/api/concerts").await.expect(200);
    assert_eq!(concerts["concerts"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_demo_that_was_cut_short_has_left_out_is_added() {
    let installation = Installation::new();
    for milliseconds in [150, 250, 400] {
        let mut start = installation.command(&["serve", "--demo"]);
        let mut start = start.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        start.kill().unwrap();
        start.wait().unwrap();
    }
    let server = installation.start_as(installation.command(&["serve", "--demo"]));
    let account = server.told.lines().find(|line| line.contains("mina@")).unwrap().to_owned();
    let account: Vec<&str> = account.split_whitespace().collect();
    let buyer = server.sign_in(account[1], account[2]).await;
    let concerts = server.anyone().get("/api/concerts").await.expect(200);
    let mut shows = Vec::new();
    for concert in concerts["concerts"].as_array().unwrap() {
        let (queue, _) = buyer.join(Some(&text(concert, "concert_id"))).await;
        queue.until("active").await;
        let dates = queue.get("/api/concerts/available_dates").await.expect(200);
        shows.push(dates["available_dates"].as_array().unwrap().len());
    }
    shows.sort_unstable();
    assert_eq!(shows, [2, 2, 3]);
}

#[tokio::test]
async fn it_tells_how_it_is() {
    let theatre = Theatre::open(5, 1).await;
    let anyone = theatre.server.anyone();
    anyone.get("/livez").await.expect(200);
    anyone.get("/readyz").await.expect(200);
    theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await;
    let metrics = anyone.get("/metrics").await.expect(200);
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains(
        "stagedoor_http_requests_total{method=\"GET\",route=\"/livez\",status=\"200\"} 1"
    ));
    assert!(metrics.contains("state=\"active\"} 1"), "{metrics}");

    let served = anyone.get("/openapi.json").await.expect(200);
    let printed = theatre.installation.run(&["openapi"], "");
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(served, printed);
    assert_eq!(served["openapi"], "3.1.0");
    let docs = anyone.get("/docs/").await;
    assert!(docs.body.as_str().unwrap().contains("swagger"));
    assert!(docs.headers["content-security-policy"].to_str().unwrap().contains("'self'"));
}

#[tokio::test]
async fn users_for_load_tests_are_made_many_at_once_and_sign_in_with_their_tokens_only() {
    let installation = Installation::new();
    let server = installation.start();
    let file = installation.path().join("tokens");
    let args = ["user", "create-many", "--count", "2500", "--prefix", "load", "--tokens"];
    let args: Vec<_> = args.into_iter().chain([file.to_str().unwrap()]).collect();
    let output = installation.run(&args, "");
    assert!(output.status.success(), "{output:?}");
    let tokens = std::fs::read_to_string(&file).unwrap();
    let tokens: std::collections::BTreeSet<_> = tokens.lines().collect();
    assert_eq!(tokens.len(), 2_500);
    let user = server.anyone().with_token(*tokens.first().unwrap());
    user.get("/api/users/me").await.expect(200);
    let wrong = json!({ "email": "load-1@load.invalid", "password": "12345678" });
    server.anyone().post("/api/sessions", wrong).await.refused(401, "invalid_credentials");
    assert!(!installation.run(&args, "").status.success(), "they exist already");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept.lines().count(), 2_500, "the tokens that are good are there still");
}

#[test]
fn commands_that_go_wrong_say_so_in_one_line() {
    let installation = Installation::new();
    assert!(installation.run(&["migrate"], "").status.success());
    assert!(installation.run(&["migrate"], "").status.success(), "migrating again is no mistake");
    for (args, input) in [
        (vec!["user", "create", "--email", "nobody", "--name", "N"], "12345678\n"),
        (vec!["user", "create", "--email", "a@example.com", "--name", "N"], "short\n"),
        (vec!["audit", "--database-url", "sqlite:nowhere/none.db"], ""),
        (vec!["serve", "--config", "none.toml"], ""),
    ] {
        let output = installation.run(&args, input);
        let (_, errors) = said(&output);
        assert!(!output.status.success(), "{args:?}");
        assert_eq!(errors.lines().count(), 1, "{args:?}: {errors}");
    }
    assert!(!installation.path().join("nowhere").exists());
}

#[test]
fn postgresql_is_backed_up_by_its_own_means() {
    if crate::ON_POSTGRES {
        let installation = Installation::new();
        let output = installation.run(&["backup", "copy.db"], "");
        let (_, errors) = said(&output);
        assert!(!output.status.success());
        assert!(errors.lines().count() == 1 && errors.contains("pg_dump"), "{errors}");
        assert!(!installation.path().join("copy.db").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_in_the_readme_works_as_printed() {
    let readme = include_str!("../README.md");
    let tour = readme.split("```sh tour\n").nth(1).and_then(|rest| rest.split("```").next());
    let installation = Installation::new();
    let server = installation.start_as(installation.command(&["serve", "--demo"]));
    let tour = tour.unwrap().replace("http://127.0.0.1:8080", server.address());
    let shell = std::process::Command::new("sh").args(["-euc", &tour]).output().unwrap();
    let (told, errors) = said(&shell);
    assert!(shell.status.success(), "{errors}");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [_user, ticket, charged, paid, reservation, history] = &lines[..] else { panic!("{told}") };
    assert_eq!(ticket["state"], "active");
    assert_eq!(charged["balance"], 300_000);
    assert_eq!(paid["status"], "succeeded");
    assert_eq!(reservation["status"], "confirmed");
    assert_eq!(history["payments"], json!([paid]));
}
