//! Where records come from.

use std::sync::Arc;

use crate::Timestamp;
use crate::cash::CashAccount;
use crate::concert::Concert;
use crate::idempotency::{IdempotencyKey, KeptAnswer};
use crate::ids::{
    ConcertId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId, SessionId, ShowId,
    TokenId, TopUpId, UserId,
};
use crate::payment::Payment;
use crate::reservation::Reservation;
use crate::seat::Seat;
use crate::session::{PasswordReset, Session};
use crate::show::Show;
use crate::top_up::TopUp;
use crate::uptime::Uptime;
use crate::user::{Email, User};
use crate::waiting_room::{Line, WaitingRoom};
use crate::waiting_token::WaitingToken;

/// How many reservations that a user gave back are looked at when the user holds again. Those that count are
/// of one hold's time.
pub const GIVEN_BACK_MAX: u32 = 32;

/// Where records come from: a store, within one of its transactions, shut against other writers.
#[expect(missing_docs, reason = "each method loads what it is named for, by the key it is given")]
pub trait Source {
    /// Why something could not be loaded.
    type Error;

    fn user(&mut self, id: UserId) -> Result<Option<Arc<User>>, Self::Error>;
    fn user_of_email(&mut self, email: &Email) -> Result<Option<Arc<User>>, Self::Error>;
    fn session(&mut self, id: SessionId) -> Result<Option<Arc<Session>>, Self::Error>;
    fn password_reset(
        &mut self,
        id: PasswordResetId,
    ) -> Result<Option<Arc<PasswordReset>>, Self::Error>;
    fn concert(&mut self, id: ConcertId) -> Result<Option<Arc<Concert>>, Self::Error>;
    fn show(&mut self, id: ShowId) -> Result<Option<Arc<Show>>, Self::Error>;
    fn show_at(
        &mut self,
        concert_id: ConcertId,
        starts_at: Timestamp,
    ) -> Result<Option<Arc<Show>>, Self::Error>;
    fn seat(&mut self, id: SeatId) -> Result<Option<Arc<Seat>>, Self::Error>;
    fn reservation(&mut self, id: ReservationId) -> Result<Option<Arc<Reservation>>, Self::Error>;
    /// Those that are written down as having their seats, and of those that the user gave back the
    /// [`GIVEN_BACK_MAX`] of which the holds were to end last.
    fn reserved_by(
        &mut self,
        user_id: UserId,
        concert_id: ConcertId,
    ) -> Result<Vec<Arc<Reservation>>, Self::Error>;
    fn payment(&mut self, id: PaymentId) -> Result<Option<Arc<Payment>>, Self::Error>;
    fn top_up(&mut self, id: TopUpId) -> Result<Option<Arc<TopUp>>, Self::Error>;
    fn account(&mut self, user_id: UserId) -> Result<Option<Arc<CashAccount>>, Self::Error>;
    fn room(&mut self, id: RoomId) -> Result<Option<Arc<WaitingRoom>>, Self::Error>;
    fn line(&mut self, id: RoomId) -> Result<Line, Self::Error>;
    /// Some of those who are written down as inside the room though their time was over by `cutoff`:
    /// those whose places may be given to others.
    fn run_out(
        &mut self,
        id: RoomId,
        cutoff: Timestamp,
    ) -> Result<Vec<Arc<WaitingToken>>, Self::Error>;
    /// The same, but who is inside need not be counted where somebody waits.
    fn end_of_line(&mut self, id: RoomId) -> Result<Line, Self::Error> {
        self.line(id)
    }
    fn token(&mut self, id: TokenId) -> Result<Option<Arc<WaitingToken>>, Self::Error>;
    /// The one that is written down as waiting or active.
    fn place(
        &mut self,
        user_id: UserId,
        room_id: RoomId,
    ) -> Result<Option<Arc<WaitingToken>>, Self::Error>;
    fn kept_answer(&mut self, key: &IdempotencyKey)
    -> Result<Option<Arc<KeptAnswer>>, Self::Error>;
    fn uptime(&mut self) -> Result<Option<Uptime>, Self::Error>;
}
