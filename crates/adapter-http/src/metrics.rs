//! What `/metrics` tells.

use prometheus::{
    Encoder, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder, histogram_opts,
};

/// The server's own measurements.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    people: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("stagedoor_http_requests_total", "Requests answered."),
            &["method", "route", "status"],
        )?;
        let seconds = HistogramVec::new(
            histogram_opts!("stagedoor_http_request_seconds", "Time until a request was answered."),
            &["method", "route"],
        )?;
        let people = IntGaugeVec::new(
            Opts::new("stagedoor_room_people", "People in a waiting room, by what they do there."),
            &["room_id", "state"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(people.clone()))?;
        Ok(Self { registry, requests, seconds, people })
    }

    /// Notes that a request was answered.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[method, route]).observe(seconds);
    }

    /// Notes how many people of one `state` are in a room.
    pub(crate) fn people(&self, room_id: &str, state: &str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.people.with_label_values(&[room_id, state]).set(count);
    }

    /// All of it in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory does not fail; a metric that cannot be written is left out.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}
