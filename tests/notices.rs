//! What the payment provider says by itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Theatre, text};
use crate::paying::{balance, holder, open_payment, theatre, unknown, until, until_at};
use crate::provider::{Decision, NoticeKind, Plan, Provider, notify, now, post_notice, sign};

#[tokio::test]
async fn a_notice_settles_at_once_in_any_order_and_however_often_it_comes() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let theatre = theatre(&provider, 3).await;
    let shop = theatre.server.address();
    let send = async |id: &str, state: &str, at: u64| {
        notify(shop, NoticeKind::Right, id, state, at).await.unwrap().0
    };
    // Each is signed at a second of its own: the very same one would be refused.
    let start = now();
    let (buyer, paid) = open_payment(&theatre, 0).await;
    assert_eq!(send(&paid, "charged", start).await, 204);
    until(&buyer, &paid, "succeeded").await;
    for (state, at) in [("charged", start - 1), ("pending", start - 2), ("charged", start - 3)] {
        assert_eq!(send(&paid, state, at).await, 204, "told again, signed anew");
    }
    until(&buyer, &paid, "succeeded").await;

    let (buyer, failed) = open_payment(&theatre, 1).await;
    assert_eq!(send(&failed, "declined", start).await, 204);
    until(&buyer, &failed, "failed").await;
    assert_eq!((balance(&buyer).await, provider.charge(&failed).given_back), (100_000, 0));

    // A yes after the no: it is given back, once.
    provider.set(&failed, "charged");
    assert_eq!(send(&failed, "charged", start).await, 204);
    until_at(&provider, &failed, "returned").await;
    assert_eq!(send(&failed, "charged", start - 5).await, 204);
    assert_eq!(send(&failed, "declined", start - 6).await, 204);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let charge = provider.charge(&failed);
    assert_eq!((charge.taken, charge.given_back), (1, 1));
    let asked = charge.asked.iter().filter(|action| *action == "give_back").count();
    assert_eq!((asked, balance(&buyer).await), (1, 100_000));
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn only_the_provider_is_believed_and_only_once_and_only_for_a_while() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let theatre = theatre(&provider, 1).await;
    let shop = theatre.server.address();
    let (buyer, id) = open_payment(&theatre, 0).await;
    let code = |answer: Option<(u16, Value)>| {
        let (status, body) = answer.unwrap();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = (401, "invalid_signature".to_owned());
    let body = json!({ "payment_id": id, "state": "charged" }).to_string();
    let right = sign(now(), &body);
    for (signature, body) in [
        ("", body.as_str()),
        ("t=1,v1=00", &body),
        (&right[..right.len() - 1], &body),
        (&right.replace("v1=", "v0="), &body),
        (&sign(now() - 310, &body), &body),
        (&sign(now() + 400, &body), &body),
        (&right, &body.replace("charged", "returned")),
        (&right, "{"),
        (&right, ""),
    ] {
        assert_eq!(code(post_notice(shop, signature, body.to_owned()).await), refused);
    }
    assert_eq!(until(&buyer, &id, "pending").await["status"], "pending");
    for wrong in ["{", "[]", r#"{"payment_id":1}"#, r#"{"payment_id":"x","state":"charged"}"#] {
        let answer = post_notice(shop, &sign(now(), wrong), wrong.to_owned()).await;
        assert_eq!(code(answer), (400, "invalid_request".to_owned()), "{wrong}");
    }
    let of_nobody = notify(shop, NoticeKind::Right, &unknown(), "charged", now()).await;
    assert_eq!(code(of_nobody), (404, "not_found".to_owned()));

    assert_eq!(post_notice(shop, &right, body.clone()).await.unwrap().0, 204);
    until(&buyer, &id, "succeeded").await;
    let spelled_anew = right.replace(",v1=", ", v1=00,v1=");
    for again in [&right, &spelled_anew] {
        let answer = post_notice(shop, again, body.clone()).await;
        assert_eq!(code(answer), (409, "notice_replayed".to_owned()));
    }
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn what_the_provider_says_is_never_taken_for_code_and_its_secret_is_told_to_nobody() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let theatre = theatre(&provider, 1).await;
    let (buyer, id) = open_payment(&theatre, 0).await;
    let reason = "'; DROP TABLE payments; -- <script>한도 초과 💳";
    let said = format!("{reason}\u{0}\n\u{1b}[31m{}", "x".repeat(1_000));
    let body = json!({ "payment_id": id, "state": "declined", "reason": said }).to_string();
    let shop = theatre.server.address();
    assert_eq!(post_notice(shop, &sign(now(), &body), body).await.unwrap().0, 204);
    let held = text(&until(&buyer, &id, "failed").await, "reservation_id");
    let failed = buyer.pay(&held).await.refused(402, "payment_failed");
    let told = text(&failed, "reason");
    assert!(told.starts_with(reason) && told.chars().count() == 200, "{told}");
    assert!(!told.chars().any(char::is_control));
    let metrics = theatre.server.anyone().get("/metrics").await.expect(200);
    let everything = format!("{}{metrics}{failed}", theatre.installation.log());
    assert!(!everything.contains(crate::provider::SECRET));
}

#[tokio::test]
async fn without_a_provider_cash_alone_pays_and_nobodys_notice_is_heard() {
    let theatre = Theatre::open(10, 1).await;
    let (buyer, held) = holder(&theatre, 0).await;
    let paid = buyer.pay(&held).await.expect(201);
    let id = text(&paid, "payment_id");
    let shop = theatre.server.address();
    let notice = notify(shop, NoticeKind::Right, &id, "declined", now()).await;
    assert_eq!(notice.unwrap().0, 404);
    until(&buyer, &id, "succeeded").await;
    theatre.installation.assert_sound();
}
