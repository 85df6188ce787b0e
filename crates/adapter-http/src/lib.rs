//! The HTTP contract: routes, bodies, problems, OpenAPI. What a call does is in `application`;
//! here is only how it is asked and answered.

mod body;
mod credentials;
mod idempotency;
mod join_rates;
mod language;
mod layers;
mod limits;
mod listening;
mod metrics;
mod openapi;
mod pages;
mod paging;
mod piecewise;
mod problem;
mod request_id;
mod route;
mod routes;
mod seat_map_bodies;
mod server;
mod shared;
mod shortcut;
mod streams;

pub use join_rates::WorkOptions;
pub use limits::LimitOptions;
pub use metrics::Metrics;
pub use openapi::openapi_json;
pub use pages::PageFile;
pub use server::{HttpOptions, HttpServer};
