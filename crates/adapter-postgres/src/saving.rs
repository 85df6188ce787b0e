//! Writes down what a group of decisions changed, within its transaction.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use domain::audit_log::AuditKind;
use domain::ids::{AuditEntryId, SessionId, UserId};
use domain::records::{Entity, Fate, Forgotten, Records, Table};
use domain::reservation::Reservation;
use domain::uptime::Uptime;
use domain::waiting_token::{TokenState, WaitingToken};
use futures_util::try_join;

use crate::at_once::{AtOnce, FoundBy};
use crate::counts::count;
use crate::marking::CommitMark;
use crate::rows::{
    AccountRow, AuditEntryRow, ConcertRow, EntryRow, KeptAnswerRow, PasswordResetRow, PaymentRow,
    PolicyRow, ReservationRow, ReservationSeatRow, RoomRow, SeatRow, SessionRow, ShowRow, TokenRow,
    TopUpRow, UserRow,
};
use crate::statement::{array, ids, one};

/// Saves `changes`, by one statement; by two, one after the other, where what is changed makes room
/// for what is new.
pub(crate) async fn save(
    conn: &AsyncPgConnection,
    changes: &Records,
    uptime_before: Option<&Uptime>,
    mark: CommitMark,
) -> QueryResult<()> {
    #[cfg(test)]
    store_contract::panics::if_asked_to(changes);
    let (changed, new) = (changed(changes, uptime_before, mark), new(changes));
    if makes_room(changes) {
        return try_join!(changed.run(conn), new.run(conn)).map(drop);
    }
    changed.and(new).run(conn).await
}

/// Whether something new may need the place of what is changed: a token of the same user in the same
/// room, or a reservation of the same seat.
fn makes_room(changes: &Records) -> bool {
    fn any<E: Entity>(table: &Table<E>, fate: Fate) -> bool {
        of_fate(table, fate).next().is_some()
    }
    let lets_go = changes.ended_reservations().next().is_some();
    (lets_go && any(&changes.reservations, Fate::New))
        || (any(&changes.tokens, Fate::Changed) && any(&changes.tokens, Fate::New))
}

/// What was there and is another now.
fn changed(changes: &Records, uptime_before: Option<&Uptime>, mark: CommitMark) -> AtOnce {
    let mut changed = AtOnce::default();
    changed.update(&rows::<_, RoomRow>(&changes.rooms, Fate::Changed));
    changed.update(&rows::<_, UserRow>(&changes.users, Fate::Changed));
    changed.update(&rows::<_, SessionRow>(&changes.sessions, Fate::Changed));
    changed.update(&rows::<_, PasswordResetRow>(&changes.password_resets, Fate::Changed));
    changed.update(&rows::<_, SeatRow>(&changes.seats, Fate::Changed));
    changed.update(&rows::<_, TokenRow>(&changes.tokens, Fate::Changed));
    changed.update(&rows::<_, ReservationRow>(&changes.reservations, Fate::Changed));
    let_go_of_seats(&mut changed, changes);
    changed.update(&rows::<_, PaymentRow>(&changes.payments, Fate::Changed));
    changed.update(&rows::<_, TopUpRow>(&changes.top_ups, Fate::Changed));
    changed.update(&rows::<_, AccountRow>(&changes.accounts, Fate::Changed));
    forget(&mut changed, changes.forgotten());
    changed.update(&rows::<_, KeptAnswerRow>(&changes.kept_answers, Fate::Changed));
    save_uptime(&mut changed, changes, uptime_before);
    count(&mut changed, changes, mark.writer_id);
    tell_others(&mut changed, changes, mark);
    changed
}

