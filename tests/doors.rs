//! Credentials: what they open, how they are taken back, and who guesses them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::audit::execute;
use crate::harness::{Answer, Caller, Installation, Server, Theatre, text};

const PASSWORD: &str = "password of mine";

/// Somebody with an account: the email, and the answer to a sign-in.
async fn account(server: &Server) -> (String, Value) {
    let email = format!("mina-{}@example.com", uuid::Uuid::now_v7());
    let account = json!({ "email": email, "password": PASSWORD, "name": "mina" });
    server.anyone().post("/api/users", account).await.expect(201);
    let session = sign_in(server, &email, PASSWORD).await.expect(201);
    (email, session)
}

async fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    server.anyone().post("/api/sessions", json!({ "email": email, "password": password })).await
}

fn with(server: &Server, session: &Value) -> Caller {
    server.anyone().with_token(text(session, "access_token"))
}

/// Calls with a method that the harness has no word for.
async fn put(caller: &Caller, path: &str, body: Value) -> (u16, Value) {
    let answer = caller.request(Method::PUT, path).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// Waits until it is so, which is promised within two seconds. A busy machine gets some more.
async fn soon(is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(8), "it is not heard of");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_queue_token_that_is_done_shows_what_was_bought_and_opens_nothing_else() {
    let theatre = Theatre::open(5, 2).await;
    let queue = theatre.buyer(100_000).await;
    queue.get("/api/users/me").await.refused(401, "invalid_token");
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
    queue.until("done").await;
    let payment = format!("/api/payments/{}", text(&paid, "payment_id"));
    let shown = ["/api/users/balance", "/api/users/balance/entries", "/api/payments", &payment];
    for path in shown.into_iter().chain(["/api/reservations"]) {
        queue.get(path).await.expect(200);
    }
    let charge = queue.post("/api/users/balance", json!({ "amount": 1 })).await;
    charge.refused(401, "invalid_token");
    let refund = queue.post(&format!("{payment}/refund"), json!({})).await;
    refund.refused(401, "invalid_token");
    let Theatre { installation, server, .. } = theatre;
    server.terminate();
    assert!(server.ended_well());
    execute(
        &installation,
        "UPDATE waiting_tokens SET ends_at = ends_at - {hour}, admitted_at = admitted_at - {hour}, \
         joined_at = joined_at - {hour}, heard_at = heard_at - {hour} WHERE state = 'done'",
    );
    let server = installation.start();
    let queue = queue.at(&server);
    for path in shown.into_iter().chain(["/api/reservations"]) {
        queue.get(path).await.refused(401, "invalid_token");
    }
    assert_eq!(queue.get("/api/queue_tokens/current").await.expect(200)["state"], "done");
}

#[tokio::test]
async fn a_session_that_was_ended_opens_nothing_and_the_others_go_on() {
    let installation = Installation::new();
    let server = installation.start();
    let (email, first) = account(&server).await;
    let second = sign_in(&server, &email, PASSWORD).await.expect(201);
    let (first, second) = (with(&server, &first), with(&server, &second));
    first.delete("/api/sessions/current").await.expect(204);
    first.get("/api/users/me").await.refused(401, "invalid_token");
    second.get("/api/users/me").await.expect(200);
    second.delete("/api/sessions").await.expect(204);
    second.get("/api/users/me").await.refused(401, "invalid_token");
    let third = with(&server, &sign_in(&server, &email, PASSWORD).await.expect(201));
    third.get("/api/users/me").await.expect(200);
    // A server that starts knows of it.
    server.terminate();
    assert!(server.ended_well());
    let server = installation.start();
    for (caller, status) in [(first, 401), (second, 401), (third, 200)] {
        assert_eq!(caller.at(&server).get("/api/users/me").await.status, status);
    }
    installation.assert_sound();
}

#[tokio::test]
async fn who_changes_the_password_stays_signed_in_and_nobody_else_does() {
    let installation = Installation::new();
    let server = installation.start();
    let (email, mine) = account(&server).await;
    let other = sign_in(&server, &email, PASSWORD).await.expect(201);
    let (mine, other) = (with(&server, &mine), with(&server, &other));
    let path = "/api/users/me/password";
    let change = |old: &str, new: &str| json!({ "old_password": old, "password": new });
    let new = "another password of mine";
    let (status, refused) = put(&mine, path, change("a wrong password", new)).await;
    assert_eq!((status, &refused["code"]), (401, &"invalid_credentials".into()));
    for wrong in ["too short", "1234567890", &*email] {
        let (status, refused) = put(&mine, path, change(PASSWORD, wrong)).await;
        assert_eq!((status, &refused["errors"][0]["field"]), (400, &"password".into()), "{wrong}");
    }
    assert_eq!(put(&mine, path, change(PASSWORD, new)).await.0, 204);
    mine.get("/api/users/me").await.expect(200);
    other.get("/api/users/me").await.refused(401, "invalid_token");
    sign_in(&server, &email, PASSWORD).await.refused(401, "invalid_credentials");
    sign_in(&server, &email, new).await.expect(201);
    installation.assert_sound();
}

#[tokio::test]
async fn a_link_to_a_new_password_opens_once_and_ends_all_sessions() {
    let installation = Installation::new();
    installation.create_operator();
    let server = installation.start();
    let (email, session) = account(&server).await;
    let (user, operator) = (with(&server, &session), server.operator().await);
    let path = format!("/api/admin/users/{}/password-reset", text(&session, "user_id"));
    user.post(&path, json!({})).await.refused(403, "forbidden");
    let link = operator.post(&path, json!({})).await.expect(201);
    let secret = text(&link, "secret");
    assert_eq!(link["path"], format!("/#/reset/{secret}"));
    let reset = async |secret: &str, password: &str| {
        let body = json!({ "secret": secret, "password": password });
        server.anyone().post("/api/password-resets", body).await
    };
    let new = "a password that is new";
    reset("AAAA", new).await.refused(400, "invalid_reset");
    let mut forged = secret.clone();
    forged.replace_range(secret.len() - 2.., if secret.ends_with("AA") { "BA" } else { "AA" });
    reset(&forged, new).await.refused(400, "invalid_reset");
    reset(&secret, "short").await.refused(400, "invalid_request");
    reset(&secret, new).await.expect(204);
    reset(&secret, new).await.refused(400, "invalid_reset");
    user.get("/api/users/me").await.refused(401, "invalid_token");
    sign_in(&server, &email, new).await.expect(201);
    // The same from the command line, where a server runs.
    let made = installation.run(&["user", "reset", &email], "");
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success(), "{made:?}");
    let secret = said.lines().next().unwrap().strip_prefix("/#/reset/").unwrap();
    reset(secret, "a password that is newer").await.expect(204);
    assert!(!installation.run(&["user", "reset", "nobody@example.com"], "").status.success());
    let kept = installation.log();
    assert!(!kept.contains(secret), "no secret is logged");
    installation.assert_sound();
}

