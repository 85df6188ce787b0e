//! A shop whose clock can be set, what it sells, and what must have become of that.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use offline_store::{Dialect, columns};
use serde_json::{Value, json};
use throw_away_postgres::Cluster;

use super::{refusal, told};
use crate::harness::{
    Caller, Concert, Installation, Server, Theatre, WallClock, enter, room_path, text,
};
use crate::provider::{Decision, NoticeKind, Plan, Provider, notify, now, paying_through};

const PATIENCE: Duration = Duration::from_secs(60);
/// How far a store's time may be from the clock's while it follows it.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// What people enter, what is no single time, and since when a store keeps evidence, which a new file does
/// since the beginning of time.
const MAY_BE_FAR_OFF: [&str; 7] = [
    "opens_at",
    "sale_opens_at",
    "sale_closes_at",
    "starts_at",
    "date",
    "server_beats",
    "evidence_since",
];

fn time(body: &Value, field: &str) -> DateTime<Utc> {
    text(body, field).parse().unwrap()
}

/// Somebody who was let in, with cash.
pub(super) struct Buyer {
    pub(super) access: Caller,
    queue: Caller,
}

/// One has paid for a seat, one holds another, and one has paid for a third by a payment that the provider
/// leaves open.
pub(super) struct Sale {
    pub(super) buyer: Buyer,
    bought: String,
    holder: Buyer,
    held: String,
    pending: String,
}

/// A concert behind a room that opens.
pub(super) struct Opening {
    pub(super) concert: Concert,
    /// Where its operator and where anyone looks.
    room: String,
    draw: String,
}

/// A store in use, whose clock can be set.
pub(super) struct Shop {
    pub(super) installation: Installation,
    pub(super) clock: WallClock,
    provider: Provider,
    operator: Caller,
    concert: Concert,
    /// Their rooms open at a time that the error is past. Nobody comes to the first of them.
    pub(super) empty: Opening,
    pub(super) visited: Opening,
    opens_at: DateTime<Utc>,
    began: DateTime<Utc>,
    /// How long seats are held, and how long a payment may be left open.
    hold: TimeDelta,
    _cluster: Option<Cluster>,
}

impl Shop {
    pub(super) async fn opens(error: TimeDelta, hold_seconds: i64) -> Option<(Self, Server)> {
        let began = Utc::now();
        let clock = WallClock::right()?;
        let (installation, cluster) = clock.installation()?;
        let provider = Provider::honest().await;
        let installation = paying_through(installation, &provider.url)
            .with("GATEWAY_TIMEOUT_MS", 5_000)
            .with("GATEWAY_SETTLE_SECONDS", hold_seconds)
            .with("HOLD_SECONDS", hold_seconds)
            .with("ROOM_ACTIVE_SECONDS", 3_600);
        let theatre = Theatre::open_in(installation, 20, 12).await;
        let Theatre { installation, server, operator, concert } = theatre;
        let opens_at = DateTime::from_timestamp((began + error / 2).timestamp(), 0).unwrap();
        let room = json!({ "capacity": 5, "opens_at": opens_at });
        let opening = async || {
            let concert = enter(&operator, room.clone(), 2).await;
            let room = room_path(&operator, &concert.id).await;
            Opening { draw: room.replace("admin/", "") + "/draw", concert, room }
        };
        let (empty, visited) = (opening().await, opening().await);
        let hold = TimeDelta::seconds(hold_seconds);
        let shop = Self {
            installation,
            clock,
            provider,
            operator,
            concert,
            empty,
            visited,
            opens_at,
            began,
            hold,
            _cluster: cluster,
        };
        Some((shop, server))
    }

