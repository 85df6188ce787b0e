//! A group of decisions over one set of records: each sees what those before it did, and one that
//! is refused leaves no trace.

use std::collections::BTreeMap;

use super::{Keys, Records, Scope, Source};
use crate::Timestamp;
use crate::ids::{ConcertId, ReservationId, RoomId, ShowId, TokenId, UserId};
use crate::refusal::Refusal;
use crate::reservation::Reservation;
use crate::user::Email;
use crate::waiting_room::Line;
use crate::waiting_token::WaitingToken;

/// Runs decisions one after the other over records that it loads once, from `S`, and gathers what
/// they change.
pub struct Group<S> {
    source: S,
    all: Records,
    /// Finds reservations among `all`, which may be many, by whose they are.
    reserved_by: BTreeMap<(UserId, ConcertId), Keys<ReservationId>>,
    /// Finds tokens among `all` the same way.
    tokens_of: BTreeMap<(UserId, RoomId), Keys<TokenId>>,
}

/// Takes a row from the group's records, loading it into them first where it is not there yet.
macro_rules! fetch {
    ($group:ident, $table:ident, $id:expr, $load:expr) => {{
        if $group.all.$table.get(&$id).is_none()
            && let Some(loaded) = $load
        {
            $group.all.$table.load(loaded);
        }
        $group.all.$table.share(&$id)
    }};
}

impl<S: Source> Group<S> {
    /// A group that loads from `source` and decides at `now`, where ends count that are not after
    /// `cutoff`.
    pub fn new(source: S, now: Timestamp, cutoff: Timestamp) -> Self {
        Self {
            source,
            all: Records { cutoff: cutoff.min(now), ..Records::at(now) },
            reserved_by: BTreeMap::new(),
            tokens_of: BTreeMap::new(),
        }
    }

    /// Runs one decision on a copy of what `scope` names. What it changes becomes part of the
    /// group's changes when it accepts, and is forgotten when it refuses.
    ///
    /// # Errors
    /// The outer error is the source's; the inner one is the decision's refusal.
    pub fn run(
        &mut self,
        scope: &Scope,
        decide: &dyn Fn(&mut Records) -> Result<(), Refusal>,
    ) -> Result<Result<Records, Refusal>, S::Error> {
        let mut records = self.slice(scope)?;
        if let Err(refusal) = decide(&mut records) {
            return Ok(Err(refusal));
        }
        self.merge(&records);
        Ok(Ok(records))
    }

    /// What the decisions of the group changed, all together.
    pub fn into_changes(self) -> Records {
        self.all
    }