/// What was not there.
fn new(changes: &Records) -> AtOnce {
    let mut new = AtOnce::default();
    new.insert(&rows::<_, UserRow>(&changes.users, Fate::New));
    new.insert(&rows::<_, SessionRow>(&changes.sessions, Fate::New));
    new.insert(&rows::<_, PasswordResetRow>(&changes.password_resets, Fate::New));
    new.insert(&rows::<_, RoomRow>(&changes.rooms, Fate::New));
    new.insert(&rows::<_, PolicyRow>(&changes.policies, Fate::New));
    new.insert(&rows::<_, ConcertRow>(&changes.concerts, Fate::New));
    new.insert(&rows::<_, ShowRow>(&changes.shows, Fate::New));
    new.insert(&rows::<_, SeatRow>(&changes.seats, Fate::New));
    new.insert(&rows::<_, TokenRow>(&changes.tokens, Fate::New));
    new.insert(&rows::<_, ReservationRow>(&changes.reservations, Fate::New));
    let reserved = of_fate(&changes.reservations, Fate::New).flat_map(Reservation::seat_rows);
    new.insert(&reserved.map(ReservationSeatRow::from).collect::<Vec<_>>());
    new.insert(&rows::<_, PaymentRow>(&changes.payments, Fate::New));
    new.insert(&rows::<_, TopUpRow>(&changes.top_ups, Fate::New));
    new.insert(&rows::<_, AccountRow>(&changes.accounts, Fate::New));
    new.insert(&rows::<_, EntryRow>(&changes.entries, Fate::New));
    new.insert(&rows::<_, KeptAnswerRow>(&changes.kept_answers, Fate::New));
    new.insert(&rows::<_, AuditEntryRow>(&changes.audit_entries, Fate::New));
    new
}

fn of_fate<E: Entity>(table: &Table<E>, wanted: Fate) -> impl Iterator<Item = &E> {
    table.changes().filter(move |(_, fate)| *fate == wanted).map(|(entity, _)| entity)
}

fn rows<'a, E: Entity, R: From<&'a E>>(table: &'a Table<E>, wanted: Fate) -> Vec<R> {
    of_fate(table, wanted).map(R::from).collect()
}

fn let_go_of_seats(changed: &mut AtOnce, changes: &Records) {
    let seats = changes.ended_reservations().map(|reservation| reservation.seats.len()).sum();
    if seats > 0 {
        let text =
            // In other words than the index of live ones has, which is no help here.
            "UPDATE reservation_seats SET live = false \
             WHERE live IS NOT FALSE AND reservation_id = ANY(?)";
        let reservations = ids(changes.ended_reservations().map(|reservation| reservation.id));
        let found_by = FoundBy { table: "reservation_seats", key: "reservation_id", at: Some(0) };
        changed.update_by(text, vec![reservations], found_by, seats);
    }
}

/// Deletes what was taken out. What another server has deleted meanwhile is not missed.
fn forget(changed: &mut AtOnce, forgotten: Forgotten) {
    let Forgotten { tokens, reservations, kept_answers, sessions, password_resets } = forgotten;
    if !sessions.is_empty() {
        changed.make("DELETE FROM sessions WHERE id = ANY(?)", vec![ids(sessions)]);
    }
    if !password_resets.is_empty() {
        let theirs = vec![ids(password_resets)];
        changed.make("DELETE FROM password_resets WHERE id = ANY(?)", theirs);
    }
    if !tokens.is_empty() {
        changed.make("DELETE FROM waiting_tokens WHERE id = ANY(?)", vec![ids(tokens)]);
    }
    if !reservations.is_empty() {
        let theirs = || vec![ids(reservations.iter().copied())];
        changed.make("DELETE FROM reservation_seats WHERE reservation_id = ANY(?)", theirs());
        changed.make("DELETE FROM reservations WHERE id = ANY(?)", theirs());
    }
    if !kept_answers.is_empty() {
        let text = "DELETE FROM kept_answers USING unnest(?, ?, ?) AS old (user_id, call, key) \
             WHERE kept_answers.user_id = ANY (ARRAY[old.user_id]) \
             AND kept_answers.call = ANY (ARRAY[old.call]) AND kept_answers.key = ANY (ARRAY[old.key])";
        let keys = vec![
            ids(kept_answers.iter().map(|key| key.user_id)),
            array(kept_answers.iter().map(|key| key.call.clone()).collect()),
            array(kept_answers.iter().map(|key| key.key.clone()).collect()),
        ];
        changed.make(text, keys);
    }
}

