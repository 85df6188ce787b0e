//! How entities look as rows.

mod audit_log;
mod booking;
mod money;
mod people;
mod row;
mod selling;
mod waiting;

pub(crate) use audit_log::*;
pub(crate) use booking::*;
pub(crate) use money::*;
pub(crate) use people::*;
pub(crate) use row::*;
pub(crate) use selling::*;
pub(crate) use waiting::*;
