//! Accounts, reservations, cash and payments: what is refused, and what is given back.

use serde_json::json;

use crate::harness::{Installation, Theatre, new_concert, new_show, text};

#[tokio::test]
async fn accounts_are_made_once_and_signed_in_to_with_the_right_password() {
    let theatre = Theatre::open(1, 1).await;
    let anyone = theatre.server.anyone();
    let account = json!({ "email": "Mina@Example.com", "password": "a password of hers", "name": "김미나 🎟️" });
    let made = anyone.post("/api/users", account.clone()).await.expect(201);
    assert_eq!((&made["email"], &made["role"]), (&"Mina@Example.com".into(), &"buyer".into()));
    anyone.post("/api/users", account).await.refused(409, "email_taken");

    let wrong = json!({ "email": "nobody", "password": "short", "name": "\u{7}" });
    let refused = anyone.post("/api/users", wrong).await.refused(400, "invalid_request");
    let fields: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(json!(fields), json!(["email", "password", "name"]));

    for (email, password) in
        [("mina@example.com", "87654321"), ("nobody@example.com", "a password of hers"), ("x", "y")]
    {
        let session = anyone.post("/api/sessions", json!({ "email": email, "password": password }));
        session.await.refused(401, "invalid_credentials");
    }
    let mina = theatre.server.sign_in("mina@example.com", "a password of hers").await;
    assert_eq!(mina.get("/api/users/me").await.expect(200), made);
    anyone.get("/api/users/me").await.refused(401, "invalid_token");
}

#[tokio::test]
async fn limits_hold_and_name_themselves() {
    let installation = Installation::new().with("CHARGE_MAX", 100_000).with("BALANCE_MAX", 150_000);
    let theatre = Theatre::open_in(installation, 1, 8).await;
    let buyer = theatre.buyer(0).await;
    let seats: Vec<_> = (0..5).map(|n| theatre.seat(n)).collect();
    let show = &theatre.concert.show;
    let told = buyer.hold(show, &seats).await.refused(409, "seat_limit_exceeded");
    assert_eq!(told["limit"], 4);
    buyer.hold(show, &seats[..3]).await.expect(201);
    let told = buyer.hold(show, &seats[3..]).await.refused(409, "seat_limit_exceeded");
    assert_eq!(told["limit"], 4);
    assert_eq!(theatre.statuses(&buyer).await[3], "available");

    for amount in [0, -1, 100_001, i64::MIN, i64::MAX] {
        let charge = buyer.post("/api/users/balance", json!({ "amount": amount })).await;
        charge.refused(400, "invalid_amount");
    }
    buyer.charge(100_000).await;
    let told = buyer.post("/api/users/balance", json!({ "amount": 50_001 })).await;
    assert_eq!(told.refused(400, "invalid_amount")["max"], 50_000);
}

#[tokio::test]
async fn nothing_is_sold_outside_its_sale() {
    let theatre = Theatre::open(1, 1).await;
    let mut later = new_concert();
    later["sale_opens_at"] = json!("2034-01-01T00:00:00Z");
    let concert = theatre.operator.post("/api/admin/concerts", later).await.expect(201);
    let id = text(&concert, "concert_id");
    let path = format!("/api/admin/concerts/{id}/shows");
    let show = theatre.operator.post(&path, new_show(1)).await.expect(201);
    // The site's room stands in front of whatever has none of its own, and is open.
    let (queue, _) = theatre.server.user("early").await.join(Some(&id)).await;
    let dates = queue.get("/api/concerts/available_dates").await.expect(200);
    assert_eq!(dates["available_dates"], json!([]));
    let seats =
        queue.get(&format!("/api/shows/{}/seats", text(&show, "show_id"))).await.expect(200);
    let seat = text(&seats["seats"][0], "seat_id");
    queue.hold(&text(&show, "show_id"), &[&seat]).await.refused(409, "not_on_sale");
}

