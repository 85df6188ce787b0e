//! Statements of our own, whose parameters are whole arrays, so that one statement is enough for a
//! group of any size. Each is prepared once a connection: diesel's `sql_query` never would be.

use std::fmt;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, HasSqlType};
use uuid::Uuid;

use crate::columns::Column;

/// A parameter of a statement.
pub(crate) type Parameter = Box<dyn QueryFragment<Pg> + Send>;

/// A statement in which a `?` stands for each parameter, and whose rows are of the SQL type `Sql`.
pub(crate) struct Statement<Sql = ()> {
    text: String,
    parameters: Vec<Parameter>,
    rows: PhantomData<Sql>,
}

impl<Sql> Statement<Sql> {
    pub(crate) fn new(text: impl Into<String>, parameters: Vec<Parameter>) -> Self {
        let text = text.into();
        debug_assert_eq!(text.matches('?').count(), parameters.len(), "{text}");
        Self { text, parameters, rows: PhantomData }
    }
}

impl<Sql> QueryFragment<Pg> for Statement<Sql> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut parameters = self.parameters.iter();
        for (at, part) in self.text.split('?').enumerate() {
            if at > 0
                && let Some(parameter) = parameters.next()
            {
                parameter.walk_ast(out.reborrow())?;
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

/// Found among the prepared ones by its text.
impl<Sql> QueryId for Statement<Sql> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Sql> Query for Statement<Sql> {
    type SqlType = Sql;
}

struct ArrayOf<T>(Vec<T>);

impl<T> QueryFragment<Pg> for ArrayOf<T>
where
    T: Column,
    Vec<T>: ToSql<Array<T::Sql>, Pg>,
    Pg: HasSqlType<Array<T::Sql>>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<T::Sql>, _>(&self.0)
    }
}

/// An array as a parameter.
pub(crate) fn array<T>(values: Vec<T>) -> Parameter
where
    T: Column + Send + 'static,
    Vec<T>: ToSql<Array<T::Sql>, Pg>,
    Pg: HasSqlType<Array<T::Sql>>,
{
    Box::new(ArrayOf(values))
}

/// Ids as a parameter.
pub(crate) fn ids<Id: Into<Uuid> + Copy>(ids: impl IntoIterator<Item = Id>) -> Parameter {
    array(ids.into_iter().map(Into::into).collect::<Vec<Uuid>>())
}

/// Ids that are given, and those that queries find, as one array.
pub(crate) struct IdsFound {
    given: bool,
    queries: Vec<String>,
    /// For the `?` of its text.
    pub(crate) parameters: Vec<Parameter>,
}

impl IdsFound {
    /// Those that are given.
    pub(crate) fn by_id<Id: Into<Uuid> + Copy>(given: impl IntoIterator<Item = Id>) -> Self {
        let given: Vec<Uuid> = given.into_iter().map(Into::into).collect();
        Self { given: !given.is_empty(), queries: Vec::new(), parameters: vec![array(given)] }
    }

    /// And those that `query` finds.
    pub(crate) fn or(&mut self, query: &str, parameters: impl IntoIterator<Item = Parameter>) {
        self.queries.push(query.to_owned());
        self.parameters.extend(parameters);
    }

    /// Whether none are given and no query is there to find any.
    pub(crate) fn is_empty(&self) -> bool {
        !self.given && self.queries.is_empty()
    }
}

impl fmt::Display for IdsFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("?")?;
        self.queries.iter().try_for_each(|query| write!(f, " || ARRAY({query})"))
    }
}

struct One<T>(T);

impl<T> QueryFragment<Pg> for One<T>
where
    T: Column + ToSql<T::Sql, Pg>,
    Pg: HasSqlType<T::Sql>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<T::Sql, _>(&self.0)
    }
}

/// A single value as a parameter.
pub(crate) fn one<T>(value: T) -> Parameter
where
    T: Column + ToSql<T::Sql, Pg> + Send + 'static,
    Pg: HasSqlType<T::Sql>,
{
    Box::new(One(value))
}
