//! One type an id, so that a seat's id cannot be passed where a show's is meant.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// Names a user.
    UserId,
    /// Names a concert.
    ConcertId,
    /// Names a show.
    ShowId,
    /// Names a seat of one show.
    SeatId,
    /// Names a reservation.
    ReservationId,
    /// Names a payment.
    PaymentId,
    /// Names a top-up of a cash account.
    TopUpId,
    /// Names a charge at the payment provider: it is the id of the payment or the top-up that it is for.
    ChargeId,
    /// Names an entry of a cash account.
    EntryId,
    /// Names a waiting room.
    RoomId,
    /// Names a waiting token.
    TokenId,
    /// Names a server while it runs.
    ServerId,
    /// Names a session.
    SessionId,
    /// Names a reset of a password.
    PasswordResetId,
    /// Names an entry of the audit log.
    AuditEntryId,
}

impl From<PaymentId> for ChargeId {
    fn from(id: PaymentId) -> Self {
        Self(id.0)
    }
}

impl From<TopUpId> for ChargeId {
    fn from(id: TopUpId) -> Self {
        Self(id.0)
    }
}

impl RoomId {
    /// The site-wide room: the one that every concert without a room of its own falls back to.
    /// A fixed id, so that any number of servers that start at once mean the same room.
    pub const SITE: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
}