#[tokio::test]
async fn a_reservation_is_given_back_once_and_a_payment_too() {
    let theatre = Theatre::open(3, 3).await;
    let buyer = theatre.buyer(100_000).await;
    let show = &theatre.concert.show;
    let held = buyer.hold(show, &[theatre.seat(0)]).await.expect(201);
    let path = format!("/api/reservations/{}", text(&held, "reservation_id"));
    buyer.delete(&path).await.expect(204);
    buyer.delete(&path).await.refused(409, "not_held");
    assert_eq!(buyer.get(&path).await.expect(200)["status"], "cancelled");
    buyer.pay(&text(&held, "reservation_id")).await.refused(410, "hold_expired");

    let held = buyer.hold(show, &[theatre.seat(1)]).await.expect(201);
    let reservation = text(&held, "reservation_id");
    let paid = buyer.pay(&reservation).await.expect(201);
    buyer.pay(&reservation).await.refused(403, "token_expired");
    let again = buyer.post("/api/queue_tokens", json!({})).await;
    again.refused(401, "invalid_token");
    let payment = text(&paid, "payment_id");
    let path = format!("/api/payments/{payment}/refund");
    let refunded = buyer.account().post(&path, json!({})).await.expect(200);
    assert_eq!(refunded["status"], "refunded");
    buyer.account().post(&path, json!({})).await.refused(409, "not_refundable");
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["balance"], 100_000);
    let looker = theatre.buyer(0).await;
    assert_eq!(theatre.statuses(&looker).await, ["available"; 3]);
    let entries = buyer.get("/api/users/balance/entries").await.expect(200);
    let told: Vec<_> = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| json!([e["kind"], e["amount"], e["reference"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["refund", 50_000, payment],
            ["payment", -50_000, payment],
            ["charge", 100_000, null]
        ])
    );
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_comes_back_to_pay_again_is_told_which_payment_it_was() {
    let theatre = Theatre::open(3, 1).await;
    let user = theatre.server.user("user").await;
    user.charge(50_000).await;
    let (queue, _) = user.join(Some(&theatre.concert.id)).await;
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
    let (again, _) = user.join(Some(&theatre.concert.id)).await;
    let told = again.pay(&text(&held, "reservation_id")).await.refused(409, "already_paid");
    assert_eq!(told["payment_id"], paid["payment_id"]);
}

#[tokio::test]
async fn a_refund_a_day_before_the_show_is_too_late() {
    let hours_to_2035 = 8_760;
    let installation = Installation::new().with("REFUND_UNTIL_HOURS", hours_to_2035);
    let theatre = Theatre::open_in(installation, 3, 1).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let mut soon = new_show(1);
    soon["starts_at"] = json!(in_days(30));
    let show = text(&theatre.operator.post(&path, soon).await.expect(201), "show_id");
    let buyer = theatre.buyer(50_000).await;
    let map = buyer.get(&format!("/api/shows/{show}/seats")).await.expect(200);
    let seat = text(&map["seats"][0], "seat_id");
    let held = buyer.hold(&show, &[&seat]).await.expect(201);
    let paid = buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    let path = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    buyer.account().post(&path, json!({})).await.refused(409, "not_refundable");
}

fn in_days(days: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::days(days)).to_rfc3339()
}

#[tokio::test]
async fn two_tickets_of_one_day_are_told_apart_on_any_device() {
    let theatre = Theatre::open(5, 1).await;
    let shows = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let mut matinee = new_show(1);
    matinee["starts_at"] = json!("2035-05-01T05:00:00Z");
    let matinee = theatre.operator.post(&shows, matinee).await.expect(201);
    let user = theatre.server.user("twice").await;
    user.charge(100_000).await;
    for (show, starts_at) in [
        (theatre.concert.show.clone(), "2035-05-01T11:00:00Z"),
        (text(&matinee, "show_id"), "2035-05-01T05:00:00Z"),
    ] {
        let (queue, _) = user.join(Some(&theatre.concert.id)).await;
        queue.until("active").await;
        let map = queue.get(&format!("/api/shows/{show}/seats")).await.expect(200);
        let held = queue.hold(&show, &[&text(&map["seats"][0], "seat_id")]).await.expect(201);
        let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
        for told in [&held, &paid] {
            let expected = json!([theatre.concert.id, "봄의 노래", "Seoul Arena", "Asia/Seoul"]);
            let told_of =
                json!([told["concert_id"], told["title"], told["venue"], told["time_zone"]]);
            assert_eq!(told_of, expected, "{told}");
            assert_eq!(
                (&told["starts_at"], &told["date"]),
                (&json!(starts_at), &json!("2035-05-01"))
            );
        }
        let path = format!("/api/payments/{}", text(&paid, "payment_id"));
        assert_eq!(user.get(&path).await.expect(200), paid);
        let path = format!("/api/reservations/{}", text(&held, "reservation_id"));
        assert_eq!(user.get(&path).await.expect(200)["starts_at"], starts_at);
    }
    for list in ["reservations", "payments"] {
        let listed = user.get(&format!("/api/{list}")).await.expect(200);
        let all = listed[list].as_array().unwrap().iter();
        let told: Vec<_> = all.map(|one| (text(one, "title"), text(one, "starts_at"))).collect();
        let title = || "봄의 노래".to_owned();
        let expected = ["2035-05-01T05:00:00Z", "2035-05-01T11:00:00Z"];
        assert_eq!(told, expected.map(|at| (title(), at.to_owned())));
    }
}
