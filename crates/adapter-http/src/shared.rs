//! What all handlers share beside the use cases.

use std::sync::Arc;

use tokio::sync::watch;

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
    pub(crate) streams: Arc<Streams>,
    pub(crate) seat_maps: SeatMapBodies,
    /// Turns true when the server is about to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}
