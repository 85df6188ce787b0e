//! How what is kept looks in a column.

use std::fmt::Debug;

use chrono::NaiveDate;
use diesel::sql_types::{self, Nullable, SqlType, is_nullable::NotNull};
use domain::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A type that a column can hold, and what PostgreSQL calls it.
pub(crate) trait Column: ToSql + Debug + Sync {
    /// What diesel calls it.
    type Sql: 'static;
    /// What PostgreSQL calls it.
    const TYPE: &'static str;
    /// What PostgreSQL's driver calls an array of it.
    const ARRAY: Type;
}

macro_rules! column {
    ($($rust:ty as $sql:ident is $name:literal, $array:ident;)*) => {$(
        impl Column for $rust {
            type Sql = sql_types::$sql;

            const TYPE: &'static str = $name;
            const ARRAY: Type = Type::$array;
        }
    )*};
}

column! {
    Uuid as Uuid is "uuid", UUID_ARRAY;
    Timestamp as Timestamptz is "timestamptz", TIMESTAMPTZ_ARRAY;
    NaiveDate as Date is "date", DATE_ARRAY;
    String as Text is "text", TEXT_ARRAY;
    i64 as BigInt is "bigint", INT8_ARRAY;
    bool as Bool is "boolean", BOOL_ARRAY;
    Vec<u8> as Binary is "bytea", BYTEA_ARRAY;
}

impl<T: Column> Column for Option<T>
where
    T::Sql: SqlType<IsNull = NotNull>,
{
    type Sql = Nullable<T::Sql>;

    const TYPE: &'static str = T::TYPE;
    const ARRAY: Type = T::ARRAY;
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
