//! What `/metrics` tells.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::TimeDelta;
use domain::ids::{ChargeId, RoomId};
use domain::ports::{GatewayCall, GatewayWatch, LineWatch, Unsettled};
use prometheus::{
    Encoder, Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts,
    Registry, TextEncoder, histogram_opts,
};

/// The server's own measurements.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    lines: LineMetrics,
    payments: PaymentMetrics,
    clock_ahead: Gauge,
    log: LogMetrics,
}

/// How much of the log was lost.
struct LogMetrics {
    dropped: IntCounter,
    dropped_so_far: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

/// What becomes of people in waiting rooms.
struct LineMetrics {
    people: IntGaugeVec,
    turns: IntCounterVec,
    waited: HistogramVec,
}

/// How it goes with the payment provider.
struct PaymentMetrics {
    call_seconds: HistogramVec,
    unsettled: IntGaugeVec,
    contradictions: IntCounter,
}

/// Requests of one kind that were answered alike.
pub(crate) struct Series {
    requests: IntCounter,
    seconds: Histogram,
}

impl Series {
    /// Notes that one was answered.
    pub(crate) fn answered(&self, seconds: f64) {
        self.requests.inc();
        self.seconds.observe(seconds);
    }
}

/// From those who find a free place to those who wait for half a day, in seconds.
const WAITED: [f64; 12] =
    [0.0, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0];

impl LineMetrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let people = IntGaugeVec::new(
            Opts::new("stagedoor_room_people", "People in a waiting room, by what they do there."),
            &["room_id", "state"],
        )?;
        let turns = IntCounterVec::new(
            Opts::new(
                "stagedoor_room_turns_total",
                "People whom this server let in, who were dropped because they were silent, whose \
                 time inside ran out, or who left by themselves.",
            ),
            &["room_id", "turn"],
        )?;
        let waited = HistogramVec::new(
            histogram_opts!(
                "stagedoor_room_wait_seconds",
                "How long people had waited whom this server let in.",
                WAITED.to_vec()
            ),
            &["room_id"],
        )?;
        registry.register(Box::new(people.clone()))?;
        registry.register(Box::new(turns.clone()))?;
        registry.register(Box::new(waited.clone()))?;
        Ok(Self { people, turns, waited })
    }
}

impl PaymentMetrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let call_seconds = HistogramVec::new(
            histogram_opts!(
                "stagedoor_gateway_call_seconds",
                "Time until the payment provider answered this server, or did not."
            ),
            &["call", "answered"],
        )?;
        let unsettled = IntGaugeVec::new(
            Opts::new(
                "stagedoor_payments_unsettled",
                "Payments about which the payment provider owes an answer; overdue are those of \
                 the others that an operator should look at.",
            ),
            &["state"],
        )?;
        let contradictions = IntCounter::new(
            "stagedoor_gateway_contradictions_total",
            "Times that the payment provider took back what it had said of a payment.",
        )?;
        registry.register(Box::new(call_seconds.clone()))?;
        registry.register(Box::new(unsettled.clone()))?;
        registry.register(Box::new(contradictions.clone()))?;
        Ok(Self { call_seconds, unsettled, contradictions })
    }
}

impl LogMetrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let dropped = IntCounter::new(
            "stagedoor_log_lines_dropped_total",
            "Lines of the log that were not written because it could not be written fast enough.",
        )?;
        registry.register(Box::new(dropped.clone()))?;
        Ok(Self { dropped, dropped_so_far: OnceLock::new() })
    }

    /// Asks how many were dropped so far. Two who ask at once may count some twice; the next one
    /// does not.
    fn look(&self) {
        if let Some(so_far) = self.dropped_so_far.get() {
            self.dropped.reset();
            self.dropped.inc_by(so_far());
        }
    }
}

