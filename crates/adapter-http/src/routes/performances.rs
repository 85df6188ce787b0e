use std::sync::Arc;

use application::Application;
use application::catalogue::Performance;
use chrono::{DateTime, Utc};
use domain::ids::ShowId;
use domain::refusal::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;

/// Which show something is for, as a ticket says it.
#[derive(Serialize, ToSchema)]
#[schema(as = Performance)]
pub(crate) struct PerformanceBody {
    concert_id: Uuid,
    /// The concert's.
    title: String,
    venue: String,
    /// IANA name of the venue's time zone.
    #[schema(example = "Asia/Seoul")]
    time_zone: &'static str,
    /// When the show begins.
    starts_at: DateTime<Utc>,
}

impl From<&Performance> for PerformanceBody {
    fn from(performance: &Performance) -> Self {
        let details = &performance.concert.details;
        Self {
            concert_id: performance.concert.id.into(),
            title: details.title.clone(),
            venue: details.venue.clone(),
            time_zone: details.time_zone.name(),
            starts_at: performance.show.starts_at,
        }
    }
}

/// The show, with its concert. Of a reservation that was committed just now, both are in memory.
pub(super) async fn performance(
    app: &Application,
    id: ShowId,
) -> Result<Arc<Performance>, Problem> {
    Ok(app.programme.show(id).await?.ok_or(Refusal::NotFound)?)
}
