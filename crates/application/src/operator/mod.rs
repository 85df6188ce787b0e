//! Running a sale.

mod audit;
mod change_room;
mod create_concert;
mod create_show;
mod credit_account;
mod disable_user;
mod list_audit_log;
mod list_rooms;
mod list_sales;
mod list_unsettled;
mod list_unsettled_top_ups;
mod open_site_room;
mod show_room;
mod undo_payment;
mod undo_top_up;

use domain::Timestamp;
use domain::draw::DrawSeed;
use domain::ids::{RoomId, UserId};
use domain::ports::{UpdateError, Users};
use domain::refusal::Refusal;
use domain::waiting_room::{Door, RoomPolicy, WaitingRoom};

pub use audit::*;
pub use change_room::*;
pub use create_concert::*;
pub use create_show::*;
pub use credit_account::*;
pub use disable_user::*;
pub use list_audit_log::*;
pub use list_rooms::*;
pub use list_sales::*;
pub use list_unsettled::*;
pub use list_unsettled_top_ups::*;
pub use open_site_room::*;
pub use show_room::*;
pub use undo_payment::*;
pub use undo_top_up::*;

/// # Errors
/// [`Refusal::InvalidToken`] for a user who is gone, [`Refusal::Forbidden`] for one who does not
/// run the sale.
async fn ensure_operator(users: &dyn Users, id: UserId) -> Result<(), UpdateError> {
    let user = users.user(id).await?.ok_or(Refusal::InvalidToken)?;
    Ok(user.ensure_operator()?)
}

/// A room that is made at the moment of the decision.
fn new_room(
    id: RoomId,
    door: Door,
    policy: RoomPolicy,
    seed: DrawSeed,
) -> impl Fn(Timestamp) -> WaitingRoom {
    move |now| WaitingRoom::new(id, door, policy.clone(), seed, now)
}
