//! What a decision sees of the world, and changes.

mod group;
mod keys;
mod scope;
mod source;
mod table;

pub use group::Group;
pub use keys::Keys;
pub use scope::Scope;
pub use source::{GIVEN_BACK_MAX, Source};
pub use table::{Entity, Fate, Forgettable, Table};

use crate::Timestamp;
use crate::audit_log::AuditEntry;
use crate::cash::{CashAccount, CashEntry};
use crate::concert::Concert;
use crate::idempotency::{IdempotencyKey, KeptAnswer};
use crate::ids::{
    AuditEntryId, ConcertId, EntryId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId,
    SessionId, ShowId, TokenId, TopUpId, UserId,
};
use crate::payment::Payment;
use crate::refusal::Refusal;
use crate::reservation::Reservation;
use crate::seat::Seat;
use crate::session::{PasswordReset, Session};
use crate::show::Show;
use crate::top_up::TopUp;
use crate::uptime::Uptime;
use crate::user::{Email, User};
use crate::waiting_room::{Line, PolicyInForce, WaitingRoom};
use crate::waiting_token::WaitingToken;

macro_rules! entity {
    ($($entity:ty, $id:ty, $field:ident;)*) => {$(
        impl Entity for $entity {
            type Id = $id;

            fn id(&self) -> $id {
                self.$field.clone()
            }
        }
    )*};
}

entity! {
    User, UserId, id;
    Concert, ConcertId, id;
    Show, ShowId, id;
    Seat, SeatId, id;
    Reservation, ReservationId, id;
    Payment, PaymentId, id;
    TopUp, TopUpId, id;
    CashAccount, UserId, user_id;
    CashEntry, EntryId, id;
    WaitingRoom, RoomId, id;
    Line, RoomId, room_id;
    WaitingToken, TokenId, id;
    KeptAnswer, IdempotencyKey, key;
    Session, SessionId, id;
    PasswordReset, PasswordResetId, id;
    AuditEntry, AuditEntryId, id;
}

macro_rules! forgettable {
    ($($table:ident: $entity:ty;)*) => {
        $(impl Forgettable for $entity {})*

        /// The ids of the rows that decisions took out. A store takes this apart field by field: one that
        /// does not delete every kind of them does not compile.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each list is named for its table")]
        pub struct Forgotten {
            $(pub $table: Vec<<$entity as Entity>::Id>,)*
        }

        impl Records {
            /// What was taken out.
            #[must_use]
            pub fn forgotten(&self) -> Forgotten {
                Forgotten { $($table: self.$table.removals().cloned().collect(),)* }
            }
        }
    };
}

forgettable! {
    tokens: WaitingToken;
    reservations: Reservation;
    kept_answers: KeptAnswer;
    sessions: Session;
    password_resets: PasswordReset;
}

/// What a [`Scope`] named, as it is in the store; a decision changes it, and the store saves that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each table is named for what is in it")]
pub struct Records {
    /// The store's time, read after all of this was shut against other writers.
    pub now: Timestamp,
    /// The time as of which ends of stays and of holds count: `now`, unless the service may have been
    /// away (see [`Uptime::cutoff`]).
    pub cutoff: Timestamp,
    pub users: Table<User>,
    pub concerts: Table<Concert>,
    pub shows: Table<Show>,
    pub seats: Table<Seat>,
    pub reservations: Table<Reservation>,
    pub payments: Table<Payment>,
    pub top_ups: Table<TopUp>,
    pub accounts: Table<CashAccount>,
    /// Entries made by decisions; those of before are not loaded.
    pub entries: Table<CashEntry>,
    pub rooms: Table<WaitingRoom>,
    /// Capacities that decisions gave to rooms; those of before are not loaded.
    pub policies: Table<PolicyInForce>,
    /// Counted by the store and never saved.
    pub lines: Table<Line>,
    pub tokens: Table<WaitingToken>,
    pub kept_answers: Table<KeptAnswer>,
    pub sessions: Table<Session>,
    pub password_resets: Table<PasswordReset>,
    /// Entries of the audit log made by decisions; those of before are not loaded.
    pub audit_entries: Table<AuditEntry>,
    /// The service's heartbeat; `None` before its first beat, and where no scope asked for it.
    pub uptime: Option<Uptime>,
}

