//! Several changes as one statement, which costs PostgreSQL, the network and us much less than one
//! for each.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::columns::number;
use crate::rows::{Row, insert, update};
use crate::statement::{Parameter, Statement, one};

/// Changes that do not need each other: none of them sees what another does, and in which order
/// they are made is left to PostgreSQL. References are checked when all of them are made.
#[derive(Default)]
pub(crate) struct AtOnce {
    changes: Vec<Change>,
    parameters: Vec<Parameter>,
}

struct Change {
    text: String,
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
            self.update_by(&text, parameters, rows.len());
        }
    }

    /// Makes an update that must meet so many rows.
    pub(crate) fn update_by(&mut self, text: &str, parameters: Vec<Parameter>, wanted: usize) {
        self.make(format!("{text} RETURNING 1"), parameters, Some(wanted));
    }

    /// Makes a change that may meet any number of rows.
    pub(crate) fn make(&mut self, text: String, parameters: Vec<Parameter>, wanted: Option<usize>) {
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
        let (mut made, mut checks, mut parameters) = (Vec::new(), Vec::new(), self.parameters);
        for (at, change) in self.changes.into_iter().enumerate() {
            made.push(format!("made_{at} AS ({})", change.text));
            if let Some(wanted) = change.wanted {
                checks.push(format!("(SELECT count(*) FROM made_{at}) = ?"));
                parameters.push(one(number(wanted)));
            }
        }
        checks.push("true".to_owned());
        let text = format!(
            "WITH {} SELECT 1 / (CASE WHEN {} THEN 1 ELSE 0 END)",
            made.join(", "),
            checks.join(" AND ")
        );
        Statement::<()>::new(text, parameters).execute(&mut conn).await.map(drop)
    }
}
