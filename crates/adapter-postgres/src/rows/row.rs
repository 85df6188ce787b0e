//! What a row is: its columns, and which of them ever change.

use crate::at_once::FoundBy;
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

    /// What is said about rows of this table, put together once.
    fn texts() -> &'static Texts;
}

/// What is said about the rows of a table.
pub(crate) struct Texts {
    /// Adds rows, all columns of which are its parameters.
    insert: String,
    /// Writes the changing columns of rows; these and the key's are its parameters.
    update: String,
    /// Loads and locks rows of a table by their ids, which stand between these two.
    pub(crate) lock: (String, &'static str),
    /// The column by which an update finds its rows, and which parameter that is: of a key of several
    /// columns, the first.
    key: (String, Option<usize>),
}

impl Texts {
    pub(crate) fn of<R: Row>() -> Self {
        let all = R::COLUMNS.iter();
        let insert = format!(
            "INSERT INTO {table} ({names}) SELECT {arrays}",
            table = R::TABLE,
            names = names(all.clone()),
            arrays = arrays(all),
        );
        let set = |name: &&str| format!("\"{name}\" = new.\"{name}\"");
        let same = |name: &&str| format!("old.\"{name}\" = ANY (ARRAY[new.\"{name}\"])");
        let update = format!(
            "UPDATE {table} AS old SET {changes} FROM (SELECT {arrays}) AS new ({names}) WHERE {found}",
            table = R::TABLE,
            changes = R::CHANGING.iter().map(set).collect::<Vec<_>>().join(", "),
            arrays = arrays(of_update::<R>()),
            names = names(of_update::<R>()),
            found = R::KEY.iter().map(same).collect::<Vec<_>>().join(" AND "),
        );
        let lock = format!("SELECT {} FROM {} AS t WHERE t.id = ANY(", columns::<R>("t"), R::TABLE);
        let key = R::KEY.first().copied().unwrap_or_default();
        let at = of_update::<R>().position(|column| column.name == key);
        Self {
            insert,
            update,
            lock: (lock, ") ORDER BY t.id FOR NO KEY UPDATE"),
            key: (format!("old.\"{key}\""), at),
        }
    }
}

/// The columns by which an update finds a row, and those that it writes.
fn of_update<R: Row>() -> impl Iterator<Item = &'static ColumnOf<R>> + Clone {
    R::COLUMNS
        .iter()
        .filter(|column| R::KEY.contains(&column.name) || R::CHANGING.contains(&column.name))
}

/// A column of a table, and how its values become a parameter.
pub(crate) struct ColumnOf<R> {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) values: fn(&[R]) -> Parameter,
}

/// The text that adds rows, all of them, and its parameters.
pub(crate) fn insert<R: Row>(rows: &[R]) -> (&'static str, Vec<Parameter>) {
    (&R::texts().insert, R::COLUMNS.iter().map(|column| (column.values)(rows)).collect())
}

/// The text that writes the changing columns of rows, all of them, its parameters, and how it finds
/// the rows.
pub(crate) fn update<R: Row>(rows: &[R]) -> (&'static str, Vec<Parameter>, FoundBy) {
    let texts = R::texts();
    let parameters = of_update::<R>().map(|column| (column.values)(rows)).collect();
    let (key, at) = &texts.key;
    (&texts.update, parameters, FoundBy { table: R::TABLE, key, at: *at })
}

fn names<R: Row>(columns: impl Iterator<Item = &'static ColumnOf<R>>) -> String {
    columns.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
}

/// Parameters as columns: side by side in a select list; in FROM, each would first be gathered by
/// itself.
fn arrays<R: Row>(columns: impl Iterator<Item = &'static ColumnOf<R>>) -> String {
    columns
        .map(|column| format!("unnest(?::{}[])", column.type_name))
        .collect::<Vec<_>>()
        .join(", ")
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

            fn texts() -> &'static crate::rows::Texts {
                static TEXTS: std::sync::LazyLock<crate::rows::Texts> =
                    std::sync::LazyLock::new(crate::rows::Texts::of::<$row>);
                &TEXTS
            }
        }
    };
}

pub(crate) use row;
