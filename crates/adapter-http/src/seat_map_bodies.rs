//! Seat maps as bodies: written out once a version, plain and compressed, and kept for all who look.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use application::SingleFlight;
use application::catalogue::SeatsOfShow;
use bytes::Bytes;
use chrono::NaiveDate;
use domain::ids::ShowId;
use domain::ports::Unavailable;
use domain::seat::{Seat, SeatStatus};
use flate2::Compression;
use flate2::write::GzEncoder;
use lru::LruCache;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::words;

#[derive(Serialize, ToSchema)]
#[schema(as = SeatMap)]
pub(crate) struct SeatMapBody {
    show_id: Uuid,
    /// The show's date at its venue.
    date: NaiveDate,
    /// Grows with every change of any seat's status.
    version: u64,
    /// Every seat of the show.
    seats: Vec<SeatBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Seat)]
pub(crate) struct SeatBody {
    seat_id: Uuid,
    #[schema(example = "A-3-12")]
    seat_number: String,
    section: String,
    row: String,
    grade: String,
    /// In minor units of the concert's currency.
    price: i64,
    /// `available`, `held` or `sold`.
    #[schema(schema_with = words::seat_status)]
    status: SeatStatus,
}

/// How many shows' seat maps are kept written out.
const BODIES_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Seat maps, written out: each version once, however many look.
pub(crate) struct SeatMapBodies {
    kept: Arc<Mutex<LruCache<ShowId, Arc<Body>>>>,
    /// By show, history and version.
    flights: SingleFlight<(ShowId, u64, u64), Arc<Body>>,
}

impl Default for SeatMapBodies {
    fn default() -> Self {
        let kept = Arc::new(Mutex::new(LruCache::new(BODIES_MAX)));
        Self { kept, flights: SingleFlight::default() }
    }
}

/// One seat map, written out.
pub(crate) struct Body {
    history: u64,
    version: u64,
    pub(crate) plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl Body {
    /// The compressed form.
    pub(crate) fn gzip(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to memory does not fail.
            let _ = encoder.write_all(&self.plain);
            encoder.finish().unwrap_or_default().into()
        };
        self.gzip.get_or_init(compress).clone()
    }
}

impl SeatMapBodies {
    /// The body of these seats, written out if nobody asked for this version yet, and beside the event
    /// loop.
    pub(crate) async fn body(&self, seats: SeatsOfShow) -> Result<Arc<Body>, Unavailable> {
        let id = seats.performance.show.id;
        let (history, version) = (seats.map.history, seats.map.version);
        let is_it = |body: &Arc<Body>| (body.history, body.version) == (history, version);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(body) = kept.filter(is_it) {
            return Ok(body);
        }
        let bodies = Arc::clone(&self.kept);
        let write_out = || async move {
            let written = tokio::task::spawn_blocking(move || {
                let body = write(&seats);
                body.gzip();
                Arc::new(body)
            });
            let failed = |error| Unavailable::from_source("a seat map was not written out", error);
            let body = written.await.map_err(failed)?;
            let mut bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
            let is_older =
                |kept: &Arc<Body>| kept.history != body.history || kept.version < body.version;
            if bodies.peek(&id).is_none_or(is_older) {
                bodies.put(id, Arc::clone(&body));
            }
            Ok(body)
        };
        self.flights.run((id, history, version), write_out).await
    }
}

fn write(seats: &SeatsOfShow) -> Body {
    let body = |seat: &Seat| SeatBody {
        seat_id: seat.id.into(),
        seat_number: seat.place.number.clone(),
        section: seat.place.section.clone(),
        row: seat.place.row.clone(),
        grade: seat.place.grade.clone(),
        price: seat.place.price.into(),
        status: seat.status(seats.map.as_of),
    };
    let map = SeatMapBody {
        show_id: seats.performance.show.id.into(),
        date: seats.performance.show.date,
        version: seats.map.version,
        seats: seats.map.seats.iter().map(body).collect(),
    };
    let plain = Bytes::from(serde_json::to_vec(&map).unwrap_or_default());
    Body { history: seats.map.history, version: map.version, plain, gzip: OnceLock::new() }
}
