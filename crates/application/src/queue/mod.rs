//! The waiting room: taking a place in it, seeing how far it got, giving it up.

mod board;
mod gate;
mod hearing;
mod leave;
mod show_ticket;
mod take_place;
mod ticket;
mod waiting_line;

pub use board::*;
pub use gate::*;
pub use hearing::*;
pub use leave::*;
pub use show_ticket::*;
pub use take_place::*;
pub use ticket::*;
pub use waiting_line::*;
