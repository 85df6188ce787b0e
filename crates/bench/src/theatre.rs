//! A server on an empty store, with a show and people.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::caller::{Caller, Shot};
use crate::load::{Times, fire};
use crate::process::{Program, Server};
use crate::wrk::send_once;

/// How long a rush is measured.
const RUSH_LASTS: Duration = Duration::from_secs(2);
/// From how many clients comes what all have to do before a rush.
const LEISURELY: usize = 256;

/// How a theatre is opened.
pub(crate) struct Plan {
    /// The program that is measured, and its store.
    pub(crate) program: Program,
    /// How many changes a transaction carries.
    pub(crate) group_max: usize,
    /// How many people come.
    pub(crate) people: usize,
    /// How many seats the show has: one for each of them, or fewer.
    pub(crate) seats: usize,
}

/// A running server with a show and people.
pub(crate) struct Theatre {
    /// Killed when dropped.
    _server: Server,
    pub(crate) address: String,
    pub(crate) concert: String,
    pub(crate) show: String,
    plan: Plan,
    /// Who people are: their access tokens.
    access: Vec<String>,
    /// Their places in line, once they joined.
    queue: Vec<String>,
    seats: Vec<String>,
    /// Whose, by their place among all, and which.
    reservations: Vec<(usize, String)>,
}

impl Theatre {
    /// Opens with a show, and makes the people who will come.
    pub(crate) async fn open(plan: Plan) -> Result<Self> {
        let operator = ["--email", "op@example.com", "--name", "op", "--role", "admin"];
        plan.program.run(&[&["user", "create"], &operator[..]].concat(), "a long password\n")?;
        let access = plan.program.create_people("b", plan.people + 1)?;
        let (group_max, seats) = (plan.group_max.to_string(), plan.seats.to_string());
        let server =
            plan.program.serve(&["--group-max", &group_max, "--seats-per-show-max", &seats])?;
        let mut theatre = Self {
            address: server.address.clone(),
            _server: server,
            concert: String::new(),
            show: String::new(),
            plan,
            access,
            queue: Vec::new(),
            seats: Vec::new(),
            reservations: Vec::new(),
        };
        theatre.enter().await?;
        theatre.read_seats().await?;
        Ok(theatre)
    }

    /// Everybody joins a line of which a thousand are let in, as in a rush: how many a second.
    pub(crate) fn join_rush(&self, clients: usize) -> Result<f64> {
        let people = self.access.iter().take(self.plan.people);
        let shots = people.map(|token| Shot::post("/api/queue_tokens", token, Bytes::from("{}")));
        self.rush(clients, &shots.collect::<Vec<_>>())
    }

    /// Everybody joins the line of the concert, and is let in at once.
    pub(crate) async fn join(&mut self) -> Result<()> {
        let body = Bytes::from(json!({ "concert_id": self.concert }).to_string());
        let people = self.access.iter().take(self.plan.people);
        let shots = people.map(|token| Shot::post("/api/queue_tokens", token, body.clone()));
        let fired = fire(&self.address, LEISURELY, shots.collect(), 201).await?;
        self.queue =
            fired.answers.iter().map(|place| text(place, "token")).collect::<Result<_>>()?;
        Ok(())
    }

    /// Some people rush for a seat of their own each: how many a second.
    pub(crate) fn hold_rush(&self, clients: usize, people: Range<usize>) -> Result<f64> {
        self.rush(clients, &self.holds(people))
    }

    /// All of some people hold a seat of their own.
    pub(crate) async fn hold(&mut self, people: Range<usize>) -> Result<Times> {
        let fired = fire(&self.address, LEISURELY, self.holds(people.clone()), 201).await?;
        let ids = fired.answers.iter().map(|held| text(held, "reservation_id"));
        self.reservations = people.zip(ids.collect::<Result<Vec<_>>>()?).collect();
        Ok(fired.times)
    }

    /// The shots of everybody at one seat.
    pub(crate) fn all_hold(&self, seat: usize, people: Range<usize>) -> Vec<Shot> {
        let seat = self.seats.get(seat).map_or("", String::as_str);
        let tokens = self.queue.get(people).unwrap_or_default().iter();
        tokens.map(|token| self.hold_of(token, seat)).collect()
    }

    /// The shots of some people, each at a seat of their own.
    pub(crate) fn holds(&self, people: Range<usize>) -> Vec<Shot> {
        let all = self.queue.iter().zip(&self.seats);
        let some = all.skip(people.start).take(people.len());
        some.map(|(token, seat)| self.hold_of(token, seat)).collect()
    }

