//! Cash for a reservation, and back again.

mod list_payments;
mod pay;
mod refund;
mod show_payment;

pub use list_payments::*;
pub use pay::*;
pub use refund::*;
pub use show_payment::*;
