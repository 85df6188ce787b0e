//! A client that trades with servers that break, and keeps a history of what it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::harness::{Caller, Concert, text};

/// Somebody who buys, asks whichever server, and asks again when told nothing.
pub(super) struct Client {
    user: Caller,
    addresses: Arc<RwLock<Vec<String>>>,
    concert: String,
    show: String,
    seats: Vec<String>,
    random: StdRng,
    last_key: u64,
    /// Entries that were acknowledged.
    charges: BTreeMap<String, Value>,
    /// Payments that were acknowledged, and their reservations.
    payments: BTreeMap<String, String>,
    /// Payments whose refund was acknowledged.
    refunds: BTreeSet<String>,
    /// Charges of which nothing certain was heard.
    unknown_charges: usize,
    /// Reservations of whose payment nothing certain was heard.
    unknown_payments: BTreeSet<String>,
}

/// What clients were told, in numbers.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told {
    pub(super) charges: usize,
    payments: usize,
    refunds: usize,
    unknown: usize,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.charges += other.charges;
        self.payments += other.payments;
        self.refunds += other.refunds;
        self.unknown += other.unknown;
    }
}

impl Client {
    pub(super) fn new(
        user: Caller,
        addresses: Arc<RwLock<Vec<String>>>,
        concert: &Concert,
        random: StdRng,
    ) -> Self {
        Self {
            user,
            addresses,
            concert: concert.id.clone(),
            show: concert.show.clone(),
            seats: concert.seats.clone(),
            random,
            last_key: 0,
            charges: BTreeMap::new(),
            payments: BTreeMap::new(),
            refunds: BTreeSet::new(),
            unknown_charges: 0,
            unknown_payments: BTreeSet::new(),
        }
    }

    /// How many payments were acknowledged.
    pub(super) fn payment_count(&self) -> usize {
        self.payments.len()
    }

