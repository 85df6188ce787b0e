//! What all handlers share beside the use cases.

use std::sync::Arc;

use tokio::sync::watch;

use crate::body::BodyRoom;
use crate::insiders::Insiders;
use crate::join_rates::JoinRates;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::request_id::RequestNames;
use crate::seat_map_bodies::SeatMapBodies;
use crate::streams::Streams;

/// One for all workers.
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) request_names: RequestNames,
    pub(crate) limits: Limits,
    pub(crate) join_rates: JoinRates,
    pub(crate) insiders: Insiders,
    pub(crate) bodies: BodyRoom,
    pub(crate) streams: Arc<Streams>,
    pub(crate) seat_maps: SeatMapBodies,
    /// Turns true when the server is about to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Shared {
    /// Whether the server is about to stop. Asked for every answer: to see that something was said
    /// is cheaper than to read what, and nothing else is ever said.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.has_changed().unwrap_or(true)
    }
}
