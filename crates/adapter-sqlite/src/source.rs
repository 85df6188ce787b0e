//! Loads what decisions need, within the writer's transaction, which shuts out every other writer.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::cash::CashAccount;
use domain::concert::Concert;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::ids::{
    ConcertId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId, SessionId, ShowId,
    TokenId, TopUpId, UserId,
};
use domain::payment::Payment;
use domain::records::{GIVEN_BACK_MAX, Source};
use domain::reservation::Reservation;
use domain::seat::Seat;
use domain::session::{PasswordReset, Session};
use domain::show::Show;
use domain::top_up::TopUp;
use domain::uptime::Uptime;
use domain::user::{Email, User};
use domain::waiting_room::{Line, WaitingRoom};
use domain::waiting_token::WaitingToken;

use crate::SqlError;
use crate::columns::{Unreadable, key, micros, read};
use crate::counts;
use crate::loading::{self, decode};
use crate::rows::uptime;
use crate::rows::{
    AccountRow, ConcertRow, KeptAnswerRow, PasswordResetRow, PaymentRow, ReservationRow, RoomRow,
    SeatRow, SessionRow, ShowRow, TokenRow, TopUpRow, UserRow,
};
use crate::schema::{
    cash_accounts, concerts, kept_answers, password_resets, payments, reservations, seats,
    sessions, shows, top_ups, users, waiting_rooms, waiting_tokens,
};

/// The database as it is within a transaction.
pub(crate) struct Database<'a> {
    pub(crate) conn: &'a mut SqliteConnection,
}

macro_rules! find {
    ($db:ident, $table:ident, $row:ty, $key:expr) => {
        shared($table::table.find($key).select(<$row>::as_select()).first($db.conn).optional()?)
    };
}

/// How many places of those who ran out are looked for: more than one group lets in.
const RUN_OUT_MAX: i64 = 256;

/// A row as what it stands for, for whoever needs it.
fn shared<R, T>(row: Option<R>) -> Result<Option<Arc<T>>, SqlError>
where
    T: TryFrom<R, Error = Unreadable>,
{
    Ok(decode(row)?.map(Arc::new))
}

/// What was found, for a caller who shares it with nobody.
pub(crate) fn own<T: Clone>(
    found: Result<Option<Arc<T>>, SqlError>,
) -> Result<Option<T>, SqlError> {
    Ok(found?.map(Arc::unwrap_or_clone))
}

