//! The waiting room: taking a place in it, seeing how far it got, giving it up.

mod board;
mod estimate;
mod gate;
mod hearing;
mod leave;
mod pulse;
mod room_line;
mod show_draw;
mod show_notice;
mod show_ticket;
mod take_place;
mod ticket;
mod waiting_line;

pub use board::*;
pub use estimate::spread;
pub use gate::*;
pub use hearing::*;
pub use leave::*;
pub use pulse::*;
pub use show_draw::*;
pub use show_notice::*;
pub use show_ticket::*;
pub use take_place::*;
pub use ticket::*;
pub use waiting_line::*;