#[tokio::test]
async fn who_is_shut_out_has_nothing_that_opens_and_comes_back_with_a_new_sign_in() {
    let theatre = Theatre::open(5, 2).await;
    let server = &theatre.server;
    let (email, session) = account(server).await;
    let user = with(server, &session);
    let (queue, _) = user.join(Some(&theatre.concert.id)).await;
    queue.until("active").await;
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    queue.get(&seats).await.expect(200);
    let mut stream =
        queue.request(Method::GET, "/api/queue_tokens/current/events").send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some());

    let admin = format!("/api/admin/users/{}", text(&session, "user_id"));
    let disable = format!("{admin}/disable");
    user.post(&disable, json!({})).await.refused(403, "forbidden");
    let told = theatre.operator.post(&disable, json!({})).await.expect(200);
    assert!(told["disabled_at"].is_string());
    user.get("/api/users/me").await.refused(401, "invalid_token");
    queue.get(&seats).await.refused(401, "invalid_token");
    queue.get("/api/queue_tokens/current").await.refused(401, "invalid_token");
    let ended = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    sign_in(server, &email, PASSWORD).await.refused(403, "account_disabled");
    sign_in(server, &email, "a wrong password").await.refused(401, "invalid_credentials");

    theatre.operator.post(&format!("{admin}/enable"), json!({})).await.expect(200);
    user.get("/api/users/me").await.refused(401, "invalid_token");
    let user = with(server, &sign_in(server, &email, PASSWORD).await.expect(201));
    // The place is still there, and its token is a new one.
    let (again, place) = user.join(Some(&theatre.concert.id)).await;
    assert_eq!(place["status"], "existing");
    assert_ne!(again.token(), queue.token());
    again.get(&seats).await.expect(200);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_guesses_is_slowed_down_and_the_owner_is_not_kept_out() {
    let installation =
        Installation::new().with("WRONG_PASSWORDS_MAX", 5).with("ADDRESS_HEADER", "X-Client");
    let server = installation.start();
    let others = if crate::ON_POSTGRES { vec![installation.start()] } else { Vec::new() };
    let email = "mina@example.com";
    let account = json!({ "email": email, "password": PASSWORD, "name": "mina" });
    server.anyone().post("/api/users", account).await.expect(201);
    let from = async |server: &Server, address: &str, password: &str| {
        let request = server.anyone().request(Method::POST, "/api/sessions");
        let body = json!({ "email": email, "password": password });
        let answer = request.header("X-Client", address).json(&body).send().await.unwrap();
        let waits = answer.headers().contains_key("retry-after");
        (answer.status().as_u16(), waits)
    };
    assert_eq!(from(&server, "192.0.2.1", PASSWORD).await, (201, false));
    // From one network, on all servers together, five and not one more.
    let everywhere: Vec<_> = others.iter().chain([&server]).collect();
    let mut wrong = 0;
    for n in 0..24 {
        let server = everywhere[n % everywhere.len()];
        let (status, waits) = from(server, "198.51.100.1", "a wrong password").await;
        assert_eq!(waits, status == 429);
        wrong += usize::from(status == 401);
        tokio::time::sleep(Duration::from_millis(if others.is_empty() { 0 } else { 150 })).await;
    }
    // What is under way between two servers may pass.
    assert!((5..=5 + 5 * others.len()).contains(&wrong), "{wrong}");
    assert!(wrong < 10, "{wrong}: two servers do not look at twice as many");
    assert_eq!(from(&server, "198.51.100.1", PASSWORD).await.0, 429);
    // The owner gets in, where he was before and where he was not.
    for address in ["192.0.2.1", "192.0.2.77"] {
        assert_eq!(from(&server, address, PASSWORD).await, (201, false), "{address}");
    }
    // A whole world of networks is slowed down together, and the owner's is not.
    let mut wrong = 0;
    for n in 0..60 {
        let status = from(&server, &format!("203.0.113.{n}"), "a wrong password").await.0;
        wrong += usize::from(status == 401);
    }
    assert!((20..=30).contains(&wrong), "{wrong}");
    assert_eq!(from(&server, "192.0.2.1", PASSWORD).await.0, 201);
    // A server that starts knows of it.
    server.terminate();
    assert!(server.ended_well());
    let server = installation.start();
    assert_eq!(from(&server, "198.51.100.1", PASSWORD).await.0, 429);
    assert_eq!(from(&server, "192.0.2.1", PASSWORD).await.0, 201);
    installation.assert_sound();
}

