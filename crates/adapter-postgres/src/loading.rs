//! Loads what a group of decisions needs, locked, within its transaction.
//!
//! Tables are locked in one order by everybody, and the rows of each in order of their ids, so that
//! writers wait for each other and never in a circle: the service, rooms, users, sessions, resets, tokens,
//! reservations, seats, payments, top-ups, accounts, kept answers. What never changes once it is there (a
//! concert, a show, which seats a reservation has), and a user who is only looked at, needs no lock.
//!
//! What is found by other keys is looked up by `LATERAL`, a key at a time: PostgreSQL would else be
//! free to begin with the table, which may be large, and to look for its rows among the keys.
//!
//! Where rows of one table are found by what is in another, the key is compared with `ANY (ARRAY[…])`. By
//! a plain `=`, the order of the key's index would be of use to a merge, and so a plan may go through
//! the whole index: while the table is empty, that costs as little as to look the key up. (Merging is
//! switched off, but not what leads up to it.)
//!
//! Locks are `FOR NO KEY UPDATE`: they shut out whoever would change the row, and not whoever only
//! refers to it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::Timestamp;
use domain::cash::CashAccount;
use domain::concert::Concert;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::ids::{
    ConcertId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId, SessionId, ShowId,
    TokenId, TopUpId, UserId,
};
use domain::payment::Payment;
use domain::records::{Entity, Keys, Scope};
use domain::reservation::Reservation;
use domain::seat::Seat;
use domain::session::{PasswordReset, Session};
use domain::show::Show;
use domain::top_up::TopUp;
use domain::uptime::Uptime;
use domain::user::{Email, User};
use domain::waiting_room::{Line, WaitingRoom};
use domain::waiting_token::WaitingToken;
use futures_util::try_join;

use crate::SqlError;
use crate::columns::Unreadable;
use crate::marking::{CommitMark, Moment};
use crate::rows::{
    AccountRow, KeptAnswerRow, PasswordResetRow, PaymentRow, ReservationRow, RoomRow, Row, SeatRow,
    SessionRow, TopUpRow, UserRow, columns, with_their_seats,
};
use crate::statement::{IdsFound, Statement, array, ids};

/// All that the scopes of a group name, as it is in the database and stays until its transaction
/// ends.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The time, read after everything was locked.
    pub(crate) moment: Moment,
    pub(crate) uptime: Option<Uptime>,
    pub(crate) rooms: HashMap<RoomId, Arc<WaitingRoom>>,
    pub(crate) lines: HashMap<RoomId, Line>,
    pub(crate) users: HashMap<UserId, Arc<User>>,
    pub(crate) sessions: HashMap<SessionId, Arc<Session>>,
    pub(crate) password_resets: HashMap<PasswordResetId, Arc<PasswordReset>>,
    pub(crate) tokens: HashMap<TokenId, Arc<WaitingToken>>,
    /// Which of the tokens are written down as inside a room though their time is over.
    pub(crate) run_out: HashMap<RoomId, Vec<TokenId>>,
    /// Which of the tokens is written down as a user's live one in a room.
    pub(crate) places: HashMap<(UserId, RoomId), TokenId>,
    pub(crate) reservations: HashMap<ReservationId, Arc<Reservation>>,
    /// What users reserved in concerts: not locked themselves, but nobody adds to them.
    pub(crate) reserved: Vec<Arc<Reservation>>,
    pub(crate) seats: HashMap<SeatId, Arc<Seat>>,
    pub(crate) payments: HashMap<PaymentId, Arc<Payment>>,
    pub(crate) top_ups: HashMap<TopUpId, Arc<TopUp>>,
    pub(crate) accounts: HashMap<UserId, Arc<CashAccount>>,
    pub(crate) kept_answers: HashMap<IdempotencyKey, Arc<KeptAnswer>>,
    pub(crate) shows: HashMap<ShowId, Arc<Show>>,
    pub(crate) concerts: HashMap<ConcertId, Arc<Concert>>,
}

