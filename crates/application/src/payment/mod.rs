//! Cash for a reservation, and back again.

mod hear_notice;
mod list_payments;
mod owed;
mod pay;
mod refund;
mod settler;
mod show_payment;

pub use hear_notice::*;
pub use list_payments::*;
pub(crate) use owed::{Owed, undone};
pub use pay::*;
pub use refund::*;
pub use settler::Settler;
pub use show_payment::*;
