//! What a decision needs to see.

use super::Keys;
use crate::Timestamp;
use crate::idempotency::IdempotencyKey;
use crate::ids::{
    ConcertId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId, SessionId, ShowId,
    TokenId, TopUpId, UserId,
};
use crate::user::Email;

/// Names what a decision needs to see, by keys alone.
///
/// Some things bring others along: a show its concert; a seat the reservation that held it, if that
/// hold is over and nobody has written it down; a reservation its seats, its show and its payment; a payment its reservation. What is named and
/// not there is simply not among the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each set is named for what is in it")]
pub struct Scope {
    pub users: Keys<UserId>,
    /// Those of the users who may be changed.
    pub changing_users: Keys<UserId>,
    pub sessions: Keys<SessionId>,
    pub password_resets: Keys<PasswordResetId>,
    pub emails: Keys<Email>,
    pub concerts: Keys<ConcertId>,
    pub shows: Keys<ShowId>,
    /// Shows of a concert that begin at a time.
    pub shows_at: Keys<(ConcertId, Timestamp)>,
    pub seats: Keys<SeatId>,
    pub reservations: Keys<ReservationId>,
    /// Reservations of a user in a concert that have their seats, and the last that the user gave back.
    pub reserved_by: Keys<(UserId, ConcertId)>,
    pub payments: Keys<PaymentId>,
    pub top_ups: Keys<TopUpId>,
    pub accounts: Keys<UserId>,
    pub rooms: Keys<RoomId>,
    /// Rooms together with who is in them.
    pub lines: Keys<RoomId>,
    /// Rooms together with whether anyone waits there, and who is in them only if nobody does.
    pub ends_of_lines: Keys<RoomId>,
    pub tokens: Keys<TokenId>,
    /// A user's token in a room that is written down as waiting or active.
    pub places: Keys<(UserId, RoomId)>,
    pub kept_answers: Keys<IdempotencyKey>,
    pub uptime: bool,
    /// That very many rows may change: nobody else should have to wait for it.
    pub many_rows: bool,
}

macro_rules! name {
    ($($(#[$doc:meta])* $method:ident: $set:ident of $($arg:ident: $type:ty),+;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $method(mut self, $($arg: $type),+) -> Self {
            self.$set.insert(($($arg),+));
            self
        }
    )*};
}

impl Scope {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    name! {
        /// Adds a user.
        user: users of id: UserId;
        /// Adds whoever signs in with that email.
        email: emails of email: Email;
        /// Adds a concert.
        concert: concerts of id: ConcertId;
        /// Adds a show.
        show: shows of id: ShowId;
        /// Adds the concert's show that begins at that time.
        show_at: shows_at of concert_id: ConcertId, starts_at: Timestamp;
        /// Adds a reservation.
        reservation: reservations of id: ReservationId;
        /// Adds what the user has reserved in the concert.
        reserved_by: reserved_by of user_id: UserId, concert_id: ConcertId;
        /// Adds a payment.
        payment: payments of id: PaymentId;
        /// Adds a top-up.
        top_up: top_ups of id: TopUpId;
        /// Adds a user's cash account.
        account: accounts of user_id: UserId;
        /// Adds a room without who is in it.
        room: rooms of id: RoomId;
        /// Adds a room with who is in it.
        line: lines of id: RoomId;
        /// Adds a room that is to be joined: who is inside counts only where nobody waits.
        end_of_line: ends_of_lines of id: RoomId;
        /// Adds a token.
        token: tokens of id: TokenId;
        /// Adds the user's token in the room.
        place: places of user_id: UserId, room_id: RoomId;
    }

    /// Adds a user who may be changed.
    #[must_use]
    pub fn changing_user(mut self, id: UserId) -> Self {
        self.users.insert(id);
        self.changing_users.insert(id);
        self
    }

    /// Adds sessions.
    #[must_use]
    pub fn sessions(mut self, ids: impl IntoIterator<Item = SessionId>) -> Self {
        self.sessions.extend(ids);
        self
    }

    /// Adds resets of passwords.
    #[must_use]
    pub fn password_resets(mut self, ids: impl IntoIterator<Item = PasswordResetId>) -> Self {
        self.password_resets.extend(ids);
        self
    }

    /// Adds seats.
    #[must_use]
    pub fn seats(mut self, ids: impl IntoIterator<Item = SeatId>) -> Self {
        self.seats.extend(ids);
        self
    }

    /// Adds tokens.
    #[must_use]
    pub fn tokens(mut self, ids: impl IntoIterator<Item = TokenId>) -> Self {
        self.tokens.extend(ids);
        self
    }

    /// Adds the answer that was kept for a key, if the request came with one.
    #[must_use]
    pub fn kept_answer(mut self, key: Option<IdempotencyKey>) -> Self {
        self.kept_answers.extend(key);
        self
    }

    /// Adds everything that `other` names.
    pub fn absorb(&mut self, other: &Self) {
        let Self {
            users,
            changing_users,
            sessions,
            password_resets,
            emails,
            concerts,
            shows,
            shows_at,
            seats,
            reservations,
            reserved_by,
            payments,
            top_ups,
            accounts,
            rooms,
            lines,
            ends_of_lines,
            tokens,
            places,
            kept_answers,
            uptime,
            many_rows,
        } = other;
        self.users.extend(users);
        self.changing_users.extend(changing_users);
        self.sessions.extend(sessions);
        self.password_resets.extend(password_resets);
        self.emails.extend(emails.iter().cloned());
        self.concerts.extend(concerts);
        self.shows.extend(shows);
        self.shows_at.extend(shows_at);
        self.seats.extend(seats);
        self.reservations.extend(reservations);
        self.reserved_by.extend(reserved_by);
        self.payments.extend(payments);
        self.top_ups.extend(top_ups);
        self.accounts.extend(accounts);
        self.rooms.extend(rooms);
        self.lines.extend(lines);
        self.ends_of_lines.extend(ends_of_lines);
        self.tokens.extend(tokens);
        self.places.extend(places);
        self.kept_answers.extend(kept_answers.iter().cloned());
        self.uptime |= uptime;
        self.many_rows |= many_rows;
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Says that very many rows may change.
    #[must_use]
    pub const fn many_rows(mut self) -> Self {
        self.many_rows = true;
        self
    }

    /// Adds the service's heartbeat.
    #[must_use]
    pub const fn uptime(mut self) -> Self {
        self.uptime = true;
        self
    }
}
