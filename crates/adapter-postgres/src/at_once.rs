//! Several changes as one statement, which costs PostgreSQL, the network and us much less than one
//! for each.

use diesel::QueryResult;
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
    /// How many rows it must meet.
    wanted: Option<usize>,
}

impl AtOnce {
    /// Adds these rows.
    pub(crate) fn insert<R: Row>(&mut self, rows: &[R]) {
        if !rows.is_empty() {
            let (text, parameters) = insert(rows);
            self.make(text, parameters, None);
        }
    }

    /// Writes the changing columns of these rows, all of which must be there.
    pub(crate) fn update<R: Row>(&mut self, rows: &[R]) {
        if !rows.is_empty() {
            let (text, parameters) = update(rows);
            self.update_by(text, parameters, rows.len());
        }
    }

    /// Makes an update that must meet so many rows.
    pub(crate) fn update_by(
        &mut self,
        text: &'static str,
        parameters: Vec<Parameter>,
        wanted: usize,
    ) {
        self.make(text, parameters, Some(wanted));
    }

    /// Makes a change that may meet any number of rows.
    pub(crate) fn make(
        &mut self,
        text: &'static str,
        parameters: Vec<Parameter>,
        wanted: Option<usize>,
    ) {
        self.changes.push(Change { text, wanted });
        self.parameters.extend(parameters);
    }

    /// These and the next.
    pub(crate) fn and(mut self, next: Self) -> Self {
        self.changes.extend(next.changes);
        self.parameters.extend(next.parameters);
        self
    }

    /// Makes them; of none, nothing is asked. The statement fails, and so spoils its transaction,
    /// unless each change meets what it must: COMMIT is on its way before a count of rows could be
    /// looked at here.
    pub(crate) async fn run(self, mut conn: &AsyncPgConnection) -> QueryResult<()> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut parameters = self.parameters;
        let wanted = self.changes.iter().filter_map(|change| change.wanted);
        parameters.extend(wanted.map(|wanted| one(number(wanted))));
        let parts = self.changes.iter().flat_map(Change::parts);
        let parts: Vec<_> = ["WITH"].into_iter().chain(parts).collect();
        let text = composed(&parts, || text(&self.changes));
        Statement::<()>::new(text, parameters).execute(&mut conn).await.map(drop)
    }
}

impl Change {
    /// What its part of a statement's text depends on.
    fn parts(&self) -> [&'static str; 2] {
        [self.text, if self.wanted.is_some() { "counted" } else { "" }]
    }
}

/// All of `changes` as one statement, and a division by zero unless each that is counted met as many
/// rows as a parameter says.
fn text(changes: &[Change]) -> String {
    let (mut made, mut checks) = (Vec::new(), Vec::new());
    for (at, change) in changes.iter().enumerate() {
        let counted = if change.wanted.is_some() { " RETURNING 1" } else { "" };
        made.push(format!("made_{at} AS ({}{counted})", change.text));
        if change.wanted.is_some() {
            checks.push(format!("(SELECT count(*) FROM made_{at}) = ?"));
        }
    }
    checks.push("true".to_owned());
    let (made, checks) = (made.join(", "), checks.join(" AND "));
    format!("WITH {made} SELECT 1 / (CASE WHEN {checks} THEN 1 ELSE 0 END)")
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;

    use super::*;
    use crate::connect::{Database, Session};

    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }

    /// Adds a thing and renames the one that is called `from`, commits, and counts all.
    async fn add_and_rename(from: &str) -> (QueryResult<()>, i64) {
        let database = throw_away_postgres::shared().create_database();
        let ours: Database = database.url.parse().unwrap();
        let mut conn = ours.connect(Session::Writes).await.unwrap();
        let things = "CREATE TABLE things (name text); INSERT INTO things VALUES ('old')";
        conn.batch_execute(things).await.unwrap();
        conn.batch_execute("BEGIN").await.unwrap();
        let mut changes = AtOnce::default();
        changes.make("INSERT INTO things VALUES ('added')", vec![], None);
        let rename = "UPDATE things SET name = 'new' WHERE name = ?";
        changes.update_by(rename, vec![one(from.to_owned())], 1);
        let made = changes.run(&conn).await;
        conn.batch_execute("COMMIT").await.unwrap();
        let all = diesel::sql_query("SELECT count(*) FROM things");
        (made, all.get_result::<Count>(&mut conn).await.unwrap().count)
    }

    #[tokio::test]
    async fn changes_that_meet_what_they_must_are_made_together() {
        let (made, count) = add_and_rename("old").await;
        assert_eq!((made, count), (Ok(()), 2));
    }

    #[tokio::test]
    async fn one_that_misses_a_row_spoils_the_transaction_for_all() {
        let (made, count) = add_and_rename("gone").await;
        assert!(made.unwrap_err().to_string().contains("division by zero"));
        assert_eq!(count, 1, "nothing was added either");
    }
}