/// Loads `$row`s by a statement, or none and without asking where `$unless` says that nothing is
/// wanted.
macro_rules! load {
    ($conn:ident, $row:ty, unless $unless:expr, $text:expr, [$($parameter:expr),*]) => {
        async {
            if $unless {
                return Ok(Vec::new());
            }
            static TEXT: LazyLock<String> =
                LazyLock::new(|| $text.replace("{columns}", &columns::<$row>("t")));
            let parameters = vec![$($parameter),*];
            let statement = Statement::<<$row as Row>::Sql>::new(TEXT.as_str(), parameters);
            statement.load::<$row>(&mut &*$conn).await
        }
    };
}

/// Locks the `$row`s whose ids are found, and loads them; of none, nothing is asked.
macro_rules! lock {
    ($conn:ident, $row:ty, $found:expr) => {
        async {
            let found = $found;
            if found.is_empty() {
                return Ok(Vec::new());
            }
            let (before, after) = &<$row as Row>::texts().lock;
            let text = found.within(before, after);
            let statement = Statement::<<$row as Row>::Sql>::new(text, found.parameters);
            statement.load::<$row>(&mut &*$conn).await
        }
    };
}

#[cfg(test)]
mod plans;
mod programme;
mod reading;
mod uptime;
mod waiting;

pub(crate) use programme::{concerts, shows, shows_at};
pub(crate) use uptime::uptime;

use reading::{ReadLast, read_last};
use waiting::Tokens;

/// Begins a transaction by `begin`, and loads in it all that `scope` names and what that brings
/// along. All statements are sent at once; they run in the order in which they are written here,
/// the mark and with it the time last.
pub(crate) async fn begin_and_load(
    conn: &AsyncPgConnection,
    begin: &str,
    commit: CommitMark,
    scope: &Scope,
) -> Result<Loaded, SqlError> {
    let begin = async { (&mut &*conn).batch_execute(begin).await };
    let (
        (),
        uptime,
        rooms,
        locked_users,
        mut users,
        users_of_emails,
        sessions,
        password_resets,
        tokens,
        reservations,
        seats,
        payments,
        top_ups,
        accounts,
        kept_answers,
        last,
    ) = try_join!(
        begin,
        uptime(conn, scope.uptime),
        rooms(conn, scope),
        locked_users(conn, scope),
        users(conn, scope),
        users_of_emails(conn, scope),
        sessions(conn, scope),
        password_resets(conn, scope),
        waiting::tokens(conn, scope),
        reservations(conn, scope),
        seats(conn, scope),
        payments(conn, scope),
        top_ups(conn, scope),
        accounts(conn, scope),
        kept_answers(conn, scope),
        read_last(conn, commit, scope),
    )?;
    users.extend(users_of_emails);
    users.extend(locked_users);
    let rows = Rows {
        uptime,
        rooms,
        users,
        sessions,
        password_resets,
        tokens,
        reservations,
        seats,
        payments,
        top_ups,
        accounts,
        kept_answers,
        last,
    };
    Ok(rows.try_into()?)
}

/// The rows of all that a scope names.
struct Rows {
    uptime: Option<Uptime>,
    rooms: Vec<RoomRow>,
    users: Vec<UserRow>,
    sessions: Vec<SessionRow>,
    password_resets: Vec<PasswordResetRow>,
    tokens: Tokens,
    reservations: Vec<ReservationRow>,
    seats: Vec<SeatRow>,
    payments: Vec<PaymentRow>,
    top_ups: Vec<TopUpRow>,
    accounts: Vec<AccountRow>,
    kept_answers: Vec<KeptAnswerRow>,
    last: ReadLast,
}

impl TryFrom<Rows> for Loaded {
    type Error = Unreadable;