#[tokio::test]
async fn an_address_has_so_many_sign_ups_an_hour() {
    let installation = Installation::new().with("SIGN_UPS_PER_HOUR", 2);
    let server = installation.start();
    for status in [201, 201, 429] {
        let email = format!("mina-{}@example.com", uuid::Uuid::now_v7());
        let account = json!({ "email": email, "password": PASSWORD, "name": "mina" });
        let answer = server.anyone().post("/api/users", account).await;
        assert_eq!(answer.status, status);
        if status == 429 {
            let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1_700..=1_801).contains(&wait), "{wait}");
        }
    }
}

#[tokio::test]
async fn all_spellings_of_a_mailbox_are_one_account() {
    let installation = Installation::new();
    let server = installation.start();
    let sign_up = async |email: &str| {
        let account = json!({ "email": email, "password": PASSWORD, "name": "mina" });
        server.anyone().post("/api/users", account).await
    };
    for (first, others) in [
        ("Mina@Example.COM", &["mina@example.com", " MINA+news@example.com"][..]),
        ("joon+a@example.com", &["joon@example.com", "joon+b@example.com"]),
        ("mina@b\u{fc}cher.example", &["mina@xn--bcher-kva.example", "mina@B\u{dc}CHER.example"]),
        ("jos\u{e9}@example.com", &["jose\u{301}@example.com"]),
    ] {
        assert_eq!(sign_up(first).await.expect(201)["email"], first.trim());
        for other in others {
            sign_up(other).await.refused(409, "email_taken");
            sign_in(&server, other, PASSWORD).await.expect(201);
        }
    }
    for wrong in
        ["Kim <kim@example.com>", "\"kim\"@example.com", "kim@[127.0.0.1]", "kim@localhost"]
    {
        let refused = sign_up(wrong).await.refused(400, "invalid_request");
        assert_eq!(refused["errors"][0]["field"], "email", "{wrong}");
    }
    installation.assert_sound();
}