fn save_uptime(changed: &mut AtOnce, changes: &Records, before: Option<&Uptime>) {
    if let Some(uptime) = changes.uptime.as_ref().filter(|uptime| Some(*uptime) != before) {
        let text = "UPDATE service SET heartbeat_at = ?, up_since = ?, punctual_since = ?, \
             server_ids = ?, server_beats = ?, outage_ended_at = ?, outage_beat_at = ?, \
             outage_step = ?, outage_done_to = ? WHERE id = 1";
        let recovery = uptime.recovery;
        let parameters = vec![
            one(uptime.heartbeat_at),
            one(uptime.up_since),
            one(uptime.punctual_since),
            ids(uptime.servers.iter().map(|server| server.server_id)),
            array(uptime.servers.iter().map(|server| server.at).collect()),
            one(recovery.map(|recovery| recovery.ended_at)),
            one(recovery.map(|recovery| recovery.beat_at)),
            one(recovery.map(|recovery| recovery.step.name().to_owned())),
            one(recovery.and_then(|recovery| recovery.done_to)),
        ];
        changed.update_one(text, parameters, "service");
        if let Some(outage) = uptime.found {
            let text = "INSERT INTO outages (began_at, ended_at) VALUES (?, ?)";
            changed.make(text, vec![one(outage.began_at), one(outage.ended_at)]);
        }
    }
}

/// Says what others want to hear of beside the seats, which the mark names: which tokens changed
/// that do not wait, and which were drawn; and who is signed out, and who guesses.
fn tell_others(changed: &mut AtOnce, changes: &Records, mark: CommitMark) {
    let lobbies: HashMap<_, _> =
        changes.rooms.changes().map(|(room, _)| (room.id, room.lobby.drawn_count)).collect();
    let is_drawn = |token: &WaitingToken| {
        let drawn = lobbies.get(&token.room_id);
        token.number.zip(drawn).is_some_and(|(number, drawn)| number <= *drawn)
    };
    let is_news = |token: &&WaitingToken| token.state != TokenState::Waiting || is_drawn(token);
    let tokens = changes.tokens.changes().map(|(token, _)| token).filter(is_news);
    let tokens: Vec<_> = tokens.map(|token| token.id).collect();
    let doors = DoorNews::of(changes);
    if !doors.is_empty() {
        let text = "UPDATE commits SET token_ids = ?, session_ids = ?, user_ids = ?, audit_ids = ? \
             WHERE writer_id = ? AND number = ?";
        let DoorNews { sessions, users, refused_sign_ins } = doors;
        let news = [ids(tokens), ids(sessions), ids(users), ids(refused_sign_ins)];
        let mark = [one(mark.writer_id), one(mark.number)];
        changed.update_one(text, news.into_iter().chain(mark).collect(), "commits");
    } else if !tokens.is_empty() {
        let text = "UPDATE commits SET token_ids = ? WHERE writer_id = ? AND number = ?";
        let parameters = vec![ids(tokens), one(mark.writer_id), one(mark.number)];
        changed.update_one(text, parameters, "commits");
    }
}

/// What others want to hear of those who sign in.
struct DoorNews {
    /// Those that ended.
    sessions: Vec<SessionId>,
    /// Those who ended all of theirs, or are shut out.
    users: Vec<UserId>,
    refused_sign_ins: Vec<AuditEntryId>,
}

impl DoorNews {
    fn of(changes: &Records) -> Self {
        let ended = of_fate(&changes.sessions, Fate::Changed).map(|session| session.id);
        let users = of_fate(&changes.users, Fate::Changed).map(|user| user.id);
        let entries = of_fate(&changes.audit_entries, Fate::New);
        let refused = entries.filter(|entry| entry.deed.kind == AuditKind::SignInRefused);
        Self {
            sessions: ended.collect(),
            users: users.collect(),
            refused_sign_ins: refused.map(|entry| entry.id).collect(),
        }
    }

    const fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.users.is_empty() && self.refused_sign_ins.is_empty()
    }
}
