//! Where a call came from, for the audit log.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::audit_log::Origin;

use crate::problem::Problem;
use crate::request_id;
use crate::shared::Shared;

/// Where a request came from. Reading it never fails.
pub(crate) struct From(pub(crate) Origin);

impl FromRequest for From {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let shared = request.app_data::<web::Data<Shared>>();
        let address = shared.and_then(|shared| shared.limits.addresses().of(request));
        ready(Ok(Self(Origin {
            address: address.map(|address| address.to_canonical().to_string()),
            request_id: Some(request_id::current()),
            client_request_id: request_id::given_by_client(request.headers()),
        })))
    }
}