impl Source for Database<'_> {
    type Error = SqlError;

    fn user(&mut self, id: UserId) -> Result<Option<Arc<User>>, SqlError> {
        find!(self, users, UserRow, key(id))
    }

    fn user_of_email(&mut self, email: &Email) -> Result<Option<Arc<User>>, SqlError> {
        let as_spelled = users::table.filter(users::email.eq(email.in_lower_case()));
        let spelled = as_spelled.select(UserRow::as_select()).first(self.conn).optional()?;
        if spelled.is_some() {
            return shared(spelled);
        }
        let of_mailbox = users::table.filter(users::mailbox.eq(email.mailbox()));
        shared(of_mailbox.select(UserRow::as_select()).first(self.conn).optional()?)
    }

    fn session(&mut self, id: SessionId) -> Result<Option<Arc<Session>>, SqlError> {
        find!(self, sessions, SessionRow, key(id))
    }

    fn password_reset(
        &mut self,
        id: PasswordResetId,
    ) -> Result<Option<Arc<PasswordReset>>, SqlError> {
        find!(self, password_resets, PasswordResetRow, key(id))
    }

    fn concert(&mut self, id: ConcertId) -> Result<Option<Arc<Concert>>, SqlError> {
        find!(self, concerts, ConcertRow, key(id))
    }

    fn show(&mut self, id: ShowId) -> Result<Option<Arc<Show>>, SqlError> {
        find!(self, shows, ShowRow, key(id))
    }

    fn show_at(
        &mut self,
        concert_id: ConcertId,
        starts_at: Timestamp,
    ) -> Result<Option<Arc<Show>>, SqlError> {
        let at = shows::table
            .filter(shows::concert_id.eq(key(concert_id)))
            .filter(shows::starts_at.eq(micros(starts_at)));
        shared(at.select(ShowRow::as_select()).first(self.conn).optional()?)
    }

    fn seat(&mut self, id: SeatId) -> Result<Option<Arc<Seat>>, SqlError> {
        find!(self, seats, SeatRow, key(id))
    }

    fn reservation(&mut self, id: ReservationId) -> Result<Option<Arc<Reservation>>, SqlError> {
        Ok(loading::reservation(self.conn, key(id))?.map(Arc::new))
    }

    fn reserved_by(
        &mut self,
        user_id: UserId,
        concert_id: ConcertId,
    ) -> Result<Vec<Arc<Reservation>>, SqlError> {
        let theirs = || {
            reservations::table
                .filter(reservations::user_id.eq(key(user_id)))
                .filter(reservations::concert_id.eq(key(concert_id)))
                .select(ReservationRow::as_select())
        };
        let live = reservations::state.eq_any(["held", "paying", "confirmed"]);
        let mut rows: Vec<ReservationRow> = theirs().filter(live).load(self.conn)?;
        let given_back: Vec<ReservationRow> = theirs()
            .filter(reservations::state.eq(sql::<Text>("'cancelled'")))
            .order(reservations::held_until.desc())
            .limit(GIVEN_BACK_MAX.into())
            .load(self.conn)?;
        rows.extend(given_back);
        rows.into_iter().map(|row| loading::with_seats(self.conn, row).map(Arc::new)).collect()
    }

    fn payment(&mut self, id: PaymentId) -> Result<Option<Arc<Payment>>, SqlError> {
        find!(self, payments, PaymentRow, key(id))
    }

    fn top_up(&mut self, id: TopUpId) -> Result<Option<Arc<TopUp>>, SqlError> {
        find!(self, top_ups, TopUpRow, key(id))
    }

    fn account(&mut self, user_id: UserId) -> Result<Option<Arc<CashAccount>>, SqlError> {
        find!(self, cash_accounts, AccountRow, key(user_id))
    }

    fn room(&mut self, id: RoomId) -> Result<Option<Arc<WaitingRoom>>, SqlError> {
        find!(self, waiting_rooms, RoomRow, key(id))
    }

    fn line(&mut self, id: RoomId) -> Result<Line, SqlError> {
        let count = counts::of_room(self.conn, id)?;
        let active_count = Some(read(count.inside, "number of tokens")?);
        Ok(Line { room_id: id, active_count, anyone_waiting: count.waiting > 0 })
    }

    fn run_out(
        &mut self,
        id: RoomId,
        cutoff: Timestamp,
    ) -> Result<Vec<Arc<WaitingToken>>, SqlError> {
        let over = waiting_tokens::table
            .filter(waiting_tokens::room_id.eq(key(id)))
            .filter(waiting_tokens::state.eq("active"))
            .filter(waiting_tokens::ends_at.le(micros(cutoff)))
            .limit(RUN_OUT_MAX);
        let rows: Vec<TokenRow> = over.select(TokenRow::as_select()).load(self.conn)?;
        rows.into_iter().map(|row| Ok(Arc::new(WaitingToken::try_from(row)?))).collect()
    }

    fn token(&mut self, id: TokenId) -> Result<Option<Arc<WaitingToken>>, SqlError> {
        find!(self, waiting_tokens, TokenRow, key(id))
    }

    fn place(
        &mut self,
        user_id: UserId,
        room_id: RoomId,
    ) -> Result<Option<Arc<WaitingToken>>, SqlError> {
        let theirs = || {
            waiting_tokens::table
                .filter(waiting_tokens::user_id.eq(key(user_id)))
                .filter(waiting_tokens::room_id.eq(key(room_id)))
                .select(TokenRow::as_select())
        };
        let is_live = waiting_tokens::state.eq("waiting").or(waiting_tokens::state.eq("active"));
        let live = theirs().filter(is_live).first(self.conn).optional()?;
        if live.is_some() {
            return shared(live);
        }
        let is_lot = waiting_tokens::arrival.is_not_null().and(waiting_tokens::number.is_null());
        shared(theirs().filter(is_lot).first(self.conn).optional()?)
    }

    fn kept_answer(&mut self, kept: &IdempotencyKey) -> Result<Option<Arc<KeptAnswer>>, SqlError> {
        find!(self, kept_answers, KeptAnswerRow, (key(kept.user_id), &kept.call, &kept.key))
    }

    fn uptime(&mut self) -> Result<Option<Uptime>, SqlError> {
        uptime(self.conn)
    }
}
