//! How ids, times and numbers look in a column.

use chrono::DateTime;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Binary;
use diesel::sqlite::Sqlite;
use domain::Timestamp;
use uuid::Uuid;

/// An id in a column: the 16 bytes of a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub(crate) struct Key([u8; 16]);

/// The column form of an id.
pub(crate) fn key(id: impl Into<Uuid>) -> Key {
    Key(id.into().into_bytes())
}

impl Key {
    /// The id of a column.
    pub(crate) fn id<Id: From<Uuid>>(self) -> Id {
        Uuid::from_bytes(self.0).into()
    }
}

impl ToSql<Binary, Sqlite> for Key {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <[u8] as ToSql<Binary, Sqlite>>::to_sql(self.0.as_slice(), out)
    }
}

impl FromSql<Binary, Sqlite> for Key {
    fn from_sql(mut value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(value.read_blob().try_into()?))
    }
}

/// A column holds what no row of ours can hold.
#[derive(Debug, thiserror::Error)]
#[error("unreadable {0} in the database")]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// The column form of a time: microseconds since 1970.
pub(crate) const fn micros(time: Timestamp) -> i64 {
    time.timestamp_micros()
}

/// The time of a column.
pub(crate) fn time(micros: i64) -> Result<Timestamp, Unreadable> {
    DateTime::from_timestamp_micros(micros).ok_or(Unreadable("time"))
}

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
