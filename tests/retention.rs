//! What ended long ago is forgotten, and nothing else.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::audit::execute;
use crate::harness::{Caller, Concert, Installation, Server, WallClock, enter, room_path, text};
use crate::running::said;

const PATIENCE: Duration = Duration::from_secs(60);

/// Moves all that has happened back, past the time for which what ended is kept.
const LONG_AGO: &str = "
    UPDATE waiting_rooms SET created_at = created_at - 91 * {day},
        opens_at = opens_at - 91 * {day}, drawn_at = drawn_at - 91 * {day},
        rate_used_until = rate_used_until - 91 * {day};
    UPDATE room_policies SET since = since - 91 * {day};
    UPDATE waiting_tokens SET joined_at = joined_at - 91 * {day},
        heard_at = heard_at - 91 * {day}, admitted_at = admitted_at - 91 * {day},
        ends_at = ends_at - 91 * {day};
    UPDATE reservations SET created_at = created_at - 91 * {day},
        held_until = held_until - 91 * {day},
        confirmed_at = confirmed_at - 91 * {day}, ended_at = ended_at - 91 * {day};
    UPDATE payments SET paid_at = paid_at - 91 * {day},
        ended_at = ended_at - 91 * {day};
    UPDATE cash_entries SET created_at = created_at - 91 * {day};
    UPDATE service SET evidence_since = evidence_since - 91 * {day};
";

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_what_was_paid_for_or_drawn_is_not() {
    let installation = Installation::new().with("SECRET", crate::harness::SECRET);
    installation.create_operator();
    let (concert, expired) = with_short_holds(&installation).await;
    let server = installation.start();
    let operator = server.operator().await;
    // Who holds the seat anew writes down that the hold before is over.
    let cancelled = Guest::who_holds(&server, &concert, 0).await;
    cancelled.user.delete(&cancelled.reservation()).await.expect(204);
    let paid = Guest::who_holds(&server, &concert, 1).await;
    paid.pay().await;
    let refunded = Guest::who_holds(&server, &concert, 2).await;
    let refund = format!("/api/payments/{}/refund", refunded.pay().await);
    refunded.user.post(&refund, json!({})).await.expect(200);
    for guest in [&expired, &cancelled] {
        guest.at(&server).place.delete(PLACE).await.expect(204);
    }
    let (draw, lobby, late) = drawn_lobby(&server, &operator).await;
    end(server);
    installation.assert_sound();
    execute(&installation, LONG_AGO);
    installation.assert_sound();

    let server = installation.start();
    // On PostgreSQL, another one does the same at the same time.
    let other = crate::ON_POSTGRES.then(|| installation.start());
    for guest in [&expired, &cancelled] {
        let guest = guest.at(&server);
        until_gone(&guest.user, &guest.reservation()).await;
    }
    for place in [&expired.place, &cancelled.place, &paid.place, &refunded.place, &late] {
        until_gone(&place.at(&server), PLACE).await;
    }
    for (guest, status) in [(&paid, "confirmed"), (&refunded, "refunded")] {
        let guest = guest.at(&server);
        assert_eq!(guest.user.get(&guest.reservation()).await.expect(200)["status"], status);
        let payments = guest.user.get("/api/payments").await.expect(200);
        assert_eq!(payments["payments"].as_array().unwrap().len(), 1);
    }
    for place in &lobby {
        assert_eq!(place.at(&server).get(PLACE).await.expect(200)["state"], "expired");
    }
    let draw = server.anyone().get(&draw).await.expect(200);
    let verified = installation.run(&["verify-draw", "-"], &draw.to_string());
    assert!(said(&verified).0.contains("the draw of 3 follows from its seed"), "{verified:?}");
    let (_, place) = server.user("newcomer").await.join(Some(&concert.id)).await;
    assert_eq!((&place["number"], &place["state"]), (&6.into(), &"active".into()));
    let operator = operator.at(&server);
    let room = operator.get(&room_path(&operator, &concert.id).await).await.expect(200);
    assert_eq!((&room["active_count"], &room["waiting_count"]), (&1.into(), &0.into()));
    other.into_iter().chain([server]).for_each(end);
    installation.assert_sound();
}

const PLACE: &str = "/api/queue_tokens/current";

