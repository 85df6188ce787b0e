//! The second diagram: every call checks who, what and when, and names what is wrong. (Its outside
//! payment provider is not part of this product yet; cash alone pays.)

use serde_json::json;

use crate::harness::{Installation, Theatre, text};

const SECRET: &str = "a secret that two installations share";

#[tokio::test]
async fn the_second_diagram_passes_step_by_step() {
    let theatre = Theatre::open_in(Installation::new().with("SECRET", SECRET), 1, 4).await;
    // Another installation with the same secret: its tokens are genuine here, its users unknown.
    let elsewhere = Theatre::open_in(Installation::new().with("SECRET", SECRET), 1, 1).await;
    let (concert, date) = (&theatre.concert.id, &theatre.concert.date);
    let unknown = uuid::Uuid::now_v7().to_string();
    let mina = theatre.server.user("김미나").await;

    // 1. A token: user, concert and date are checked, then the queue.
    let stranger = elsewhere.server.user("stranger").await;
    let stranger_here = theatre.server.anyone().with_token(stranger.token());
    let ask = |concert: &str, date: &str| json!({ "concert_id": concert, "date": date });
    let tokens = "/api/queue_tokens";
    stranger_here.post(tokens, ask(concert, date)).await.refused(401, "invalid_user");
    mina.post(tokens, ask(&unknown, date)).await.refused(404, "invalid_concert");
    mina.post(tokens, ask(concert, "2001-01-01")).await.refused(404, "invalid_datetime");
    let issued = mina.post(tokens, ask(concert, date)).await.expect(201);
    assert_eq!(issued["status"], "issued");
    let existing = mina.post(tokens, ask(concert, date)).await.expect(200);
    assert_eq!((&existing["status"], &existing["token"]), (&"existing".into(), &issued["token"]));
    let queue = mina.with_token(text(&issued, "token"));

    // 2. The queue: not there; active; waiting with a position.
    let (gone, _) = stranger.join(Some(&elsewhere.concert.id)).await;
    let gone = theatre.server.anyone().with_token(gone.token());
    gone.get("/api/queue_tokens/current").await.refused(404, "not_found");
    queue.until("active").await;
    let (waiting, _) = theatre.server.user("이준").await.join(Some(concert)).await;
    let ticket = waiting.get("/api/queue_tokens/current").await.expect(200);
    assert_eq!((&ticket["state"], &ticket["position"]), (&"waiting".into(), &1.into()));

    // 3. Dates: token, concert, list.
    let nobody = theatre.server.anyone().with_token("q1.forged");
    let path = |concert: &str| format!("/api/concerts/{concert}/available_dates");
    nobody.get(&path(concert)).await.refused(401, "invalid_token");
    queue.get(&path(&unknown)).await.refused(404, "invalid_concert");
    let dates = queue.get(&path(concert)).await.expect(200);
    assert_eq!(dates["available_dates"][0]["date"], *date);

    // 4. Seats: token, concert, date, list with number and status.
    let path = |concert: &str, date: &str| format!("/api/concerts/{concert}/dates/{date}/seats");
    nobody.get(&path(concert, date)).await.refused(401, "invalid_token");
    queue.get(&path(&unknown, date)).await.refused(404, "invalid_concert");
    queue.get(&path(concert, "2001-01-01")).await.refused(404, "invalid_date");
    let map = queue.get(&path(concert, date)).await.expect(200);
    assert_eq!(map["seats"][0]["seat_number"], "A-1-1");
    assert_eq!(map["seats"][0]["status"], "available");

    // 5. A reservation: token, concert, date, and the seat.
    let seats = |concert: &str, date: &str, number: &str| json!({ "concert_id": concert, "date": date, "seat_numbers": [number] });
    let path = "/api/reservations";
    nobody.post(path, seats(concert, date, "A-1-1")).await.refused(401, "invalid_token");
    queue.post(path, seats(&unknown, date, "A-1-1")).await.refused(404, "invalid_concert");
    queue.post(path, seats(concert, "2001-01-01", "A-1-1")).await.refused(404, "invalid_date");
    let held = queue.post(path, seats(concert, date, "A-1-1")).await.expect(201);
    let taken = queue.post(path, seats(concert, date, "A-1-1")).await;
    let taken = taken.refused(409, "seat_already_reserved");
    assert_eq!(taken["seat_numbers"], json!(["A-1-1"]));

    // 6. and 7. Charging and looking: token, amount, balance.
    let balance = "/api/users/balance";
    nobody.post(balance, json!({ "amount": 1 })).await.refused(401, "invalid_token");
    queue.post(balance, json!({ "amount": 0 })).await.refused(400, "invalid_amount");
    nobody.get(balance).await.refused(401, "invalid_token");
    assert_eq!(queue.get(balance).await.expect(200)["balance"], 0);

    // 8. A payment: token, balance; then cash, seat, reservation, payment and token together.
    let reservation = text(&held, "reservation_id");
    nobody.pay(&reservation).await.refused(401, "invalid_token");
    let short = queue.pay(&reservation).await.refused(402, "insufficient_balance");
    assert_eq!((&short["balance"], &short["amount"]), (&0.into(), &50_000.into()));
    assert_eq!(queue.charge(70_000).await["balance"], 70_000);
    let paid = queue.pay(&reservation).await.expect(201);
    assert_eq!(paid["balance_after"], 20_000);
    queue.until("done").await;
    let path = format!("/api/reservations/{reservation}");
    assert_eq!(mina.get(&path).await.expect(200)["status"], "confirmed");
    assert_eq!(queue.get(balance).await.expect(200)["balance"], 20_000);

    // 9. The history.
    let history = mina.get("/api/payments").await.expect(200);
    assert_eq!(history["payments"], json!([paid]));
    theatre.installation.assert_sound();
}
