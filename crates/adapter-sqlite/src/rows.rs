//! One struct a table, and the way from it to the domain's type and back.

mod audit_log;
mod booking;
mod money;
mod people;
mod selling;
mod service;
mod update;
mod waiting;

pub(crate) use audit_log::*;
pub(crate) use booking::*;
pub(crate) use money::*;
pub(crate) use people::*;
pub(crate) use selling::*;
pub(crate) use service::*;
pub(crate) use update::Update;
pub(crate) use waiting::*;