    fn slice(&mut self, scope: &Scope) -> Result<Records, S::Error> {
        let mut slice = Records { cutoff: self.all.cutoff, ..Records::at(self.all.now) };
        for id in &scope.users {
            let user = fetch!(self, users, *id, self.source.user(*id)?);
            user.into_iter().for_each(|user| slice.users.load(user));
        }
        for email in &scope.emails {
            self.bring_user_of_email(&mut slice, email)?;
        }
        for id in &scope.sessions {
            let session = fetch!(self, sessions, *id, self.source.session(*id)?);
            session.into_iter().for_each(|session| slice.sessions.load(session));
        }
        for id in &scope.password_resets {
            let reset = fetch!(self, password_resets, *id, self.source.password_reset(*id)?);
            reset.into_iter().for_each(|reset| slice.password_resets.load(reset));
        }
        for id in &scope.concerts {
            self.bring_concert(&mut slice, *id)?;
        }
        for id in &scope.shows {
            self.bring_show(&mut slice, *id)?;
        }
        for (concert_id, starts_at) in &scope.shows_at {
            self.bring_show_at(&mut slice, *concert_id, *starts_at)?;
        }
        for id in &scope.seats {
            let seat = fetch!(self, seats, *id, self.source.seat(*id)?);
            let Some(seat) = seat else { continue };
            let lapsed = seat.has_lapsed_hold(self.all.cutoff);
            let lapsed_holder = seat.reservation_id().filter(|_| lapsed);
            slice.seats.load(seat);
            if let Some(holder) = lapsed_holder {
                self.bring_reservation(&mut slice, holder)?;
            }
        }
        for id in &scope.reservations {
            self.bring_reservation(&mut slice, *id)?;
        }
        for (user_id, concert_id) in &scope.reserved_by {
            self.bring_reserved_by(&mut slice, *user_id, *concert_id)?;
        }
        for id in &scope.payments {
            let payment = fetch!(self, payments, *id, self.source.payment(*id)?);
            let Some(payment) = payment else { continue };
            self.bring_reservation(&mut slice, payment.reservation_id)?;
            slice.payments.load(payment);
        }
        for id in &scope.top_ups {
            let top_up = fetch!(self, top_ups, *id, self.source.top_up(*id)?);
            top_up.into_iter().for_each(|top_up| slice.top_ups.load(top_up));
        }
        for id in &scope.accounts {
            let account = fetch!(self, accounts, *id, self.source.account(*id)?);
            account.into_iter().for_each(|account| slice.accounts.load(account));
        }
        for id in scope.rooms.iter().chain(&scope.lines).chain(&scope.ends_of_lines) {
            let room = fetch!(self, rooms, *id, self.source.room(*id)?);
            room.into_iter().for_each(|room| slice.rooms.load(room));
        }
        for id in &scope.lines {
            let line = fetch!(self, lines, *id, Some(self.source.line(*id)?));
            self.bring_run_out(&mut slice, *id, line.as_deref())?;
            line.into_iter().for_each(|line| slice.lines.load(line));
        }
        for id in &scope.ends_of_lines {
            let line = fetch!(self, lines, *id, Some(self.source.end_of_line(*id)?));
            self.bring_run_out(&mut slice, *id, line.as_deref())?;
            line.into_iter().for_each(|line| slice.lines.load(line));
        }
        for id in &scope.tokens {
            let token = fetch!(self, tokens, *id, self.source.token(*id)?);
            let Some(token) = token else { continue };
            self.index_token(&token);
            slice.tokens.load(token);
        }
        for (user_id, room_id) in &scope.places {
            self.bring_place(&mut slice, *user_id, *room_id)?;
        }
        for key in &scope.kept_answers {
            let kept = fetch!(self, kept_answers, *key, self.source.kept_answer(key)?);
            kept.into_iter().for_each(|kept| slice.kept_answers.load(kept));
        }
        if scope.uptime {
            if self.all.uptime.is_none() {
                self.all.uptime = self.source.uptime()?;
            }
            slice.uptime.clone_from(&self.all.uptime);
        }
        Ok(slice)
    }

    fn bring_user_of_email(&mut self, slice: &mut Records, email: &Email) -> Result<(), S::Error> {
        if self.all.user_of_email(email).is_none()
            && let Some(user) = self.source.user_of_email(email)?
        {
            self.all.users.load(user);
        }
        if let Some(user) = self.all.user_of_email(email) {
            slice.users.load(user.clone());
        }
        Ok(())
    }

    fn bring_concert(&mut self, slice: &mut Records, id: ConcertId) -> Result<(), S::Error> {
        let concert = fetch!(self, concerts, id, self.source.concert(id)?);
        concert.into_iter().for_each(|concert| slice.concerts.load(concert));
        Ok(())
    }

    fn bring_show(&mut self, slice: &mut Records, id: ShowId) -> Result<(), S::Error> {
        let Some(show) = fetch!(self, shows, id, self.source.show(id)?) else { return Ok(()) };
        self.bring_concert(slice, show.concert_id)?;
        slice.shows.load(show);
        Ok(())
    }

    fn bring_show_at(
        &mut self,
        slice: &mut Records,
        concert_id: ConcertId,
        starts_at: Timestamp,
    ) -> Result<(), S::Error> {
        if self.all.show_at(concert_id, starts_at).is_none()
            && let Some(show) = self.source.show_at(concert_id, starts_at)?
        {
            self.all.shows.load(show);
        }
        let Some(id) = self.all.show_at(concert_id, starts_at).map(|show| show.id) else {
            return Ok(());
        };
        self.bring_show(slice, id)
    }

    fn bring_reservation(
        &mut self,
        slice: &mut Records,
        id: ReservationId,
    ) -> Result<(), S::Error> {
        let reservation = fetch!(self, reservations, id, self.source.reservation(id)?);
        let Some(reservation) = reservation else { return Ok(()) };
        self.index_reservation(&reservation);
        self.bring_show(slice, reservation.show_id)?;
        for seat_id in reservation.seat_ids() {
            let seat = fetch!(self, seats, seat_id, self.source.seat(seat_id)?);
            seat.into_iter().for_each(|seat| slice.seats.load(seat));
        }
        if let Some(id) = reservation.state.payment_id() {
            let payment = fetch!(self, payments, id, self.source.payment(id)?);
            payment.into_iter().for_each(|payment| slice.payments.load(payment));
        }
        slice.reservations.load(reservation);
        Ok(())
    }