impl Records {
    /// No records, at `now`, while the service is up.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            cutoff: now,
            users: Table::default(),
            concerts: Table::default(),
            shows: Table::default(),
            seats: Table::default(),
            reservations: Table::default(),
            payments: Table::default(),
            top_ups: Table::default(),
            accounts: Table::default(),
            entries: Table::default(),
            rooms: Table::default(),
            policies: Table::default(),
            lines: Table::default(),
            tokens: Table::default(),
            kept_answers: Table::default(),
            sessions: Table::default(),
            password_resets: Table::default(),
            audit_entries: Table::default(),
            uptime: None,
        }
    }

    /// Lets time go on to `now`, with the service up.
    pub fn go_on_to(&mut self, now: Timestamp) {
        (self.now, self.cutoff) = (now, now);
    }

    /// Whether there is nothing to save: no row was added, changed or taken out, and the heartbeat is
    /// as it was loaded.
    #[must_use]
    pub fn is_unchanged_since(&self, uptime_loaded: Option<&Uptime>) -> bool {
        let Self {
            now: _,
            cutoff: _,
            users,
            concerts,
            shows,
            seats,
            reservations,
            payments,
            top_ups,
            accounts,
            entries,
            rooms,
            policies,
            lines: _,
            tokens,
            kept_answers,
            sessions,
            password_resets,
            audit_entries,
            uptime,
        } = self;
        users.is_unchanged()
            && concerts.is_unchanged()
            && shows.is_unchanged()
            && seats.is_unchanged()
            && reservations.is_unchanged()
            && payments.is_unchanged()
            && top_ups.is_unchanged()
            && accounts.is_unchanged()
            && entries.is_unchanged()
            && rooms.is_unchanged()
            && policies.is_unchanged()
            && tokens.is_unchanged()
            && kept_answers.is_unchanged()
            && sessions.is_unchanged()
            && password_resets.is_unchanged()
            && audit_entries.is_unchanged()
            && uptime.as_ref() == uptime_loaded
    }

    /// Whether the service may have been away just now: then nobody is let in, and nobody dropped.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.cutoff < self.now
    }

    /// # Errors
    /// [`Refusal::Interrupted`] from `end` on: that it did not count yet, since the service may have been
    /// away, is for the next beat to say.
    pub fn ensure_before(&self, end: Timestamp) -> Result<(), Refusal> {
        if self.now < end { Ok(()) } else { Err(Refusal::Interrupted) }
    }

    /// Reservations that had their seats and let go of them.
    pub fn ended_reservations(&self) -> impl Iterator<Item = &Reservation> {
        let had_seats = |id| self.reservations.loaded(id).is_some_and(|r| r.state.has_its_seats());
        let changed = self.reservations.changes().map(|(reservation, _)| reservation);
        changed.filter(move |now| !now.state.has_its_seats() && had_seats(&now.id))
    }

    /// A token of the user's.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when its record is gone, or is another user's.
    pub fn token(&self, id: TokenId, user_id: UserId) -> Result<&WaitingToken, Refusal> {
        let own = self.tokens.get(&id).filter(|token| token.user_id == user_id);
        own.ok_or(Refusal::InvalidToken)
    }

    /// The user's place in the room, if the user waits there or is inside.
    #[must_use]
    pub fn live_token_of(&self, user_id: UserId, room_id: RoomId) -> Option<&WaitingToken> {
        let mut tokens = self.tokens.iter();
        tokens.find(|t| (t.user_id, t.room_id) == (user_id, room_id) && t.is_written_live())
    }

    /// The concert's show that begins at `starts_at`.
    #[must_use]
    pub fn show_at(&self, concert_id: ConcertId, starts_at: Timestamp) -> Option<&Show> {
        let mut shows = self.shows.iter();
        shows.find(|show| (show.concert_id, show.starts_at) == (concert_id, starts_at))
    }

    /// The lot that the user has in the room's lobby and does not wait with.
    #[must_use]
    pub fn lot_of(&self, user_id: UserId, room_id: RoomId) -> Option<&WaitingToken> {
        let mut tokens = self.tokens.iter().filter(|token| !token.is_written_live());
        tokens.find(|t| (t.user_id, t.room_id) == (user_id, room_id) && t.is_lot_to_draw())
    }

    /// The user who signs in with `email`.
    #[must_use]
    pub fn user_of_email(&self, email: &Email) -> Option<&User> {
        let mut users = self.users.iter();
        let spelled = users.find(|user| user.email.is_spelled_as(email));
        spelled.or_else(|| self.users.iter().find(|user| user.email.is_found_by(email)))
    }

    /// The user's account, to be changed; an empty one for who never charged.
    pub fn account_mut(&mut self, user_id: UserId) -> &mut CashAccount {
        if self.accounts.get(&user_id).is_none() {
            self.accounts.insert(CashAccount::empty(user_id));
        }
        match self.accounts.get_mut(&user_id) {
            Some(account) => account,
            None => unreachable!("it was put there just now"),
        }
    }

    /// A room and who is in it, both to be changed.
    pub fn room_and_line_mut(&mut self, id: RoomId) -> Option<(&mut WaitingRoom, &mut Line)> {
        Some((self.rooms.get_mut(&id)?, self.lines.get_mut(&id)?))
    }

    /// The show that a gated call is about, with its concert, once the user's token admits to it.
    ///
    /// # Errors
    /// What the token refuses, and `missing` when there is no such show and the token is active
    /// somewhere: whoever is not let in anywhere is not told what there is.
    pub fn gated_show(
        &self,
        (token_id, user_id): (TokenId, UserId),
        show_id: ShowId,
        missing: Refusal,
    ) -> Result<(Show, Concert), Refusal> {
        let token = self.token(token_id, user_id)?;
        let show = self.shows.get(&show_id);
        let concert = show.and_then(|show| self.concerts.get(&show.concert_id));
        let (Some(show), Some(concert)) = (show, concert) else {
            token.ensure_active(self.cutoff)?;
            return Err(missing);
        };
        token.ensure_admits(show.room(concert), self.cutoff)?;
        Ok((show.clone(), concert.clone()))
    }
}
