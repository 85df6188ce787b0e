use chrono::TimeDelta;

use crate::ids::RoomId;

/// Is told what becomes of people in lines, for those who run the service. By each server of what
/// it did itself, so what all servers were told adds up.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait LineWatch: Send + Sync {
    /// Somebody was let in after having waited so long.
    fn admitted(&self, room_id: RoomId, waited: TimeDelta);

    /// So many lost their places because they were not heard of.
    fn dropped(&self, room_id: RoomId, count: usize);

    /// Somebody's time inside ran out.
    fn ran_out(&self, room_id: RoomId);

    /// Somebody gave a place up.
    fn left(&self, room_id: RoomId);
}
