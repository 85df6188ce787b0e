//! The HTTP contract: routes, bodies, problems, OpenAPI. What a call does is in `application`;
//! here is only how it is asked and answered.

mod body;
mod credentials;
mod idempotency;
mod layers;
mod metrics;
mod openapi;
mod paging;
mod problem;
mod routes;
mod server;

pub use openapi::openapi_json;
pub use server::{HttpOptions, HttpServer};
