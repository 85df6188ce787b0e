//! Updates by key that are prepared once a connection.
//!
//! Diesel prepares its own update statements anew at each call, which took a third of the writer's
//! time. These name only the columns that ever change, so that the others' indexes stay untouched.

use diesel::prelude::*;
use diesel::query_builder::QueryId;
use diesel::sqlite::SqliteConnection;

/// `UPDATE … SET … WHERE key = …` for one row.
pub(crate) struct Update<'a, Row>(pub(crate) &'a Row);

impl<Row: 'static> QueryId for Update<'_, Row> {
    type QueryId = Update<'static, Row>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Row> RunQueryDsl<SqliteConnection> for Update<'_, Row> {}

/// Says which columns of a row's table change, by which key, and of which SQL types they are.
macro_rules! update_by_key {
    (
        $table:ident by $key:ident in $row:ty:
        $first:ident: $first_type:ty $(, $column:ident: $type:ty)*
    ) => {
        impl diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite>
            for super::update::Update<'_, $row>
        {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                use diesel::sql_types::*;
                out.push_sql(concat!("UPDATE ", stringify!($table), " SET "));
                out.push_sql(concat!(stringify!($first), " = "));
                out.push_bind_param::<$first_type, _>(&self.0.$first)?;
                $(
                    out.push_sql(concat!(", ", stringify!($column), " = "));
                    out.push_bind_param::<$type, _>(&self.0.$column)?;
                )*
                out.push_sql(concat!(" WHERE ", stringify!($key), " = "));
                out.push_bind_param::<Binary, _>(&self.0.$key)
            }
        }
    };
}

pub(crate) use update_by_key;
