//! Statements of our own, whose parameters are whole arrays, so that one statement is enough for a
//! group of any size. Each is prepared once a connection: diesel's `sql_query` never would be.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::marker::PhantomData;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::BytesMut;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Array, HasSqlType};
use tokio_postgres::types;
use uuid::Uuid;

use crate::columns::Column;

/// A parameter of a statement.
pub(crate) type Parameter = Box<dyn QueryFragment<Pg> + Send>;

/// A statement in which a `?` stands for each parameter, and whose rows are of the SQL type `Sql`.
pub(crate) struct Statement<Sql = ()> {
    text: Cow<'static, str>,
    parameters: Vec<Parameter>,
    rows: PhantomData<Sql>,
}

impl<Sql> Statement<Sql> {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>, parameters: Vec<Parameter>) -> Self {
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

#[derive(Debug)]
struct ArrayOf<T>(Vec<T>);

impl<T: Column> QueryFragment<Pg> for ArrayOf<T>
where
    Pg: HasSqlType<Array<T::Sql>>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<T::Sql>, _>(self)
    }
}

/// What an array and each of its elements take beside the elements themselves, at the most.
const HEAD: usize = 20;
const HEAD_OF_ELEMENT: usize = 4;

/// Written by PostgreSQL's driver, in one piece of memory: diesel would write each element twice, to
/// memory that has to grow under it.
impl<T: Column> ToSql<Array<T::Sql>, Pg> for ArrayOf<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let elements = self.0.len() * (HEAD_OF_ELEMENT + size_of::<T>());
        let mut written = BytesMut::with_capacity(HEAD + elements);
        types::ToSql::to_sql(&self.0, &T::ARRAY, &mut written)?;
        out.write_all(&written)?;
        Ok(IsNull::No)
    }
}

/// An array as a parameter.
pub(crate) fn array<T>(values: Vec<T>) -> Parameter
where
    T: Column + Send + 'static,
    Pg: HasSqlType<Array<T::Sql>>,
{
    Box::new(ArrayOf(values))
}

/// Ids as a parameter.
pub(crate) fn ids<Id: Into<Uuid> + Copy>(ids: impl IntoIterator<Item = Id>) -> Parameter {
    array(ids.into_iter().map(Into::into).collect::<Vec<Uuid>>())
}

/// Interns composed SQL. The key is the parts' addresses, so equal parts must always give equal text.
/// Never freed; a few dozen exist.
pub(crate) fn composed(parts: &[&'static str], make: impl FnOnce() -> String) -> &'static str {
    type Texts = HashMap<Vec<(usize, usize)>, &'static str>;
    static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);
    let key = parts.iter().map(|part| (part.as_ptr().addr(), part.len())).collect();
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.entry(key).or_insert_with(|| make().leak())
}

/// Ids that are given, and those that queries find, as one array.
pub(crate) struct IdsFound {
    given: bool,
    /// The text of the array.
    pub(crate) parts: Vec<&'static str>,
    /// For the `?` of its text.
    pub(crate) parameters: Vec<Parameter>,
}

impl IdsFound {
    /// Those that are given.
    pub(crate) fn by_id<Id: Into<Uuid> + Copy>(given: impl IntoIterator<Item = Id>) -> Self {
        let given: Vec<Uuid> = given.into_iter().map(Into::into).collect();
        Self { given: !given.is_empty(), parts: vec!["?"], parameters: vec![array(given)] }
    }

    /// And those that a query finds.
    pub(crate) fn or(
        &mut self,
        query: &[&'static str],
        parameters: impl IntoIterator<Item = Parameter>,
    ) {
        self.parts.push(" || ARRAY(");
        self.parts.extend(query);
        self.parts.push(")");
        self.parameters.extend(parameters);
    }

    /// Whether none are given and no query is there to find any.
    pub(crate) fn is_empty(&self) -> bool {
        !self.given && self.parts.len() == 1
    }

    /// The array between `before` and `after`.
    pub(crate) fn within(&self, before: &'static str, after: &'static str) -> &'static str {
        let parts: Vec<_> =
            [before].into_iter().chain(self.parts.iter().copied()).chain([after]).collect();
        composed(&parts, || parts.concat())
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
