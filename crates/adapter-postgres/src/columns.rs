//! How what is kept looks in a column.

use chrono::NaiveDate;
use diesel::sql_types::{self, Nullable, SqlType, is_nullable::NotNull};
use domain::Timestamp;
use uuid::Uuid;

/// A type that a column can hold, and what PostgreSQL calls it.
pub(crate) trait Column {
    /// What diesel calls it.
    type Sql: 'static;
    /// What PostgreSQL calls it.
    const TYPE: &'static str;
}

macro_rules! column {
    ($($rust:ty as $sql:ident is $name:literal;)*) => {$(
        impl Column for $rust {
            type Sql = sql_types::$sql;

            const TYPE: &'static str = $name;
        }
    )*};
}

column! {
    Uuid as Uuid is "uuid";
    Timestamp as Timestamptz is "timestamptz";
    NaiveDate as Date is "date";
    String as Text is "text";
    i64 as BigInt is "bigint";
    bool as Bool is "boolean";
    Vec<u8> as Binary is "bytea";
}

impl<T: Column> Column for Option<T>
where
    T::Sql: SqlType<IsNull = NotNull>,
{
    type Sql = Nullable<T::Sql>;

    const TYPE: &'static str = T::TYPE;
}

/// A column holds what no row of ours can hold.
#[derive(Debug, thiserror::Error)]
#[error("unreadable {0} in the database")]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// A number in a column; ours all fit.
pub(crate) fn number(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// What is in a column, as what it stands for.
pub(crate) fn read<T, U: TryFrom<T>>(value: T, what: &'static str) -> Result<U, Unreadable> {
    U::try_from(value).map_err(|_| Unreadable(what))
}

/// A column that must not be empty in this row.
pub(crate) fn present<T>(value: Option<T>, what: &'static str) -> Result<T, Unreadable> {
    value.ok_or(Unreadable(what))
}