    fn try_from(rows: Rows) -> Result<Self, Unreadable> {
        let ReadLast { moment, lines, reserved, reserved_seats } = rows.last;
        let Tokens { rows: tokens, crowded } = rows.tokens;
        let line = |row| waiting::line(row, &crowded).map(|line| (line.room_id, line));
        let tokens = by_id(tokens)?;
        let reservations = with_their_seats(rows.reservations, reserved_seats)?.into_iter();
        let (reserved, seats_of_reserved): (Vec<_>, Vec<_>) = reserved
            .into_iter()
            .map(|(reservation, seat, price)| {
                let id = reservation.id;
                (reservation, (id, seat, price))
            })
            .unzip();
        let reserved = with_their_seats(reserved, seats_of_reserved)?;
        Ok(Self {
            moment,
            uptime: rows.uptime,
            rooms: by_id(rows.rooms)?,
            lines: lines.into_iter().map(line).collect::<Result<_, _>>()?,
            users: by_id(rows.users)?,
            sessions: by_id(rows.sessions)?,
            password_resets: by_id(rows.password_resets)?,
            places: places(&tokens),
            run_out: run_out(&tokens, moment.now),
            tokens,
            reservations: reservations.map(|found| (found.id, Arc::new(found))).collect(),
            reserved: reserved.into_iter().map(Arc::new).collect(),
            seats: by_id(rows.seats)?,
            payments: by_id(rows.payments)?,
            top_ups: by_id(rows.top_ups)?,
            accounts: by_id(rows.accounts)?,
            kept_answers: by_id(rows.kept_answers)?,
            shows: HashMap::new(),
            concerts: HashMap::new(),
        })
    }
}

fn by_id<R, E>(rows: impl IntoIterator<Item = R>) -> Result<HashMap<E::Id, Arc<E>>, Unreadable>
where
    E: Entity + TryFrom<R, Error = Unreadable>,
    E::Id: std::hash::Hash,
{
    rows.into_iter()
        .map(|row| E::try_from(row).map(|entity| (entity.id(), Arc::new(entity))))
        .collect()
}

/// Whose places there are, and where: live tokens, and else lots that were left in a lobby.
fn places(tokens: &HashMap<TokenId, Arc<WaitingToken>>) -> HashMap<(UserId, RoomId), TokenId> {
    let whose = |token: &Arc<WaitingToken>| ((token.user_id, token.room_id), token.id);
    let left = tokens.values().filter(|token| token.is_lot_to_draw());
    let live = tokens.values().filter(|token| token.is_written_live());
    left.chain(live).map(whose).collect()
}

fn run_out(
    tokens: &HashMap<TokenId, Arc<WaitingToken>>,
    now: Timestamp,
) -> HashMap<RoomId, Vec<TokenId>> {
    let mut run_out: HashMap<_, Vec<_>> = HashMap::new();
    for token in tokens.values().filter(|token| token.has_run_out(now)) {
        run_out.entry(token.room_id).or_default().push(token.id);
    }
    run_out
}

