//! What is known of a route while its requests are answered.

use std::cell::RefCell;

use actix_web::http::{Method, StatusCode};

use crate::metrics::{Metrics, Series};
use crate::problem::Problem;

/// The pattern of the path that a request was for, and what one worker measured of it.
pub(crate) struct Route {
    pattern: &'static str,
    series: RefCell<Vec<(&'static str, u16, Series)>>,
}

impl Route {
    /// A route that is measured under this name.
    pub(crate) fn named(pattern: &'static str) -> Self {
        Self { pattern, series: RefCell::default() }
    }

    /// Notes that a request was answered. Looks its series up once, and not for each request.
    pub(crate) fn answered(&self, metrics: &Metrics, method: &Method, status: u16, seconds: f64) {
        let (mut all, method) = (self.series.borrow_mut(), method_label(method));
        let known = all.iter().position(|(of, with, _)| (*of, *with) == (method, status));
        let at = known.unwrap_or_else(|| {
            all.push((method, status, metrics.series(method, self.pattern, status)));
            all.len() - 1
        });
        if let Some((.., series)) = all.get(at) {
            series.answered(seconds);
        }
    }
}

/// A method as metrics name it. Of those that nobody needs there could be any number.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        _ => "(other)",
    }
}

/// That a method is not for this path, and which are.
pub(crate) fn method_not_allowed(method: &Method, allowed: &str) -> Problem {
    let detail = format!("{method} does not go here, but {allowed}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).allowing(allowed)
}