    /// Charges, waits to be let in, holds, pays, and sometimes wants the cash back.
    pub(super) async fn trade(&mut self) {
        let user = self.user.clone();
        match self.ask(&user, "/api/users/balance", json!({ "amount": 50_000 })).await {
            Some((200, charged)) => {
                self.charges.insert(text(&charged, "entry_id"), charged);
            }
            None => self.unknown_charges += 1,
            Some(other) => panic!("a charge was refused: {other:?}"),
        }
        let place = self.ask(&user, "/api/queue_tokens", json!({ "concert_id": self.concert }));
        let Some((200 | 201, place)) = place.await else { return };
        let queue = user.with_token(text(&place, "token"));
        self.look_at(&queue).await;
        let first = self.random.random_range(0..self.seats.len());
        let count = self.random.random_range(1..=2);
        let seats: Vec<_> = self.seats.iter().cycle().skip(first).take(count).cloned().collect();
        let held = json!({ "show_id": self.show, "seat_ids": seats });
        let Some((201, held)) = self.ask(&queue, "/api/reservations", held).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return;
        };
        if self.random.random_bool(0.2) {
            // Lets it run out.
            return;
        }
        let reservation = text(&held, "reservation_id");
        let pay = json!({ "reservation_id": reservation });
        match self.ask(&queue, "/api/payments", pay).await {
            Some((201, paid)) => {
                let payment = text(&paid, "payment_id");
                self.payments.insert(payment.clone(), reservation);
                self.give_back(&user, payment).await;
            }
            Some((402 | 403 | 409 | 410, _)) => {}
            None => {
                self.unknown_payments.insert(reservation);
            }
            Some(other) => panic!("{other:?}"),
        }
    }

    async fn give_back(&mut self, user: &Caller, payment: String) {
        // Mostly: else the house is soon sold out.
        if self.random.random_bool(0.93) {
            let path = format!("/api/payments/{payment}/refund");
            if let Some((200, _)) = self.ask(user, &path, json!({})).await {
                self.refunds.insert(payment);
            }
        }
    }

    /// Every seat map that anyone is given has every seat, once.
    async fn look_at(&mut self, queue: &Caller) {
        let looker = self.somewhere(queue);
        let path = format!("/api/shows/{}/seats", self.show);
        let Ok(map) = looker.try_get(&path).await else { return };
        if map.status == 200 {
            let seats = map.body["seats"].as_array().unwrap();
            let ids: BTreeSet<_> = seats.iter().map(|seat| text(seat, "seat_id")).collect();
            assert_eq!(ids.len(), self.seats.len());
        }
    }

    fn somewhere(&mut self, caller: &Caller) -> Caller {
        let addresses = self.addresses.read().unwrap();
        caller.at_address(&addresses[self.random.random_range(0..addresses.len())])
    }

    /// Asks with a key of its own, at one server after the other, until something certain is said;
    /// and sometimes once more, to hear the same.
    async fn ask(&mut self, caller: &Caller, path: &str, body: Value) -> Option<(u16, Value)> {
        self.last_key += 1;
        let caller = caller.with_key(&format!("key-{}", self.last_key));
        let mut answer = None;
        for _ in 0..12 {
            let said = self.somewhere(&caller).try_post(path, body.clone()).await;
            match said {
                Ok(said) if said.status != 503 => {
                    answer = Some((said.status.as_u16(), said.body));
                    break;
                }
                _ => tokio::time::sleep(Duration::from_millis(150)).await,
            }
        }
        let (status, said) = answer?;
        let kept = path != "/api/queue_tokens" && (200..300).contains(&status);
        if kept && self.random.random_bool(0.2) {
            let again = self.somewhere(&caller).try_post(path, body).await;
            if let Ok(again) = again
                && again.status != 503
            {
                assert_eq!((again.status.as_u16(), &again.body), (status, &said), "{path}");
            }
        }
        Some((status, said))
    }

    /// What was acknowledged is there once, and nothing is there that was only refused.
    pub(super) async fn compare_with_the_store(&mut self) -> Told {
        let user = self.somewhere(&self.user.clone());
        let entries = all(&user, "/api/users/balance/entries", "entries").await;
        let charges: Vec<_> = entries.iter().filter(|entry| entry["kind"] == "charge").collect();
        let ids: BTreeSet<_> = charges.iter().map(|entry| text(entry, "entry_id")).collect();
        assert_eq!(ids.len(), charges.len());
        let lost: Vec<_> = self.charges.keys().filter(|id| !ids.contains(*id)).collect();
        assert!(lost.is_empty(), "charges that were acknowledged are gone: {lost:?}");
        let explained = self.charges.len() + self.unknown_charges;
        assert!(charges.len() <= explained, "{} charges of {explained}", charges.len());

        let payments = all(&user, "/api/payments", "payments").await;
        let stored: BTreeMap<_, _> =
            payments.iter().map(|payment| (text(payment, "payment_id"), payment)).collect();
        for (id, reservation) in &self.payments {
            let payment = stored.get(id).unwrap_or_else(|| panic!("payment {id} is gone"));
            assert_eq!(payment["reservation_id"], **reservation);
        }
        for id in &self.refunds {
            assert_eq!(stored[id]["status"], "refunded");
        }
        for (id, payment) in &stored {
            let known = self.payments.contains_key(id)
                || self.unknown_payments.contains(&text(payment, "reservation_id"));
            assert!(known, "payment {id} was refused, and is there");
        }
        Told {
            charges: self.charges.len(),
            payments: self.payments.len(),
            refunds: self.refunds.len(),
            unknown: self.unknown_charges + self.unknown_payments.len(),
        }
    }
}

/// All of a list, page by page.
async fn all(user: &Caller, path: &str, plural: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = format!("{path}?limit=100");
    loop {
        let page = user.get(&next).await.expect(200);
        found.extend(page[plural].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        next = format!("{path}?limit=100&cursor={cursor}");
    }
}
