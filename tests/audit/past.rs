//! A store on which everything has happened that can happen: reservations, payments and tokens in all
//! their states, a room of which a token is forgotten, a lobby that was drawn, and one of which the draw
//! goes on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::execute;
use crate::harness::{Caller, Concert, Installation, Server, enter, new_show, room_path, text};
use crate::provider::{Decision, Plan, Provider};

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn store() -> Installation {
    let provider = Provider::honest().await;
    let installation = provider.installation().with("GATEWAY_TIMEOUT_MS", 5_000);
    installation.create_operator();
    let concert = with_short_holds(&installation).await;
    in_cash(&installation, &concert).await;
    through_provider(&installation, &provider, &concert).await;
    cash_through_provider(&installation, &provider).await;
    // As a store is between two steps of a draw, and when a room's first token is forgotten.
    execute(
        &installation,
        "UPDATE waiting_tokens SET number = NULL
             WHERE number > 2 AND room_id = (SELECT id FROM waiting_rooms WHERE capacity = 0);
         UPDATE waiting_rooms SET drawn_count = 2, drawn_at = NULL WHERE capacity = 0;
         DELETE FROM waiting_tokens WHERE number = 1 AND room_id = {forgetful};
         UPDATE waiting_rooms SET forgotten_to = 1 WHERE id = {forgetful};",
    );
    installation
}