    fn bring_reserved_by(
        &mut self,
        slice: &mut Records,
        user_id: UserId,
        concert_id: ConcertId,
    ) -> Result<(), S::Error> {
        for reservation in self.source.reserved_by(user_id, concert_id)? {
            self.index_reservation(&reservation);
            self.all.reservations.load(reservation);
        }
        for id in self.reserved_by.get(&(user_id, concert_id)).into_iter().flatten() {
            let reservation = self.all.reservations.share(id);
            reservation.into_iter().for_each(|found| slice.reservations.load(found));
        }
        Ok(())
    }

    fn bring_place(
        &mut self,
        slice: &mut Records,
        user_id: UserId,
        room_id: RoomId,
    ) -> Result<(), S::Error> {
        if self.place_of(user_id, room_id).is_none()
            && let Some(token) = self.source.place(user_id, room_id)?
        {
            self.index_token(&token);
            // Not taken where the token is here already: then the group has ended it.
            self.all.tokens.load(token);
        }
        if let Some(token) = self.place_of(user_id, room_id) {
            slice.tokens.load(token.clone());
        }
        Ok(())
    }

    /// Where those inside were counted, somebody may be let in.
    fn bring_run_out(
        &mut self,
        slice: &mut Records,
        room_id: RoomId,
        line: Option<&Line>,
    ) -> Result<(), S::Error> {
        if line.is_none_or(|line| line.active_count.is_none()) {
            return Ok(());
        }
        for token in self.source.run_out(room_id, self.all.cutoff)? {
            let id = token.id;
            self.index_token(&token);
            // Not taken where the token is here already: the group may have ended it.
            self.all.tokens.load(token);
            let token = self.all.tokens.share(&id).filter(|token| token.is_written_live());
            token.into_iter().for_each(|token| slice.tokens.load(token));
        }
        Ok(())
    }

    /// Where the user waits or is inside, or else the lot that the user left in the lobby.
    fn place_of(&self, user_id: UserId, room_id: RoomId) -> Option<&WaitingToken> {
        let ids = || self.tokens_of.get(&(user_id, room_id)).into_iter().flatten();
        let theirs = || ids().filter_map(|id| self.all.tokens.get(id));
        let live = theirs().find(|token| token.is_written_live());
        live.or_else(|| theirs().find(|token| token.is_lot_to_draw()))
    }

    fn index_token(&mut self, token: &WaitingToken) {
        self.tokens_of.entry((token.user_id, token.room_id)).or_default().insert(token.id);
    }

    fn index_reservation(&mut self, reservation: &Reservation) {
        let whose = (reservation.user_id, reservation.concert_id);
        self.reserved_by.entry(whose).or_default().insert(reservation.id);
    }

    fn merge(&mut self, accepted: &Records) {
        let Records {
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
            lines,
            tokens,
            kept_answers,
            sessions,
            password_resets,
            audit_entries,
            uptime,
        } = accepted;
        for (reservation, _) in reservations.changes() {
            self.index_reservation(reservation);
        }
        for (token, _) in tokens.changes() {
            self.index_token(token);
        }
        self.all.users.merge(users);
        self.all.concerts.merge(concerts);
        self.all.shows.merge(shows);
        self.all.seats.merge(seats);
        self.all.reservations.merge(reservations);
        self.all.payments.merge(payments);
        self.all.top_ups.merge(top_ups);
        self.all.accounts.merge(accounts);
        self.all.entries.merge(entries);
        self.all.rooms.merge(rooms);
        self.all.policies.merge(policies);
        self.all.lines.merge(lines);
        self.all.tokens.merge(tokens);
        self.all.kept_answers.merge(kept_answers);
        self.all.sessions.merge(sessions);
        self.all.password_resets.merge(password_resets);
        self.all.audit_entries.merge(audit_entries);
        if uptime.is_some() {
            self.all.uptime.clone_from(uptime);
        }
    }
}
