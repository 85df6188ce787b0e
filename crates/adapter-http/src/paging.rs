//! Pages of lists: `?limit=` and `&cursor=` in, `next_cursor` out.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::page::{Page, PageRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::problem::Problem;

/// Which page of a list is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many rows at the most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page request that was read from a query string.
pub(crate) struct Paging<Id>(pub(crate) PageRequest<Id>);

impl<Id: From<Uuid>> FromRequest for Paging<Id> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self))
    }
}

fn read<Id: From<Uuid>>(query: &str) -> Result<PageRequest<Id>, Problem> {
    let query = web::Query::<PageQuery>::from_query(query)
        .map_err(|_| Problem::invalid("query", "takes limit, 1 to 100, and cursor"))?
        .into_inner();
    page_request(query.limit, query.cursor)
}

/// The page that a query asks for.
pub(crate) fn page_request<Id: From<Uuid>>(
    limit: Option<u32>,
    cursor: Option<String>,
) -> Result<PageRequest<Id>, Problem> {
    let limit = limit.unwrap_or(PageRequest::<Id>::LIMIT_DEFAULT);
    if !(1..=PageRequest::<Id>::LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid("limit", "must be 1 to 100"));
    }
    let after = cursor.map(|cursor| {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|b| Uuid::from_slice(&b).ok());
        bytes.map(Id::from).ok_or_else(|| Problem::invalid("cursor", "must be a next_cursor"))
    });
    Ok(PageRequest { limit, after: after.transpose()? })
}

/// The cursor of the page behind this one.
pub(crate) fn next_cursor<T, Id: Copy + Into<Uuid>>(page: &Page<T, Id>) -> Option<String> {
    page.next.map(|id| URL_SAFE_NO_PAD.encode(id.into().as_bytes()))
}

#[cfg(test)]
mod tests {
    use domain::ids::EntryId;

    use super::*;

    #[test]
    fn a_cursor_comes_back_as_the_id_that_it_was_made_of() {
        let id = EntryId::from(Uuid::from_u128(7));
        let cursor = next_cursor(&Page { items: vec![()], next: Some(id) }).unwrap();
        let page = read::<EntryId>(&format!("limit=5&cursor={cursor}")).unwrap();
        assert_eq!(page, PageRequest { limit: 5, after: Some(id) });
    }

    #[test]
    fn a_limit_or_cursor_that_makes_no_sense_is_refused() {
        for wrong in ["limit=0", "limit=101", "limit=x", "cursor=%00", "cursor=AAAA", "page=2"] {
            assert!(read::<EntryId>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read::<EntryId>("").unwrap().limit, 20);
    }
}