/// A concert, and somebody who lets a hold of its first seat run out.
async fn with_short_holds(installation: &Installation) -> (Concert, Guest) {
    let mut command = installation.command(&["serve"]);
    command.env("STAGEDOOR_HOLD_SECONDS", "1");
    let server = installation.start_as(command);
    let concert = enter(&server.operator().await, json!({ "capacity": 10 }), 4).await;
    let guest = Guest::who_holds(&server, &concert, 0).await;
    let began = Instant::now();
    while guest.user.get(&guest.reservation()).await.expect(200)["status"] != "expired" {
        assert!(began.elapsed() < PATIENCE, "not expired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    end(server);
    (concert, guest)
}

/// Three who came before a room opened, and one who came after that. All have left. Returns where the
/// draw is published, too.
async fn drawn_lobby(server: &Server, operator: &Caller) -> (String, Vec<Caller>, Caller) {
    let room = json!({ "capacity": 10, "opens_at": "2034-01-01T00:00:00Z" });
    let concert = enter(operator, room, 1).await;
    let mut lobby = Vec::new();
    for _ in 0..3 {
        lobby.push(server.user("early").await.join(Some(&concert.id)).await.0);
    }
    let room = room_path(operator, &concert.id).await;
    operator.patch(&room, json!({ "opens_at": null })).await.expect(200);
    let (late, _) = server.user("late").await.join(Some(&concert.id)).await;
    for place in lobby.iter().chain([&late]) {
        place.until("active").await;
        place.delete(PLACE).await.expect(204);
    }
    (room.replace("admin/", "") + "/draw", lobby, late)
}

/// Waits until what was there is not found.
async fn until_gone(caller: &Caller, path: &str) {
    let began = Instant::now();
    loop {
        let answer = caller.get(path).await;
        if answer.status != 200 {
            answer.refused(404, "not_found");
            return;
        }
        assert!(began.elapsed() < PATIENCE, "still there: {}", answer.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn end(server: Server) {
    server.terminate();
    assert!(server.ended_well());
}

/// Somebody with a place and a reservation.
struct Guest {
    user: Caller,
    place: Caller,
    reservation_id: String,
}

impl Guest {
    async fn who_holds(server: &Server, concert: &Concert, seat: usize) -> Self {
        let user = server.user("guest").await;
        user.charge(50_000).await;
        let (place, _) = user.join(Some(&concert.id)).await;
        place.until("active").await;
        let held = place.hold(&concert.show, &[&concert.seats[seat]]).await.expect(201);
        Self { user, place, reservation_id: text(&held, "reservation_id") }
    }

    /// The same one, at another server.
    fn at(&self, server: &Server) -> Self {
        Self {
            user: self.user.at(server),
            place: self.place.at(server),
            reservation_id: self.reservation_id.clone(),
        }
    }

    /// Where the reservation is.
    fn reservation(&self) -> String {
        format!("/api/reservations/{}", self.reservation_id)
    }

    /// Pays. Returns the payment's id.
    async fn pay(&self) -> String {
        text(&self.place.pay(&self.reservation_id).await.expect(201), "payment_id")
    }
}

/// How often it was looked for answers to forget, and for what else had ended.
fn times_forgotten(installation: &Installation) -> [usize; 2] {
    let log = installation.log();
    ["forgetting answers", "forgetting what ended"].map(|what| log.matches(what).count())
}

#[tokio::test]
async fn a_clock_that_is_a_day_ahead_for_one_start_makes_nothing_old() {
    let Some(clock) = WallClock::right() else { return };
    let Some((installation, _cluster)) = clock.installation() else { return };
    let installation = installation
        .with("ACCESS_TOKEN_HOURS", 48)
        .with("RETENTION_DAYS", 1)
        .with("LOG", "info,stagedoor::sweepers=trace");
    let mut server = installation.start();
    let user = server.user("user").await;
    let (place, _) = user.join(None).await;
    place.delete(PLACE).await.expect(204);
    for error in ["+0s", "+93600s", "+0s"] {
        end(server);
        clock.set(error);
        let swept_before = times_forgotten(&installation);
        server = installation.start();
        let began = Instant::now();
        while times_forgotten(&installation)
            .iter()
            .zip(swept_before)
            .any(|(now, then)| *now == then)
        {
            assert!(began.elapsed() < PATIENCE, "nothing is forgotten");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let user = user.at(&server).with_key("once");
        user.post("/api/users/balance", json!({ "amount": 1_000 })).await.expect(200);
        let account = user.get("/api/users/balance").await.expect(200);
        assert_eq!(account["balance"], 1_000, "at {error}");
        assert_eq!(
            place.at(&server).get(PLACE).await.expect(200)["state"],
            "expired",
            "at {error}"
        );
    }
    end(server);
    installation.assert_sound();
}
