//! Several changes as one statement, which costs PostgreSQL, the network and us much less than one
//! for each.

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::columns::number;
use crate::rows::{Row, insert, update};
use crate::statement::{Parameter, Statement, composed, one};

/// Changes that do not need each other: none of them sees what another does, and in which order
/// they are made is left to PostgreSQL. References are checked when all of them are made.
#[derive(Default)]
pub(crate) struct AtOnce {
    changes: Vec<Change>,
    parameters: Vec<Parameter>,
}

struct Change {
    text: &'static str,
    parameter_count: usize,
    /// What it must meet, if that matters.
    wanted: Option<Wanted>,
}

/// So many rows of a table.
struct Wanted {
    rows: usize,
    of: FoundBy,
}

/// The rows that an update is about, for whoever reads that some are not there.
#[derive(Clone, Copy)]
pub(crate) struct FoundBy {
    pub(crate) table: &'static str,
    /// The column of their ids, as the update's text calls it.
    pub(crate) key: &'static str,
    /// Which of the update's parameters is the array of these ids, from 0; none where a table has
    /// one row that is meant.
    pub(crate) at: Option<usize>,
}

impl AtOnce {
    /// Adds these rows.
    pub(crate) fn insert<R: Row>(&mut self, rows: &[R]) {
        if !rows.is_empty() {
            let (text, parameters) = insert(rows);
            self.make(text, parameters);
        }
    }

    /// Writes the changing columns of these rows, all of which must be there.
    pub(crate) fn update<R: Row>(&mut self, rows: &[R]) {
        if !rows.is_empty() {
            let (text, parameters, found_by) = update(rows);
            self.update_by(text, parameters, found_by, rows.len());
        }
    }

    /// Makes an update that must meet so many rows.
    pub(crate) fn update_by(
        &mut self,
        text: &'static str,
        parameters: Vec<Parameter>,
        of: FoundBy,
        rows: usize,
    ) {
        self.add(text, parameters, Some(Wanted { rows, of }));
    }

    /// Makes an update of the one row of a table that is meant.
    pub(crate) fn update_one(
        &mut self,
        text: &'static str,
        parameters: Vec<Parameter>,
        table: &'static str,
    ) {
        self.update_by(text, parameters, FoundBy { table, key: "1", at: None }, 1);
    }

    /// Makes a change that may meet any number of rows.
    pub(crate) fn make(&mut self, text: &'static str, parameters: Vec<Parameter>) {
        self.add(text, parameters, None);
    }

    fn add(&mut self, text: &'static str, parameters: Vec<Parameter>, wanted: Option<Wanted>) {
        self.changes.push(Change { text, parameter_count: parameters.len(), wanted });
        self.parameters.extend(parameters);
    }

    /// These and the next.
    pub(crate) fn and(mut self, next: Self) -> Self {
        self.changes.extend(next.changes);
        self.parameters.extend(next.parameters);
        self
    }

    /// Runs all changes as one statement (no-op if empty). If an update hits another number of rows than
    /// expected, the transaction is aborted before the COMMIT already in flight.
    ///
    /// # Errors
    /// Of a change that did not meet what it must, one that names the table and the first rows that
    /// are not there.
    pub(crate) async fn run(self, mut conn: &AsyncPgConnection) -> QueryResult<()> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut parameters = self.parameters;
        let wanted = self.changes.iter().filter_map(|change| change.wanted.as_ref());
        parameters.extend(wanted.map(|wanted| one(number(wanted.rows))));
        let parts = self.changes.iter().flat_map(Change::parts);
        let parts: Vec<_> = ["WITH"].into_iter().chain(parts).collect();
        let text = composed(&parts, || text(&self.changes));
        let made = Statement::<()>::new(text, parameters).execute(&mut conn).await;
        made.map(drop).map_err(in_words)
    }
}

impl Change {
    /// What its part of a statement's text depends on.
    fn parts(&self) -> [&'static str; 2] {
        [self.text, self.wanted.as_ref().map_or("", |wanted| wanted.of.table)]
    }
}

/// How the complaint about rows that are not there begins.
const NOT_THERE: &str = "rows to be changed are not there:";
/// How many of them it names of each table.
const NAMED_MAX: usize = 5;

