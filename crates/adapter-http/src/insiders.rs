//! Who may see how the server is: those who run it.

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;

use crate::limits::Limits;
use crate::listening::Connection;

/// Where those who run the server ask.
pub(crate) struct Insiders {
    place: Place,
}

/// Where that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At an address of their own.
    Apart,
    /// On the server's machine.
    Here,
}

/// What is told there.
const PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

impl Insiders {
    pub(crate) const fn at(place: Place) -> Self {
        Self { place }
    }

    /// Whether measurements are told to who sent the request: at the address for that, and where there is
    /// none, on this machine.
    pub(crate) fn may_see(&self, request: &HttpRequest, limits: &Limits) -> bool {
        match self.place {
            Place::Apart => request.conn_data::<Connection>().is_some_and(Connection::is_admins),
            Place::Here => limits.addresses().is_from_here(request),
        }
    }

    /// Whether a request came to an address that has no such path.
    pub(crate) fn is_out_of_place(request: &ServiceRequest) -> bool {
        request.conn_data::<Connection>().is_some_and(Connection::is_admins)
            && !PATHS.contains(&request.path())
    }
}
