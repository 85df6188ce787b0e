//! Who somebody is.

mod authenticate;
mod create_load_users;
mod show_me;
mod sign_in;
mod sign_up;

pub use authenticate::*;
pub use create_load_users::*;
pub use show_me::*;
pub use sign_in::*;
pub use sign_up::*;
