//! The prepaid balance.

mod charge_cash;
mod list_entries;
mod show_balance;

pub use charge_cash::*;
pub use list_entries::*;
pub use show_balance::*;