impl Metrics {
    /// With everything at zero.
    ///
    /// # Errors
    /// None that names of ours can cause.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("stagedoor_http_requests_total", "Requests answered."),
            &["method", "route", "status"],
        )?;
        let seconds = HistogramVec::new(
            histogram_opts!("stagedoor_http_request_seconds", "Time until a request was answered."),
            &["method", "route"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        let (lines, payments) = (LineMetrics::new(&registry)?, PaymentMetrics::new(&registry)?);
        let clock_ahead = Gauge::new(
            "stagedoor_clock_ahead_seconds",
            "How far the store's time is ahead of the wall clock that it follows.",
        )?;
        registry.register(Box::new(clock_ahead.clone()))?;
        let log = LogMetrics::new(&registry)?;
        Ok(Self { registry, requests, seconds, lines, payments, clock_ahead, log })
    }

    /// Names who knows how many lines of the log were dropped so far. The first one named stays.
    pub fn watch_log(&self, dropped_so_far: impl Fn() -> u64 + Send + Sync + 'static) {
        let _ = self.log.dropped_so_far.set(Box::new(dropped_so_far));
    }

    /// Where requests of one kind are noted that are answered alike.
    pub(crate) fn series(&self, method: &str, route: &str, status: u16) -> Series {
        Series {
            requests: self.requests.with_label_values(&[method, route, &status.to_string()]),
            seconds: self.seconds.with_label_values(&[method, route]),
        }
    }

    /// Notes how many people of one `state` are in a room.
    pub(crate) fn people(&self, room_id: &str, state: &str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.lines.people.with_label_values(&[room_id, state]).set(count);
    }

    /// Notes how far the store's time is ahead of the wall clock.
    pub(crate) fn clock_ahead(&self, seconds: f64) {
        self.clock_ahead.set(seconds);
    }

    fn turn(&self, room_id: RoomId, turn: &str, count: usize) {
        let count = u64::try_from(count).unwrap_or(0);
        self.lines.turns.with_label_values(&[&room_id.to_string(), turn]).inc_by(count);
    }

    /// All of it in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        self.log.look();
        let mut text = Vec::new();
        // Writing to memory does not fail; a metric that cannot be written is left out.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl LineWatch for Metrics {
    fn admitted(&self, room_id: RoomId, waited: TimeDelta) {
        self.turn(room_id, "admitted", 1);
        let waited = waited.as_seconds_f64().max(0.0);
        self.lines.waited.with_label_values(&[&room_id.to_string()]).observe(waited);
    }

    fn dropped(&self, room_id: RoomId, count: usize) {
        self.turn(room_id, "dropped", count);
    }

    fn ran_out(&self, room_id: RoomId) {
        self.turn(room_id, "ran_out", 1);
    }

    fn left(&self, room_id: RoomId) {
        self.turn(room_id, "left", 1);
    }
}

impl GatewayWatch for Metrics {
    fn called(&self, call: GatewayCall, answered: bool, took: Duration) {
        let call = match call {
            GatewayCall::Authorise => "authorise",
            GatewayCall::Ask => "ask",
            GatewayCall::GiveBack => "give_back",
        };
        let answered = if answered { "yes" } else { "no" };
        self.payments.call_seconds.with_label_values(&[call, answered]).observe(took.as_secs_f64());
    }

    fn unsettled(&self, unsettled: Unsettled) {
        let Unsettled { pending, return_due, overdue } = unsettled;
        for (state, count) in
            [("pending", pending), ("return_due", return_due), ("overdue", overdue)]
        {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.payments.unsettled.with_label_values(&[state]).set(count);
        }
    }

    fn overdue(&self, id: ChargeId) {
        tracing::error!(charge_id = %id, "the payment provider owes an answer for too long");
    }

    fn given_up(&self, id: ChargeId) {
        tracing::warn!(charge_id = %id, "the payment provider left this pending for too long: undone");
    }

    fn contradicted(&self, id: ChargeId) {
        self.payments.contradictions.inc();
        tracing::error!(charge_id = %id, "the payment provider took back what it had said");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_owes_and_how_it_answers_is_told() {
        let metrics = Metrics::new().unwrap();
        metrics.called(GatewayCall::Ask, false, Duration::from_secs(2));
        metrics.unsettled(Unsettled { pending: 3, return_due: 2, overdue: 1 });
        metrics.unsettled(Unsettled { pending: 4, return_due: 0, overdue: 1 });
        metrics.contradicted(uuid::Uuid::nil().into());
        let text = metrics.text();
        for line in [
            "stagedoor_gateway_call_seconds_count{answered=\"no\",call=\"ask\"} 1\n",
            "stagedoor_payments_unsettled{state=\"pending\"} 4\n",
            "stagedoor_payments_unsettled{state=\"return_due\"} 0\n",
            "stagedoor_payments_unsettled{state=\"overdue\"} 1\n",
            "stagedoor_gateway_contradictions_total 1\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn what_happens_in_a_line_is_counted_by_room() {
        let metrics = Metrics::new().unwrap();
        metrics.admitted(RoomId::SITE, TimeDelta::seconds(7));
        metrics.dropped(RoomId::SITE, 3);
        metrics.ran_out(RoomId::SITE);
        metrics.left(RoomId::SITE);
        let (text, site) = (metrics.text(), RoomId::SITE);
        for (turn, count) in [("admitted", 1), ("dropped", 3), ("ran_out", 1), ("left", 1)] {
            let line = format!(
                "stagedoor_room_turns_total{{room_id=\"{site}\",turn=\"{turn}\"}} {count}\n"
            );
            assert!(text.contains(&line), "{text}");
        }
        for (most, count) in [("5", 0), ("15", 1)] {
            let line = format!(
                "stagedoor_room_wait_seconds_bucket{{room_id=\"{site}\",le=\"{most}\"}} {count}\n"
            );
            assert!(text.contains(&line), "{text}");
        }
    }
}
