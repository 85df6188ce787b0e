//! Each number in the file is known as a time, of which it is said what becomes of it when the clock is
//! set back, or as none.

use std::collections::BTreeSet;

use diesel::sql_types::Text;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use offline_store::{Dialect, columns};

/// Numbers that are no times.
const NO_TIMES: &[(&str, &[&str])] = &[
    (
        "waiting_rooms",
        &[
            "capacity",
            "admissions_per_minute",
            "active_ttl_seconds",
            "idle_ttl_seconds",
            "lobby_count",
            "drawn_count",
            "last_number",
            "policy_count",
            "forgotten_to",
        ],
    ),
    ("room_policies", &["number", "capacity"]),
    ("room_counts", &["waiting", "inside"]),
    ("show_counts", &["available", "held", "sold", "income"]),
    ("concerts", &["max_seats_per_user"]),
    ("shows", &["seat_count", "twin"]),
    ("waiting_tokens", &["number", "admitted_capacity"]),
    ("seats", &["price", "version"]),
    ("reservations", &["total_amount", "hold_seconds"]),
    ("reservation_seats", &["position", "price"]),
    ("payments", &["amount", "balance_before", "balance_after", "provider_asks"]),
    ("top_ups", &["amount", "balance_after", "provider_asks"]),
    ("cash_accounts", &["balance", "entry_count", "pending_count", "pending_amount"]),
    ("cash_entries", &["number", "amount", "balance_after"]),
    ("service", &["id"]),
];

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    name: String,
}

#[test]
fn of_each_number_it_is_said_whether_it_is_a_time_and_what_becomes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stagedoor.db");
    adapter_sqlite::migrate(&path).unwrap();
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let numbers = "SELECT t.name AS table_name, c.name \
         FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '__diesel_%' \
             AND (c.type NOT IN ('TEXT', 'BLOB', 'BOOLEAN') OR c.name = 'date')";
    let rows: Vec<ColumnRow> = sql_query(numbers).load(&mut conn).unwrap();
    let found: BTreeSet<_> = rows.into_iter().map(|row| (row.table_name, row.name)).collect();
    let named = |table: &str, name: &str| (table.to_owned(), name.to_owned());
    let no_times = NO_TIMES.iter().flat_map(|(table, names)| names.iter().map(|n| named(table, n)));
    let times = columns(Dialect::Sqlite).map(|column| named(column.table, column.name));
    let times: BTreeSet<_> = times.collect();
    let no_times: BTreeSet<_> = no_times.collect();
    assert!(times.is_disjoint(&no_times));
    assert_eq!(found, &times | &no_times);
}