    pub(super) async fn sells(&self, server: &Server, seats: [usize; 3]) -> Sale {
        let [first, second, third] = seats;
        let (buyer, bought) = self.holds(server, first).await;
        buyer.queue.pay(&bought).await.expect(201);
        let (holder, held) = self.holds(server, second).await;
        let (payer, to_pay) = self.holds(server, third).await;
        self.provider.plan(Plan::that(Decision::Wait));
        let pending = text(&payer.queue.pay(&to_pay).await.expect(202), "payment_id");
        self.provider.plan(Plan::that(Decision::Charge));
        Sale { buyer, bought, holder, held, pending }
    }

    /// Its operator enters another concert, and changes a room.
    pub(super) async fn gets_another_concert(&self, server: &Server) {
        let operator = server.operator().await;
        enter(&operator, json!({ "capacity": 3, "admissions_per_minute": 60 }), 1).await;
        operator.patch(&self.visited.room, json!({ "capacity": 6 })).await.expect(200);
    }

    async fn holds(&self, server: &Server, seat: usize) -> (Buyer, String) {
        let access = server.user("buyer").await;
        access.charge(100_000).await;
        let (queue, _) = access.join(Some(&self.concert.id)).await;
        queue.until("active").await;
        let seat = self.concert.seats[seat].as_str();
        let held = queue.hold(&self.concert.show, &[seat]).await.expect(201);
        (Buyer { access, queue }, text(&held, "reservation_id"))
    }

