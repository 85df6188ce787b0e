//! Two users who may not see each other's things.

use serde_json::json;

use crate::harness::{Installation, Theatre, text};

#[tokio::test]
async fn anothers_things_answer_exactly_as_nobodys() {
    let theatre = Theatre::open(5, 4).await;
    let (mina, joon) = (theatre.buyer(200_000).await, theatre.buyer(200_000).await);
    let held = mina.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let minas_hold = text(&held, "reservation_id");
    let other = theatre.buyer(200_000).await;
    let sold = other.hold(&theatre.concert.show, &[theatre.seat(1)]).await.expect(201);
    let paid = other.pay(&text(&sold, "reservation_id")).await.expect(201);
    let others_payment = text(&paid, "payment_id");
    let nobodys = uuid::Uuid::now_v7().to_string();

    let same = async |theirs: String, nobodys: String| {
        let (theirs, nobodys) = (joon.get(&theirs).await, joon.get(&nobodys).await);
        assert_eq!(theirs.status, nobodys.status);
        let without_id = |mut body: serde_json::Value| {
            body["request_id"] = json!(null);
            body
        };
        assert_eq!(without_id(theirs.body), without_id(nobodys.body));
    };
    same(format!("/api/reservations/{minas_hold}"), format!("/api/reservations/{nobodys}")).await;
    same(format!("/api/payments/{others_payment}"), format!("/api/payments/{nobodys}")).await;

    joon.delete(&format!("/api/reservations/{minas_hold}")).await.refused(404, "not_found");
    joon.pay(&minas_hold).await.refused(404, "not_found");
    let refund = format!("/api/payments/{others_payment}/refund");
    joon.account().post(&refund, json!({})).await.refused(404, "not_found");

    assert_eq!(joon.get("/api/reservations").await.expect(200)["reservations"], json!([]));
    assert_eq!(joon.get("/api/payments").await.expect(200)["payments"], json!([]));
    let entries = joon.get("/api/users/balance/entries").await.expect(200);
    assert_eq!(entries["entries"].as_array().unwrap().len(), 1);
    let mine = mina.get(&format!("/api/reservations/{minas_hold}")).await.expect(200);
    assert_eq!(mine["status"], "held");
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn no_secret_is_in_the_log_however_much_is_logged() {
    let installation = Installation::new().with("LOG", "trace");
    let theatre = Theatre::open_in(installation, 5, 1).await;
    let buyer = theatre.buyer(1).await;
    let wrong = json!({ "email": "op@example.com", "password": "a wrong password" });
    theatre.server.anyone().post("/api/sessions", wrong).await.refused(401, "invalid_credentials");
    buyer
        .with_key("my-own-key")
        .post("/api/users/balance", json!({ "amount": 5 }))
        .await
        .expect(200);
    let log = theatre.installation.log();
    assert!(log.contains("/api/sessions"), "{log}");
    for secret in [
        "operator password",
        "a wrong password",
        "password of mine",
        buyer.token(),
        "my-own-key",
        "argon2",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
