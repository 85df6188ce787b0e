//! What nobody asks for and yet is done, over and over: letting in, ending what is over, keeping
//! time. None of it is needed for correctness: every rule compares times itself.

mod admit_next;
mod draw_lobbies;
mod drop_idle;
mod end_run_out;
mod expire_holds;
mod feel_pulses;
mod forget_answers;
mod keep_time;
mod parts;
mod settle_payments;
mod write_heard;

pub use admit_next::*;
pub use draw_lobbies::*;
pub use drop_idle::*;
pub use end_run_out::*;
pub use expire_holds::*;
pub use feel_pulses::*;
pub use forget_answers::*;
pub use keep_time::*;
pub use settle_payments::*;
pub use write_heard::*;

/// How many things one decision of a sweeper looks at.
const BATCH: u32 = 256;

/// Whether a batch was full, so that there may be more.
fn was_full(count: usize) -> bool {
    u32::try_from(count).is_ok_and(|count| count >= BATCH)
}
