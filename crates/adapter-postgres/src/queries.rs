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

use crate::SqlError;
use crate::columns::Unreadable;

/// A limit as SQL wants it, one row further than asked for, which tells whether there is more.
fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// A row as what it stands for.
fn decode<R, T>(row: Option<R>) -> Result<Option<T>, SqlError>
where
    T: TryFrom<R, Error = Unreadable>,
{
    Ok(row.map(T::try_from).transpose()?)
}

/// Rows as what they stand for.
fn decode_all<R, T>(rows: Vec<R>) -> Result<Vec<T>, SqlError>
where
    T: TryFrom<R, Error = Unreadable>,
{
    Ok(rows.into_iter().map(T::try_from).collect::<Result<_, _>>()?)
}
