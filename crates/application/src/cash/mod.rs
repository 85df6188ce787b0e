//! The prepaid balance.

mod charge_cash;
mod list_entries;
mod list_top_ups;
mod show_balance;
mod show_top_up;
mod top_up_cash;

pub use charge_cash::*;
pub use list_entries::*;
pub use list_top_ups::*;
pub use show_balance::*;
pub use show_top_up::*;
pub use top_up_cash::*;