    /// Waits until a room is open though it was not to be yet, and returns its draw.
    pub(super) async fn opens_early(&self, server: &Server, opening: &Opening) -> Value {
        let began = Instant::now();
        loop {
            let draw = server.anyone().get(&opening.draw).await.expect(200);
            if draw["seed"].is_string() {
                return draw;
            }
            assert!(began.elapsed() < PATIENCE, "not open: {draw}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// It is said first, then done, and then there is nothing to do.
    pub(super) fn is_set_back(&self) {
        let room_id = |opening: &Opening| opening.room.rsplit('/').next().unwrap().to_owned();
        let plan = told(&self.installation, &[]);
        let at = |what: &str| plan.find(what).unwrap_or_else(|| panic!("no {what} in {plan}"));
        assert!(at("closed again") < at(&room_id(&self.empty)), "{plan}");
        assert!(at(&room_id(&self.empty)) < at("stay open"), "{plan}");
        assert!(at("stay open") < at(&room_id(&self.visited)), "{plan}");
        assert!(at(&room_id(&self.visited)) < at("Nothing is changed"), "{plan}");
        let outage = |told: &str| told.lines().nth(1).unwrap().to_owned();
        let done = told(&self.installation, &["--yes"]);
        assert_eq!(outage(&done), outage(&plan), "the first time, nothing was changed");
        self.installation.assert_sound();
        let again = refusal(&self.installation);
        assert!(again.contains("not ahead by more than the hour"), "{again}");
    }

    /// All that was recorded was so since the shop opened, and all ends come within a few days.
    pub(super) fn no_recorded_time_is_far_off(&self) {
        let dialect = if crate::ON_POSTGRES { Dialect::Postgres } else { Dialect::Sqlite };
        let literal = |at: DateTime<Utc>| match dialect {
            Dialect::Postgres => format!("'{}'", at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            Dialect::Sqlite => at.timestamp_micros().to_string(),
        };
        let earliest = literal(self.began - TimeDelta::hours(1));
        let latest = literal(Utc::now() + TimeDelta::hours(1) + self.hold);
        self.installation.execute("CREATE TABLE far_off (n bigint CHECK (n = 0))");
        for column in columns(dialect) {
            let (table, name) = (column.table, column.name);
            if MAY_BE_FAR_OFF.contains(&name) {
                continue;
            }
            let far_off = format!("{name} NOT BETWEEN {earliest} AND {latest}");
            self.installation.execute(&format!(
                "INSERT INTO far_off SELECT count(*) FROM {table} WHERE {far_off}"
            ));
        }
        self.installation.execute("DROP TABLE far_off");
    }

    /// From when the shop opened until now.
    fn so_far(&self) -> RangeInclusive<DateTime<Utc>> {
        self.began - TOLERANCE..=Utc::now() + TOLERANCE
    }

    /// What was bought is, what was held can be bought, and all of it has happened so far and no later.
    pub(super) async fn goes_on(&self, server: &Server, sale: &Sale) {
        let Sale { buyer, bought, holder, held, .. } = sale;
        let bought = self.reservation(server, buyer, bought).await;
        assert_eq!(bought["status"], "confirmed");
        assert_eq!(time(&bought, "held_until") - time(&bought, "created_at"), self.hold);

        let still_held = self.reservation(server, holder, held).await;
        assert_eq!(still_held["status"], "held");
        let prolonged =
            time(&still_held, "held_until") - time(&still_held, "created_at") - self.hold;
        let outages = Utc::now() - self.began + TOLERANCE;
        assert!((TimeDelta::zero()..=outages).contains(&prolonged), "{still_held}: {prolonged}");
        let queue = holder.queue.at(server);
        let ticket = queue.get("/api/queue_tokens/current").await.expect(200);
        assert_eq!(ticket["state"], "active");
        assert!(time(&ticket, "expires_at") > Utc::now(), "{ticket}");
        assert!(time(&ticket, "expires_at") <= Utc::now() + self.hold + outages, "{ticket}");
        let paid = queue.pay(held).await.expect(201);
        assert!(self.so_far().contains(&time(&paid, "paid_at")), "{paid}");
    }

    /// What the provider left open is asked for at the right time, and is settled when it says so.
    pub(super) async fn settles(&self, server: &Server, sale: &Sale) {
        let operator = self.operator.at(server);
        let unsettled = operator.get("/api/admin/payments").await.expect(200);
        let mut payments = unsettled["payments"].as_array().unwrap().iter();
        let payment = payments.find(|payment| payment["payment_id"] == sale.pending).unwrap();
        assert!(self.so_far().contains(&time(payment, "paid_at")), "{payment}");
        assert_eq!(time(payment, "settle_by") - time(payment, "paid_at"), self.hold, "{payment}");
        assert!(time(payment, "ask_at") < Utc::now() + TimeDelta::minutes(10), "{payment}");
        self.provider.set(&sale.pending, "charged");
        let notice =
            notify(server.address(), NoticeKind::Right, &sale.pending, "charged", now()).await;
        assert_eq!(notice.unwrap().0, 204);
    }

    async fn reservation(&self, server: &Server, whose: &Buyer, id: &str) -> Value {
        let path = format!("/api/reservations/{id}");
        let reservation = whose.queue.at(server).get(&path).await.expect(200);
        let created_at = time(&reservation, "created_at");
        assert!(self.so_far().contains(&created_at), "{reservation}");
        reservation
    }

    /// The room that nobody came to opens when it was to, and by a seed that nobody has seen. The other
    /// one is open.
    pub(super) async fn rooms_are_right(
        &self,
        server: &Server,
        visitor: &Caller,
        seed_shown: &str,
    ) {
        let operator = self.operator.at(server);
        let empty = operator.get(&self.empty.room).await.expect(200);
        assert_eq!((time(&empty, "opens_at"), &empty["drawn_at"]), (self.opens_at, &Value::Null));
        let draw = server.anyone().get(&self.empty.draw).await.expect(200);
        assert_ne!(text(&draw, "seed_sha256"), seed_shown);
        let early = server.user("early").await.join(Some(&self.empty.concert.id)).await.1;
        assert_eq!((&early["number"], &early["state"]), (&Value::Null, &json!("waiting")));

        let visited = operator.get(&self.visited.room).await.expect(200);
        assert!(self.so_far().contains(&time(&visited, "opens_at")), "{visited}");
        assert!(self.so_far().contains(&time(&visited, "drawn_at")), "{visited}");
        let ticket = visitor.at(server).get("/api/queue_tokens/current").await.expect(200);
        assert_eq!((&ticket["number"], &ticket["state"]), (&json!(1), &json!("active")));
    }
}
