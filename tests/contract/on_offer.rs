//! What anyone may know of a concert without a place in line.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::harness::{Theatre, new_concert, text};

/// The shows of a concert as somebody sees them who has no token.
async fn shows(theatre: &Theatre, concert: &str) -> Value {
    let path = format!("/api/concerts/{concert}");
    theatre.server.anyone().get(&path).await.expect(200)["shows"].clone()
}

/// Waits until so much is left of the first show. The promise is some seconds.
async fn until(theatre: &Theatre, availability: &str) {
    let began = Instant::now();
    loop {
        let shows = shows(theatre, &theatre.concert.id).await;
        if shows[0]["availability"] == availability {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "not {availability}: {shows}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn dates_prices_and_what_is_left_are_told_to_anyone_and_never_the_seats() {
    let theatre = Theatre::open(5, 11).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let section = |name: &str, grade: &str, price: u32| json!({ "name": name, "grade": grade, "price": price, "rows": 1, "seats_per_row": 2 });
    let sections =
        [section("A", "R", 50_000), section("B", "VIP", 90_000), section("C", "R", 50_000)];
    let later = json!({ "starts_at": "2035-05-02T20:00:00Z", "sections": sections });
    let later = theatre.operator.post(&path, later).await.expect(201);
    let told = shows(&theatre, &theatre.concert.id).await;
    assert_eq!(
        told,
        json!([
            {
                "show_id": theatre.concert.show, "starts_at": "2035-05-01T11:00:00Z",
                "date": "2035-05-01", "status": "on_sale", "availability": "many",
                "grades": [{ "grade": "R", "price": 50_000 }]
            },
            {
                "show_id": later["show_id"], "starts_at": "2035-05-02T20:00:00Z",
                "date": "2035-05-03", "status": "on_sale", "availability": "many",
                "grades": [{ "grade": "VIP", "price": 90_000 }, { "grade": "R", "price": 50_000 }]
            }
        ])
    );
    let seats: Vec<_> = theatre.concert.seats.iter().map(String::as_str).collect();
    for (buyer, taken) in [&seats[..4], &seats[4..8], &seats[8..10]].iter().enumerate() {
        let queue = theatre.buyer(0).await;
        queue.hold(&theatre.concert.show, taken).await.expect(201);
        until(&theatre, if buyer < 2 { "many" } else { "few" }).await;
    }
    let last = theatre.buyer(0).await;
    let held = last.hold(&theatre.concert.show, &seats[10..]).await.expect(201);
    until(&theatre, "none").await;
    let held = format!("/api/reservations/{}", text(&held, "reservation_id"));
    last.delete(&held).await.expect(204);
    until(&theatre, "few").await;
}

#[tokio::test]
async fn a_concert_is_sent_again_only_where_something_changed() {
    let theatre = Theatre::open(5, 1).await;
    let (anyone, path) = (theatre.server.anyone(), format!("/api/concerts/{}", theatre.concert.id));
    let first = anyone.get(&path).await;
    assert_eq!(first.headers[CACHE_CONTROL], "public, max-age=2");
    let tag = first.headers[ETAG].to_str().unwrap().to_owned();
    let again = async || {
        let asked = anyone.request(Method::GET, &path).header(IF_NONE_MATCH, &tag);
        asked.send().await.unwrap()
    };
    let unchanged = again().await;
    assert_eq!(
        (unchanged.status().as_u16(), &unchanged.headers()[ETAG]),
        (304, &first.headers[ETAG])
    );
    assert_eq!(unchanged.text().await.unwrap(), "");
    let buyer = theatre.buyer(0).await;
    buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    until(&theatre, "none").await;
    let changed = again().await;
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()[ETAG], first.headers[ETAG]);
}

#[tokio::test]
async fn before_its_sale_a_show_is_upcoming_and_after_it_closed() {
    let theatre = Theatre::open(1, 1).await;
    for (opens, closes, status, left) in [
        (json!("2034-01-01T00:00:00Z"), Value::Null, "upcoming", "many"),
        (Value::Null, json!("2024-01-01T00:00:00Z"), "closed", "none"),
    ] {
        let mut details = new_concert();
        (details["sale_opens_at"], details["sale_closes_at"]) = (opens, closes);
        let concert = theatre.operator.post("/api/admin/concerts", details).await.expect(201);
        let id = text(&concert, "concert_id");
        let path = format!("/api/admin/concerts/{id}/shows");
        theatre.operator.post(&path, crate::harness::new_show(1)).await.expect(201);
        let told = shows(&theatre, &id).await;
        assert_eq!((&told[0]["status"], &told[0]["availability"]), (&status.into(), &left.into()));
    }
}