/// All of `changes` as one statement, which fails unless each that is counted met as many rows as a
/// parameter says. SQL has no way to fail with words of one's own, but it repeats what it was to
/// read as a number and could not.
fn text(changes: &[Change]) -> String {
    let (mut made, mut checks, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    let mut parameters_before = 0;
    for (at, change) in changes.iter().enumerate() {
        let mut returning = String::new();
        if let Some(Wanted { of, .. }) = &change.wanted {
            returning = format!(" RETURNING {} AS key", of.key);
            checks.push(format!("(SELECT count(*) FROM made_{at}) = ?"));
            complaints.push(complaint(at, *of, parameters_before));
        }
        made.push(format!("made_{at} AS ({}{returning})", change.text));
        parameters_before += change.parameter_count;
    }
    let made = made.join(", ");
    if checks.is_empty() {
        return format!("WITH {made} SELECT 1");
    }
    let (checks, complaints) = (checks.join(" AND "), complaints.join(" || "));
    format!(
        "WITH {made} SELECT CASE WHEN {checks} THEN 1 \
         ELSE CAST('{NOT_THERE}' || {complaints} AS integer) END"
    )
}

/// What of a change's rows is not there, as an expression.
fn complaint(change: usize, of: FoundBy, parameters_before: usize) -> String {
    let FoundBy { table, at, .. } = of;
    match at.map(|at| parameters_before + at + 1) {
        Some(ids) => format!(
            "coalesce((SELECT string_agg(' {table} ' || missing.key, '') FROM \
                 (SELECT key FROM unnest(${ids}::uuid[]) AS given (key) \
                  EXCEPT SELECT key FROM made_{change} LIMIT {NAMED_MAX}) AS missing), '')"
        ),
        None => {
            format!("CASE WHEN EXISTS (SELECT 1 FROM made_{change}) THEN '' ELSE ' {table}' END")
        }
    }
}

/// The complaint about rows that are not there without what PostgreSQL puts around it.
fn in_words(error: Error) -> Error {
    let Error::DatabaseError(DatabaseErrorKind::Unknown, said) = &error else { return error };
    let complaint = said.message().find(NOT_THERE).and_then(|at| said.message().get(at..));
    match complaint.map(|complaint| complaint.trim_end_matches('"').to_owned()) {
        Some(words) => Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(words)),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;

    use uuid::Uuid;

    use super::*;
    use crate::connect::Session;
    use crate::statement::ids;
    use crate::testing;

    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }

    const THERE: Uuid = Uuid::from_u128(1);
    const GONE: Uuid = Uuid::from_u128(2);

    /// Adds a thing and renames these, commits, and counts all.
    async fn add_and_rename(these: &[Uuid]) -> (QueryResult<()>, i64) {
        let (database, _throw_away) = testing::store().await;
        let mut conn = database.connect(Session::Writes).await.unwrap();
        let things = format!(
            "CREATE TABLE things (id uuid, name text); INSERT INTO things VALUES ('{THERE}', 'old')"
        );
        conn.batch_execute(&things).await.unwrap();
        conn.batch_execute("BEGIN").await.unwrap();
        let mut changes = AtOnce::default();
        changes.make("INSERT INTO things VALUES (?, 'added')", vec![one(Uuid::from_u128(3))]);
        let rename = "UPDATE things SET name = ? WHERE id = ANY(?)";
        let parameters = vec![one("new".to_owned()), ids(these.iter().copied())];
        let found_by = FoundBy { table: "things", key: "id", at: Some(1) };
        changes.update_by(rename, parameters, found_by, these.len());
        let made = changes.run(&conn).await;
        conn.batch_execute("COMMIT").await.unwrap();
        let all = diesel::sql_query("SELECT count(*) FROM things");
        (made, all.get_result::<Count>(&mut conn).await.unwrap().count)
    }

    #[tokio::test]
    async fn changes_that_meet_what_they_must_are_made_together() {
        let (made, count) = add_and_rename(&[THERE]).await;
        assert_eq!((made, count), (Ok(()), 2));
    }

    #[tokio::test]
    async fn one_that_misses_a_row_names_it_and_spoils_the_transaction_for_all() {
        let (made, count) = add_and_rename(&[THERE, GONE]).await;
        assert_eq!(made.unwrap_err().to_string(), format!("{NOT_THERE} things {GONE}"));
        assert_eq!(count, 1, "nothing was added either");
    }
}