#[tokio::test]
async fn passwords_and_names_are_what_they_should_be() {
    let installation = Installation::new();
    let server = installation.start();
    let sign_up = async |password: &str, name: &str| {
        let email = format!("a-name-of-mine-{}@example.com", uuid::Uuid::now_v7().simple());
        let account = json!({ "email": email, "password": password, "name": name });
        (email, server.anyone().post("/api/users", account).await)
    };
    for password in ["123456789", "1234567890", "qwertyuiop", "password123", "aaaaaaaaaa"] {
        let refused = sign_up(password, "mina").await.1.refused(400, "invalid_request");
        assert_eq!(refused["errors"][0]["field"], "password", "{password}");
    }
    for name in
        ["\u{200b}", "\u{3164}", "\u{feff}Mina", "Mi\u{2028}na", "Mina\u{202e}gnp", "\u{2067}M"]
    {
        let refused = sign_up(PASSWORD, name).await.1.refused(400, "invalid_request");
        assert_eq!(refused["errors"][0]["field"], "name", "{name:?}");
    }
    let (email, made) = sign_up("caf\u{e9} am Fluss", "👨‍👩‍👧‍👦 محمد").await;
    assert_eq!(made.expect(201)["name"], "👨‍👩‍👧‍👦 محمد");
    sign_in(&server, &email, "cafe\u{301} am Fluss").await.expect(201);
}

/// The entries of a kind, newest first.
async fn entries(operator: &Caller, query: &str) -> Vec<Value> {
    let list = operator.get(&format!("/api/admin/audit-log?limit=100&{query}")).await.expect(200);
    list["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_did_what_is_written_down_for_good() {
    let installation = Installation::new().with("ADDRESS_HEADER", "X-Client");
    let theatre = Theatre::open_in(installation, 5, 2).await;
    let (server, operator) = (&theatre.server, &theatre.operator);
    let (email, session) = account(server).await;
    let (user, user_id) = (with(server, &session), text(&session, "user_id"));
    user.get("/api/admin/audit-log").await.refused(403, "forbidden");

    theatre.change_room(json!({ "paused": true })).await.expect(200);
    theatre.change_room(json!({ "paused": false })).await.expect(200);
    let room = entries(operator, "kind=room_changed").await;
    let paused = |told: &Value| (told["before"]["paused"].clone(), told["after"]["paused"].clone());
    let told: Vec<_> = room.iter().map(paused).collect();
    assert_eq!(told, [(true.into(), false.into()), (false.into(), true.into())]);
    assert_eq!(entries(operator, "kind=concert_created").await.len(), 1);
    assert_eq!(entries(operator, "kind=show_created").await.len(), 1);

    let disable = format!("/api/admin/users/{user_id}/disable");
    let request = operator.request(Method::POST, &disable);
    let named = request.header("X-Client", "192.0.2.9").header("X-Request-Id", "mine-1");
    let answer = named.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_ne!(request_id, "mine-1");
    let told = entries(operator, &format!("user_id={user_id}&kind=user_disabled")).await;
    assert_eq!(told.len(), 1);
    let told = &told[0];
    assert_eq!(told["address"], "192.0.2.9");
    assert_eq!(
        (&told["request_id"], &told["client_request_id"]),
        (&json!(request_id), &json!("mine-1"))
    );
    let me = operator.get("/api/users/me").await.expect(200);
    assert_eq!(told["actor_id"], me["user_id"]);
    assert_eq!(told["subject_id"], json!(user_id));
    // The log is written by a thread of its own.
    let is_logged = |log: &str| log.contains(&request_id) && log.contains(&user_id);
    soon(async || is_logged(&theatre.installation.log())).await;

    for _ in 0..3 {
        sign_in(server, &email, "a wrong password").await.refused(401, "invalid_credentials");
    }
    let count = async || {
        let told = entries(operator, "kind=sign_in_refused").await;
        told.iter().map(|entry| entry["after"]["count"].as_u64().unwrap()).sum::<u64>()
    };
    soon(async || count().await == 3).await;

    let queue = theatre.buyer(100_000).await;
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
    assert!(entries(operator, "kind=payment_refunded").await.is_empty());
    let payment = text(&paid, "payment_id");
    let buyer = theatre.server.user("refunded").await;
    let refund = buyer.post(&format!("/api/payments/{payment}/refund"), json!({})).await;
    refund.refused(404, "not_found");
    assert!(entries(operator, "kind=payment_refunded").await.is_empty());

    // Pages go on where they ended, and what is not there is refused.
    let first = operator.get("/api/admin/audit-log?limit=2").await.expect(200);
    let cursor = text(&first, "next_cursor");
    let next = operator.get(&format!("/api/admin/audit-log?limit=2&cursor={cursor}")).await;
    assert_ne!(next.expect(200)["entries"][0], first["entries"][0]);
    for wrong in ["kind=nothing", "user_id=me", "page=2", "cursor=AAAA"] {
        let refused = operator.get(&format!("/api/admin/audit-log?{wrong}")).await;
        refused.refused(400, "invalid_request");
    }
    theatre.installation.assert_sound();
    for sql in ["UPDATE audit_log SET kind = 'x'", "DELETE FROM audit_log"] {
        let refused = theatre.installation.try_execute(sql).unwrap_err();
        assert!(refused.contains("rows of the audit log are not"), "{refused}");
    }
}
