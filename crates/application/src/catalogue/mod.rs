//! What is played, and what of it is left.

mod list_available_dates;
mod list_concerts;
mod programme;
mod seat_counts;
mod seat_maps;
mod show_concert;
mod show_seat_map;

pub use list_available_dates::*;
pub use list_concerts::*;
pub use programme::*;
pub use seat_counts::*;
pub use seat_maps::*;
pub use show_concert::*;
pub use show_seat_map::*;
