//! Who somebody is.

mod authenticate;
mod change_password;
mod create_load_users;
mod guard;
mod reset_password;
mod revocations;
mod show_me;
mod sign_in;
mod sign_out;
mod sign_up;

pub use authenticate::*;
pub use change_password::*;
pub use create_load_users::*;
pub use guard::*;
pub use reset_password::*;
pub use revocations::*;
pub use show_me::*;
pub use sign_in::*;
pub use sign_out::*;
pub use sign_up::*;
