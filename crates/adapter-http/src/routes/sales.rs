use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ports::ShowSales;
use domain::refusal::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::operator::ensure_operator;
use super::path_id;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};

/// How a show sells.
#[derive(Serialize, ToSchema)]
#[schema(as = ShowSales)]
pub(crate) struct ShowSalesBody {
    show_id: Uuid,
    starts_at: DateTime<Utc>,
    /// The show's date at its venue.
    date: NaiveDate,
    total_seat_count: u32,
    available_seat_count: u32,
    held_seat_count: u32,
    /// Those that come back from a refund, too, until they are free.
    sold_seat_count: u32,
    /// What its sold seats came to, in minor units of the concert's currency.
    income: i64,
}

impl From<ShowSales> for ShowSalesBody {
    fn from(sales: ShowSales) -> Self {
        Self {
            show_id: sales.show.id.into(),
            starts_at: sales.show.starts_at,
            date: sales.show.date,
            total_seat_count: sales.show.seat_count,
            available_seat_count: sales.available,
            held_seat_count: sales.held,
            sold_seat_count: sales.sold,
            income: sales.income.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Sales {
    shows: Vec<ShowSalesBody>,
}

/// A concert's shows, the first to begin first, and how they sell.
#[utoipa::path(get, path = "/api/admin/concerts/{concert_id}/shows", tag = "operators",
    operation_id = "list_sales", params(("concert_id" = Uuid, Path)),
    security(("access_token" = [])), responses(
    (status = 200, body = Sales),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`invalid_concert`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    bearer: Bearer,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let id = path_id(&path, Refusal::InvalidConcert)?;
    let sales = app.list_sales.execute(operator, id).await?;
    Ok(HttpResponse::Ok().json(Sales { shows: sales.into_iter().map(Into::into).collect() }))
}
