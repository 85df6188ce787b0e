//! The counts that are kept beside the rows ([`domain::counts`]), made anew from the rows.

use domain::ports::Unavailable;

use crate::{Dialect, OfflineStore};

/// What was found by counting anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recounted {
    /// Of how many rooms the kept count was wrong.
    pub rooms: i64,
    /// Of how many shows.
    pub shows: i64,
}

/// A table of counts.
struct Counts {
    table: &'static str,
    /// What is counted for.
    id: &'static str,
    /// What is counted, in the order of both queries.
    names: &'static [&'static str],
    /// Counts the rows.
    counted: &'static str,
}

const OF_ROOMS: Counts = Counts {
    table: "room_counts",
    id: "room_id",
    names: &["waiting", "inside"],
    counted: "SELECT room_id, count(*) FILTER (WHERE state = 'waiting') AS waiting, \
            count(*) FILTER (WHERE state = 'active') AS inside \
        FROM waiting_tokens WHERE state IN ('waiting', 'active') GROUP BY room_id",
};
const OF_SHOWS: Counts = Counts {
    table: "show_counts",
    id: "show_id",
    names: &["available", "held", "sold", "income"],
    counted: "SELECT show_id, count(*) FILTER (WHERE state = 'available') AS available, \
            count(*) FILTER (WHERE state IN ('held', 'pinned')) AS held, \
            count(*) FILTER (WHERE state = 'sold') AS sold, \
            coalesce(sum(price) FILTER (WHERE state = 'sold' AND returns_at IS NULL), 0) AS income \
        FROM seats GROUP BY show_id",
};

/// Counts anew, and keeps that. Returns how many counts were wrong.
///
/// # Errors
/// [`Unavailable`]; then nothing is changed.
pub async fn recount(mut store: Box<dyn OfflineStore>) -> Result<Recounted, Unavailable> {
    let rooms = store.count(&OF_ROOMS.wrong()).await?;
    let shows = store.count(&OF_SHOWS.wrong()).await?;
    for counts in [OF_ROOMS, OF_SHOWS] {
        let statement = counts.anew(store.dialect());
        store.change(&statement).await?;
    }
    store.keep().await?;
    Ok(Recounted { rooms, shows })
}

impl Counts {
    /// How many ids have another count than is kept. One that is not kept is zero.
    fn wrong(&self) -> String {
        let Self { table, id, names, counted } = self;
        let sums: Vec<_> = names.iter().map(|name| format!("sum({name}) AS {name}")).collect();
        let is_any = |name: &&str| format!("sum({name}) <> 0");
        let any: Vec<_> = names.iter().map(is_any).collect();
        let (sums, any) = (sums.join(", "), any.join(" OR "));
        let kept = format!("SELECT {id}, {sums} FROM {table} GROUP BY {id} HAVING {any}");
        format!(
            "SELECT count(*) AS count FROM ( \
                 SELECT {id} FROM ({kept} EXCEPT {counted}) AS kept \
                 UNION SELECT {id} FROM ({counted} EXCEPT {kept}) AS counted \
             ) AS wrong"
        )
    }

    fn anew(&self, dialect: Dialect) -> String {
        let Self { table, id, names, counted } = self;
        let names = names.join(", ");
        // On PostgreSQL, what no writer has counted is in the rows of the one that is all zeros.
        let (writer, zeros) = match dialect {
            Dialect::Sqlite => ("", ""),
            Dialect::Postgres => (", writer_id", ", '00000000-0000-0000-0000-000000000000'::uuid"),
        };
        format!(
            "DELETE FROM {table}; \
             INSERT INTO {table} ({id}{writer}, {names}) \
             SELECT {id}{zeros}, {names} FROM ({counted}) AS counted"
        )
    }
}