/// First a concert with two shows, and a hold that runs out.
async fn with_short_holds(installation: &Installation) -> Concert {
    let mut command = installation.command(&["serve"]);
    command.env("STAGEDOOR_HOLD_SECONDS", "1");
    let server = installation.start_as(command);
    let operator = server.operator().await;
    let concert = enter(&operator, json!({ "capacity": 10 }), 12).await;
    let mut evening = new_show(2);
    evening["starts_at"] = json!("2035-06-02T11:00:00Z");
    let shows = format!("/api/admin/concerts/{}/shows", concert.id);
    operator.post(&shows, evening).await.expect(201);
    let both = [concert.seats[4].as_str(), &concert.seats[10]];
    let (buyer, held) = hold(&server, &concert, &both).await;
    let path = format!("/api/reservations/{held}");
    let began = Instant::now();
    while buyer.get(&path).await.expect(200)["status"] != "expired" {
        assert!(began.elapsed() < PATIENCE, "not expired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    end(server);
    concert
}

/// Then seats are paid for in cash, and two rooms open and draw.
async fn in_cash(installation: &Installation, concert: &Concert) {
    let mut command = installation.command(&["serve"]);
    command.env_remove("STAGEDOOR_GATEWAY_URL").env_remove("STAGEDOOR_GATEWAY_SECRET");
    let server = installation.start_as(command);
    let operator = server.operator().await;
    let seat = |n: usize| concert.seats[n].as_str();
    let (buyer, held) = hold(&server, concert, &[seat(0), seat(1)]).await;
    buyer.pay(&held).await.expect(201);
    let (buyer, held) = hold(&server, concert, &[seat(2)]).await;
    refund(&buyer, &held).await;
    let (buyer, held) = hold(&server, concert, &[seat(3)]).await;
    buyer.delete(&format!("/api/reservations/{held}")).await.expect(204);
    let me = server.user("lucky").await.get("/api/users/me").await.expect(200);
    let credits = format!("/api/admin/users/{}/credits", text(&me, "user_id"));
    let gift = json!({ "amount": 7_000, "reason": "lost parcel" });
    operator.post(&credits, gift).await.expect(201);
    let larger = json!({ "capacity": 12 });
    operator.patch(&room_path(&operator, &concert.id).await, larger).await.expect(200);

    shut_out(&server, &operator).await;
    lobby(&server, &operator, 0).await;
    let (drawn, places) = lobby(&server, &operator, 1).await;
    server.user("late").await.join(Some(&drawn.id)).await;
    let order = by_number(&places).await;
    let leave = async |place: usize| {
        places[order[place]].delete("/api/queue_tokens/current").await.expect(204);
    };
    places[order[0]].until("active").await;
    leave(2).await;
    leave(0).await;
    places[order[1]].until("active").await;
    end(server);
}

/// At last a provider has to agree to payments.
async fn through_provider(installation: &Installation, provider: &Provider, concert: &Concert) {
    let server = installation.start();
    let seat = |n: usize| concert.seats[n].as_str();
    let (buyer, held) = hold(&server, concert, &[seat(4)]).await;
    buyer.pay(&held).await.expect(201);
    let (buyer, held) = hold(&server, concert, &[seat(5)]).await;
    refund(&buyer, &held).await;
    provider.plan(Plan::that(Decision::Decline));
    let (buyer, held) = hold(&server, concert, &[seat(6)]).await;
    buyer.pay(&held).await.refused(402, "payment_failed");
    provider.plan(Plan::that(Decision::Wait));
    let (buyer, held) = hold(&server, concert, &[seat(7)]).await;
    buyer.pay(&held).await.expect(202);
    let (buyer, held) = hold(&server, concert, &[seat(11)]).await;
    let pending = buyer.pay(&held).await.expect(202);
    let undo = format!("/api/admin/payments/{}/undo", text(&pending, "payment_id"));
    server.operator().await.post(&undo, json!({})).await.expect(200);
    hold(&server, concert, &[seat(8), seat(9)]).await;
    end(server);
}

/// Somebody sets the password anew by a link, and is shut out.
async fn shut_out(server: &Server, operator: &Caller) {
    let user = server.user("shut-out").await;
    let id = text(&user.get("/api/users/me").await.expect(200), "user_id");
    let admin = format!("/api/admin/users/{id}");
    let link = operator.post(&format!("{admin}/password-reset"), json!({})).await.expect(201);
    let body = json!({ "secret": text(&link, "secret"), "password": "another password of theirs" });
    server.anyone().post("/api/password-resets", body).await.expect(204);
    operator.post(&format!("{admin}/disable"), json!({})).await.expect(200);
}

/// And cash comes in through a provider: of four, one is charged, one refused, one undone, and one left open.
async fn cash_through_provider(installation: &Installation, provider: &Provider) {
    let mut command = installation.command(&["serve"]);
    command.env("STAGEDOOR_CHARGES", "provider");
    let server = installation.start_as(command);
    let operator = server.operator().await;
    let top_up = async |decision, status: u16| {
        provider.plan(Plan::that(decision));
        let asked = server.user("buyer").await;
        let answer = asked.post("/api/users/balance", json!({ "amount": 7_000 })).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        answer.body
    };
    top_up(Decision::Charge, 200).await;
    top_up(Decision::Decline, 402).await;
    let undone = text(&top_up(Decision::Wait, 202).await, "top_up_id");
    operator.post(&format!("/api/admin/top_ups/{undone}/undo"), json!({})).await.expect(200);
    top_up(Decision::Wait, 202).await;
    end(server);
}

fn end(server: Server) {
    server.terminate();
    assert!(server.ended_well());
}

/// A concert for which five people come before its room opens, and then are drawn.
async fn lobby(server: &Server, operator: &Caller, capacity: u32) -> (Concert, Vec<Caller>) {
    let room = json!({ "capacity": capacity, "opens_at": "2034-01-01T00:00:00Z" });
    let concert = enter(operator, room, 2).await;
    let mut places = Vec::new();
    for _ in 0..5 {
        places.push(server.user("early").await.join(Some(&concert.id)).await.0);
    }
    let room = room_path(operator, &concert.id).await;
    operator.patch(&room, json!({ "opens_at": null })).await.expect(200);
    let draw = room.replace("admin/", "") + "/draw";
    let began = Instant::now();
    while operator.get(&draw).await.expect(200)["drawn_at"] == Value::Null {
        assert!(began.elapsed() < PATIENCE, "not drawn");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (concert, places)
}

/// Somebody new who is let in, has cash, and holds these seats.
async fn hold(server: &Server, concert: &Concert, seats: &[&str]) -> (Caller, String) {
    let user = server.user("buyer").await;
    user.charge(200_000).await;
    let (buyer, _) = user.join(Some(&concert.id)).await;
    buyer.until("active").await;
    let held = buyer.hold(&concert.show, seats).await.expect(201);
    (buyer, text(&held, "reservation_id"))
}

/// Pays, and has the payment given back.
async fn refund(buyer: &Caller, reservation: &str) {
    let paid = buyer.pay(reservation).await.expect(201);
    let refund = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    buyer.account().post(&refund, json!({})).await.expect(200);
}

/// Places in the order of their numbers.
async fn by_number(places: &[Caller]) -> Vec<usize> {
    let mut numbers = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let ticket = place.get("/api/queue_tokens/current").await.expect(200);
        numbers.push((ticket["number"].as_u64().unwrap(), at));
    }
    numbers.sort_unstable();
    numbers.into_iter().map(|(_, at)| at).collect()
}
