//! Seats set aside, and given back.

mod cancel_reservation;
mod hold_seats;
mod list_reservations;
mod show_reservation;

pub use cancel_reservation::*;
pub use hold_seats::*;
pub use list_reservations::*;
pub use show_reservation::*;