/// The rooms that are named, and those whose lines are.
async fn rooms(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<RoomRow>> {
    let room_ids = scope.rooms.iter().chain(&scope.lines).chain(&scope.ends_of_lines);
    let room_ids: Keys<RoomId> = room_ids.copied().collect();
    load!(conn, RoomRow, unless room_ids.is_empty(),
        "SELECT {columns} FROM waiting_rooms AS t WHERE t.id = ANY(?) \
         ORDER BY t.id FOR NO KEY UPDATE",
        [ids(room_ids.iter().copied())])
    .await
}

async fn users(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<UserRow>> {
    load!(conn, UserRow, unless scope.users.is_empty(),
        "SELECT {columns} FROM users AS t WHERE t.id = ANY(?)",
        [ids(scope.users.iter().copied())])
    .await
}

async fn users_of_emails(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<UserRow>> {
    load!(conn, UserRow, unless scope.emails.is_empty(),
    "SELECT {columns} FROM users AS t WHERE t.email = ANY(?) OR t.mailbox = ANY(?)",
    [
        array(scope.emails.iter().map(Email::in_lower_case).collect()),
        array(scope.emails.iter().map(|email| email.mailbox().to_owned()).collect())
    ])
    .await
}

async fn sessions(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<SessionRow>> {
    lock!(conn, SessionRow, IdsFound::by_id(scope.sessions.iter().copied())).await
}

async fn password_resets(
    conn: &AsyncPgConnection,
    scope: &Scope,
) -> QueryResult<Vec<PasswordResetRow>> {
    lock!(conn, PasswordResetRow, IdsFound::by_id(scope.password_resets.iter().copied())).await
}

async fn top_ups(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<TopUpRow>> {
    lock!(conn, TopUpRow, IdsFound::by_id(scope.top_ups.iter().copied())).await
}

async fn accounts(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<AccountRow>> {
    load!(conn, AccountRow, unless scope.accounts.is_empty(),
        "SELECT {columns} FROM cash_accounts AS t WHERE t.user_id = ANY(?) \
         ORDER BY t.user_id FOR NO KEY UPDATE",
        [ids(scope.accounts.iter().copied())])
    .await
}

/// Reservations by their ids and by their payments'.
async fn reservations(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<ReservationRow>> {
    lock!(conn, ReservationRow, reservations_found(scope)).await
}

fn reservations_found(scope: &Scope) -> IdsFound {
    let mut found = IdsFound::by_id(scope.reservations.iter().copied());
    if !scope.payments.is_empty() {
        let payments = ids(scope.payments.iter().copied());
        found.or(&["SELECT p.reservation_id FROM payments AS p WHERE p.id = ANY(?)"], [payments]);
    }
    found
}

/// Seats by their ids, and those of the reservations above.
async fn seats(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<SeatRow>> {
    lock!(conn, SeatRow, seats_found(scope)).await
}

/// The seats that decisions on `scope` may change.
pub(crate) fn seats_found(scope: &Scope) -> IdsFound {
    let mut found = IdsFound::by_id(scope.seats.iter().copied());
    let reservations = reservations_found(scope);
    if !reservations.is_empty() {
        let seats = "SELECT r.seat_id FROM reservation_seats AS r WHERE r.reservation_id = ANY(";
        found.or(&[&[seats], &reservations.parts[..], &[")"]].concat(), reservations.parameters);
    }
    found
}

/// Payments by their ids and by their reservations'.
async fn payments(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<PaymentRow>> {
    let mut found = IdsFound::by_id(scope.payments.iter().copied());
    if !scope.reservations.is_empty() {
        let reservations = ids(scope.reservations.iter().copied());
        found.or(
            &["SELECT p.id FROM payments AS p WHERE p.reservation_id = ANY(?)"],
            [reservations],
        );
    }
    lock!(conn, PaymentRow, found).await
}

/// Locks the users who may be changed, and those whose reservations are looked at, so that two holds of
/// different seats by one user cannot both pass the per-user limit.
async fn locked_users(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<UserRow>> {
    let reserving = scope.reserved_by.iter().map(|(user_id, _)| *user_id);
    let locked: Keys<UserId> = scope.changing_users.iter().copied().chain(reserving).collect();
    lock!(conn, UserRow, IdsFound::by_id(locked.iter().copied())).await
}

async fn kept_answers(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<KeptAnswerRow>> {
    let keys = || scope.kept_answers.iter();
    load!(conn, KeptAnswerRow, unless scope.kept_answers.is_empty(),
    "SELECT {columns} FROM unnest(?, ?, ?) AS wanted (user_id, call, key) \
     JOIN kept_answers AS t ON t.user_id = ANY (ARRAY[wanted.user_id]) \
         AND t.call = ANY (ARRAY[wanted.call]) AND t.key = ANY (ARRAY[wanted.key]) \
     FOR NO KEY UPDATE OF t",
    [
        ids(keys().map(|key| key.user_id)),
        array(keys().map(|key| key.call.clone()).collect()),
        array(keys().map(|key| key.key.clone()).collect())
    ])
    .await
}