    fn hold_of(&self, token: &str, seat: &str) -> Shot {
        let body = json!({ "show_id": self.show, "seat_ids": [seat] });
        Shot::post("/api/reservations", token, Bytes::from(body.to_string()))
    }

    /// Those who hold a seat charge what it costs.
    pub(crate) async fn charge(&self) -> Result<()> {
        let body = Bytes::from(json!({ "amount": 1 }).to_string());
        let theirs = self.reservations.iter().filter_map(|(person, _)| self.access.get(*person));
        let shots = theirs.map(|token| Shot::post("/api/users/balance", token, body.clone()));
        fire(&self.address, LEISURELY, shots.collect(), 200).await.map(drop)
    }

    /// They rush to pay for it: how many a second.
    pub(crate) fn pay_rush(&self, clients: usize) -> Result<f64> {
        let pay = |(person, reservation): &(usize, String)| {
            let body = json!({ "reservation_id": reservation }).to_string();
            Some(Shot::post("/api/payments", self.queue.get(*person)?, Bytes::from(body)))
        };
        let shots: Vec<_> = self.reservations.iter().filter_map(pay).collect();
        self.rush(clients, &shots)
    }

    /// Sends each of `shots` once at the most; returns how many were answered a second.
    fn rush(&self, clients: usize, shots: &[Shot]) -> Result<f64> {
        self.come_to_rest()?;
        send_once(&self.address, clients, shots, RUSH_LASTS)
    }

    /// A look at the seats by somebody who was let in.
    pub(crate) fn look(&self) -> Result<Shot> {
        let token = self.queue.first().context("nobody was let in")?;
        Ok(Shot::get(&format!("/api/shows/{}/seats", self.show), token))
    }

    /// Has the database begin like that of the hand-written way.
    pub(crate) fn come_to_rest(&self) -> Result<()> {
        self.plan.program.come_to_rest()
    }

    /// Has the books audited.
    pub(crate) fn assert_sound(&self) -> Result<()> {
        self.plan.program.run(&["audit"], "").context("the audit is not clean")
    }

    async fn enter(&mut self) -> Result<()> {
        let mut caller = Caller::connect(&self.address).await?;
        let sign_in = json!({ "email": "op@example.com", "password": "a long password" });
        let session = call(&mut caller, "/api/sessions", "", &sign_in).await?;
        let operator = text(&session, "access_token")?;
        let concert = json!({
            "title": "rush", "venue": "hall", "time_zone": "Asia/Seoul", "currency": "KRW",
            "sale_opens_at": null, "sale_closes_at": null, "max_seats_per_user": 4,
            "room": { "capacity": 1_000_000 }
        });
        let concert = call(&mut caller, "/api/admin/concerts", &operator, &concert).await?;
        self.concert = text(&concert, "concert_id")?;
        let section = json!({
            "name": "A", "grade": "R", "price": 1, "rows": 1, "seats_per_row": self.plan.seats
        });
        let show = json!({ "starts_at": "2099-01-01T00:00:00Z", "sections": [section] });
        let path = format!("/api/admin/concerts/{}/shows", self.concert);
        self.show = text(&call(&mut caller, &path, &operator, &show).await?, "show_id")?;
        Ok(())
    }

    /// Looks at the seats as one more person, who then leaves.
    async fn read_seats(&mut self) -> Result<()> {
        let mut caller = Caller::connect(&self.address).await?;
        let looker = self.access.last().context("there is nobody")?;
        let ask = json!({ "concert_id": self.concert });
        let place = call(&mut caller, "/api/queue_tokens", looker, &ask).await?;
        let look = Shot::get(&format!("/api/shows/{}/seats", self.show), &text(&place, "token")?);
        let (status, map) = caller.send(&look).await?;
        ensure!(status == 200, "the seat map was answered {status}");
        let map: Value = serde_json::from_slice(&map)?;
        let seats = map.get("seats").and_then(Value::as_array).context("no seats")?;
        self.seats = seats.iter().map(|seat| text(seat, "seat_id")).collect::<Result<_>>()?;
        Ok(())
    }
}

pub(crate) async fn call(
    caller: &mut Caller,
    path: &str,
    token: &str,
    body: &Value,
) -> Result<Value> {
    let shot = Shot::post(path, token, Bytes::from(body.to_string()));
    let (status, answer) = caller.send(&shot).await?;
    ensure!((200..300).contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&answer));
    Ok(serde_json::from_slice(&answer)?)
}

pub(crate) fn text(body: &Value, field: &str) -> Result<String> {
    body.get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no {field} in {body}"))
}
