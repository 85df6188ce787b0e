//! The query ports, one file each.

mod audit_log;
mod cash_book;
mod catalogue;
mod due_work;
mod ledger;
mod lines;
mod orders;
mod sessions;
mod users;

pub(crate) use ledger::all_outages;

/// A limit as SQL wants it, one row further than asked for, which tells whether there is more.
fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}
