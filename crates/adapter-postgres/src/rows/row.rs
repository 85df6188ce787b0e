//! What a row is: its columns, and which of them ever change.

use crate::statement::Parameter;

/// A row of a table.
pub(crate) trait Row: Sized + 'static {
    /// The SQL type of the whole row.
    type Sql: 'static;
    /// The table's name.
    const TABLE: &'static str;
    /// The columns it is found by.
    const KEY: &'static [&'static str];
    /// All its columns, in the order of the struct.
    const COLUMNS: &'static [ColumnOf<Self>];
    /// Those that ever change; the others' indexes stay untouched by an update.
    const CHANGING: &'static [&'static str];
}

/// A column of a table, and how its values become a parameter.
pub(crate) struct ColumnOf<R> {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) values: fn(&[R]) -> Parameter,
}

/// The text that adds rows, all of them, and its parameters.
pub(crate) fn insert<R: Row>(rows: &[R]) -> (String, Vec<Parameter>) {
    let (names, arrays, parameters) = parts(rows, R::COLUMNS.iter());
    (format!("INSERT INTO {table} ({names}) SELECT {arrays}", table = R::TABLE), parameters)
}

/// The text that writes the changing columns of rows, all of them, and its parameters.
pub(crate) fn update<R: Row>(rows: &[R]) -> (String, Vec<Parameter>) {
    let wanted =
        |column: &&ColumnOf<R>| R::KEY.contains(&column.name) || R::CHANGING.contains(&column.name);
    let (names, arrays, parameters) = parts(rows, R::COLUMNS.iter().filter(wanted));
    let set = |name: &&str| format!("\"{name}\" = new.\"{name}\"");
    let same = |name: &&str| format!("old.\"{name}\" = new.\"{name}\"");
    let text = format!(
        "UPDATE {table} AS old SET {changes} FROM (SELECT {arrays}) AS new ({names}) WHERE {found}",
        table = R::TABLE,
        changes = R::CHANGING.iter().map(set).collect::<Vec<_>>().join(", "),
        found = R::KEY.iter().map(same).collect::<Vec<_>>().join(" AND "),
    );
    (text, parameters)
}

fn parts<'a, R: Row>(
    rows: &[R],
    columns: impl Iterator<Item = &'a ColumnOf<R>>,
) -> (String, String, Vec<Parameter>) {
    let (mut names, mut arrays, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        names.push(format!("\"{}\"", column.name));
        // Side by side in a select list; in FROM, each would first be gathered by itself.
        arrays.push(format!("unnest(?::{}[])", column.type_name));
        parameters.push((column.values)(rows));
    }
    (names.join(", "), arrays.join(", "), parameters)
}

/// The columns of a table, to be selected from `source`.
pub(crate) fn columns<R: Row>(source: &str) -> String {
    let names = R::COLUMNS.iter().map(|column| format!("{source}.\"{}\"", column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// Makes a struct a row of a table: says by which columns it is found, and which ever change.
macro_rules! row {
    (
        $table:ident by ($($key:ident),+) changing ($($changing:ident),*)
        pub(crate) struct $row:ident {
            $($visible:vis $column:ident: $type:ty,)+
        }
    ) => {
        #[derive(Debug, diesel::Queryable, diesel::Selectable)]
        #[diesel(table_name = $table)]
        pub(crate) struct $row {
            $($visible $column: $type,)+
        }

        impl crate::rows::Row for $row {
            type Sql = diesel::dsl::SqlTypeOf<<$table::table as diesel::Table>::AllColumns>;

            const TABLE: &'static str = stringify!($table);
            const KEY: &'static [&'static str] = &[$(stringify!($key)),+];
            const COLUMNS: &'static [crate::rows::ColumnOf<Self>] = &[$(crate::rows::ColumnOf {
                name: stringify!($column),
                type_name: <$type as crate::columns::Column>::TYPE,
                values: |rows| {
                    crate::statement::array(
                        rows.iter().map(|row| row.$column.clone()).collect::<Vec<$type>>(),
                    )
                },
            }),+];
            const CHANGING: &'static [&'static str] = &[$(stringify!($changing)),*];
        }
    };
}

pub(crate) use row;
