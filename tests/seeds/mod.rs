//! The five sequence diagrams that Stagedoor grew from, each walked arrow by arrow and branch by
//! branch. `docs/journey.md` tells the same in words.

mod diagram_1_controllers;
mod diagram_2_statuses;
mod diagram_3_queue;
mod diagram_4_services;
mod diagram_5_rest;

use serde_json::Value;

use crate::harness::{Caller, Theatre, text};

/// The dates on which the concert of the caller's token can be booked.
async fn dates(caller: &Caller) -> Vec<Value> {
    let listed = caller.get("/api/concerts/available_dates").await.expect(200);
    listed["available_dates"].as_array().unwrap().clone()
}

/// Waits until the reservation has come to `status`.
async fn until_reservation(caller: &Caller, id: &str, status: &str) {
    for _ in 0..600 {
        let found = caller.get(&format!("/api/reservations/{id}")).await.expect(200);
        if found["status"] == status {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("reservation {id} never came to be {status}");
}

/// Holds a seat and pays for it, and returns the payment.
async fn buy(theatre: &Theatre, buyer: &Caller, seat: usize) -> Value {
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(seat)]).await.expect(201);
    buyer.pay(&text(&held, "reservation_id")).await.expect(201)
}
