//! The SQL that finds and moves times.

use domain::clock_set_back::Cut;
use domain::draw::DrawSeed;
use domain::ids::RoomId;
use domain::uptime::Outage;

use crate::columns::columns;
use crate::dialect::Dialect;

/// What is done about one table.
pub(crate) struct TableMove {
    pub(crate) table: &'static str,
    /// How many rows move.
    pub(crate) count: String,
    pub(crate) update: String,
}

/// All that move, in an order in which no condition sees what was moved before.
pub(crate) fn moves(dialect: Dialect, cut: &Cut) -> Vec<TableMove> {
    let mut tables: Vec<(&str, Vec<_>)> = Vec::new();
    for column in columns(dialect) {
        let Some((condition, to)) = column.moved() else { continue };
        let move_of_column = (column.name, condition, to);
        match tables.last_mut() {
            Some((table, moves)) if *table == column.table => moves.push(move_of_column),
            _ => tables.push((column.table, vec![move_of_column])),
        }
    }
    let of_table = |(table, moves): (&'static str, Vec<(&str, String, String)>)| {
        let any: Vec<_> = moves.iter().map(|(_, condition, _)| condition.as_str()).collect();
        let any = any.join(" OR ");
        let set = |(name, condition, to): &(&str, String, String)| {
            format!("{name} = CASE WHEN {condition} THEN {to} ELSE {name} END")
        };
        let set: Vec<_> = moves.iter().map(set).collect();
        let update = format!("UPDATE {table} SET {} WHERE {any}", set.join(", "));
        let count = format!("SELECT count(*) AS count FROM {table} WHERE {any}");
        TableMove {
            table,
            count: filled_in(dialect, cut, &count),
            update: filled_in(dialect, cut, &update),
        }
    };
    tables.into_iter().map(of_table).collect()
}

/// The times within outages at which something was decided.
pub(crate) fn decided_in(dialect: Dialect, outages: &[Outage]) -> String {
    let is_within = |name: &str| {
        let within = outages.iter().map(|outage| {
            let (began, ended) = (dialect.time(outage.began_at), dialect.time(outage.ended_at));
            format!("({name} > {began} AND {name} < {ended})")
        });
        within.collect::<Vec<_>>().join(" OR ")
    };
    let query = |column: crate::TimeColumn| {
        let (table, name) = (column.table, column.name);
        let condition = column.decided_where()?;
        let within = is_within(name);
        Some(format!("SELECT {name} AS at FROM {table} WHERE {condition} AND ({within})"))
    };
    columns(dialect).filter_map(query).collect::<Vec<_>>().join(" UNION ")
}

/// Rooms that opened in the time that is taken back, and that nobody has come to. They open again.
pub(crate) fn rooms_to_close(dialect: Dialect, cut: &Cut) -> String {
    let query = "SELECT id FROM waiting_rooms WHERE last_number = 0 AND drawn_at >= {from}";
    filled_in(dialect, cut, query)
}

/// Rooms that opened earlier than they were to, and that somebody has come to. They are open.
pub(crate) fn rooms_opened_early(dialect: Dialect, cut: &Cut) -> String {
    let query = "SELECT id FROM waiting_rooms \
         WHERE last_number > 0 AND opens_at > {from} - {by} AND opens_at < {from}";
    filled_in(dialect, cut, query)
}

/// Closes a room again. Its seed has been shown, so the next draw is by another.
pub(crate) fn close(dialect: Dialect, room_id: RoomId, seed: &DrawSeed) -> String {
    let (id, seed) = (dialect.id(room_id.into()), dialect.bytes(seed.expose()));
    format!("UPDATE waiting_rooms SET drawn_at = NULL, draw_seed = {seed} WHERE id = {id}")
}

/// What a room publishes last of its policy is its policy, when it opens included.
pub(crate) const LAST_POLICIES_ARE_THE_ROOMS: &str = "UPDATE room_policies SET opens_at = \
     (SELECT r.opens_at FROM waiting_rooms AS r WHERE r.id = room_policies.room_id) \
     WHERE paused IS NOT NULL AND number = \
         (SELECT r.policy_count FROM waiting_rooms AS r WHERE r.id = room_policies.room_id)";

fn filled_in(dialect: Dialect, cut: &Cut, text: &str) -> String {
    let (from, by) = (dialect.time(cut.from), dialect.length(cut.by));
    text.replace("{from}", &from).replace("{by}", &by)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use domain::Timestamp;

    use super::*;

    fn cut() -> Cut {
        let at = |second| Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
        let outage = Outage { began_at: at(1), ended_at: at(9) };
        Cut { outage, from: at(8), by: TimeDelta::seconds(6) }
    }

    #[test]
    fn each_table_is_moved_once_and_reservations_before_payments() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let moves = moves(dialect, &cut());
            let tables: Vec<_> = moves.iter().map(|of_table| of_table.table).collect();
            let mut once = tables.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), tables.len(), "{tables:?}");
            let at = |name| tables.iter().position(|table| *table == name);
            assert!(at("reservations") < at("payments"));
            let left_open = |text: &str| text.contains('{');
            assert!(!moves.iter().any(|m| left_open(&m.count) || left_open(&m.update)));
        }
    }

    #[test]
    fn times_are_written_as_the_store_writes_them() {
        let (sqlite, postgres) = (Dialect::Sqlite, Dialect::Postgres);
        let users = |dialect| moves(dialect, &cut()).swap_remove(0).count;
        let count = "SELECT count(*) AS count FROM users WHERE created_at >= ";
        assert!(users(sqlite).starts_with(&format!("{count}8000000 OR ")));
        let from = "timestamptz '1970-01-01T00:00:08.000000Z' OR ";
        assert!(users(postgres).starts_with(&format!("{count}{from}")));
        assert!(moves(sqlite, &cut()).swap_remove(0).update.contains("created_at - 6000000"));
    }
}
