//! Running a sale.

mod audit;
mod change_room;
mod create_concert;
mod create_show;
mod list_rooms;
mod open_site_room;
mod show_room;

use domain::ids::UserId;
use domain::ports::{UpdateError, Users};
use domain::refusal::Refusal;

pub use audit::*;
pub use change_room::*;
pub use create_concert::*;
pub use create_show::*;
pub use list_rooms::*;
pub use open_site_room::*;
pub use show_room::*;

/// # Errors
/// [`Refusal::InvalidToken`] for a user who is gone, [`Refusal::Forbidden`] for one who does not
/// run the sale.
async fn ensure_operator(users: &dyn Users, id: UserId) -> Result<(), UpdateError> {
    let user = users.user(id).await?.ok_or(Refusal::InvalidToken)?;
    Ok(user.ensure_operator()?)
}
