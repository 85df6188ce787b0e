//! What all handlers share beside the use cases.

use std::sync::Arc;

use domain::ports::Ids;
use tokio::sync::{Semaphore, watch};

use crate::metrics::Metrics;
use crate::seat_map_bodies::SeatMapBodies;

/// One for all workers.
pub(crate) struct Shared {
    pub(crate) metrics: Metrics,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) seat_maps: SeatMapBodies,
    /// Turns true when the server is about to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}
