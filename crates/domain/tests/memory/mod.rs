//! A store in memory, for tests of the rules: nothing but maps behind [`Source`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::audit::Books;
use domain::cash::{CashAccount, CashEntry};
use domain::concert::{Concert, ConcertDetails};
use domain::counts::{RoomCount, ShowCount};
use domain::draw::DrawSeed;
use domain::idempotency::{IdempotencyKey, KeptAnswer};
use domain::ids::{
    ConcertId, EntryId, PasswordResetId, PaymentId, ReservationId, RoomId, SeatId, SessionId,
    ShowId, TokenId, TopUpId, UserId,
};
use domain::money::Amount;
use domain::payment::Payment;
use domain::ports::Decide;
use domain::records::{Entity, Forgotten, Group, Scope, Source, Table};
use domain::reservation::{Reservation, ReservationState};
use domain::seat::{Place, Seat};
use domain::session::{PasswordReset, Session};
use domain::show::Show;
use domain::top_up::TopUp;
use domain::uptime::Uptime;
use domain::user::{Email, Role, User, UserName};
use domain::waiting_room::{Door, Line, PolicyInForce, RoomPolicy, WaitingRoom, add_room};
use domain::waiting_token::{TokenState, WaitingToken};
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct Memory {
    now: Timestamp,
    users: BTreeMap<UserId, User>,
    concerts: BTreeMap<ConcertId, Concert>,
    shows: BTreeMap<ShowId, Show>,
    seats: BTreeMap<SeatId, Seat>,
    reservations: BTreeMap<ReservationId, Reservation>,
    payments: BTreeMap<PaymentId, Payment>,
    top_ups: BTreeMap<TopUpId, TopUp>,
    accounts: BTreeMap<UserId, CashAccount>,
    entries: BTreeMap<EntryId, CashEntry>,
    rooms: BTreeMap<RoomId, WaitingRoom>,
    policies: BTreeMap<(RoomId, u64), PolicyInForce>,
    tokens: BTreeMap<TokenId, WaitingToken>,
    room_counts: BTreeMap<RoomId, RoomCount>,
    show_counts: BTreeMap<ShowId, ShowCount>,
}

fn save<E: Entity>(rows: &mut BTreeMap<E::Id, E>, changes: &Table<E>) {
    rows.extend(changes.changes().map(|(entity, _)| (entity.id(), entity.clone())));
}

impl Memory {
    /// Users, and one show of one concert with `seats` seats of 100 each, behind the site's room,
    /// which holds two.
    pub(crate) fn with_one_show(
        users: u8,
        seats: u8,
        opens_at: Option<Timestamp>,
        id: fn(u128, u8) -> Uuid,
    ) -> Self {
        let start = Timestamp::UNIX_EPOCH;
        let mut memory = Self { now: start, ..Self::default() };
        for n in 0..users {
            let id = UserId::from(id(1, n));
            let user = User {
                id,
                email: Email::new(&format!("user{n}@example.com")).unwrap(),
                name: UserName::new("user").unwrap(),
                role: Role::Buyer,
                password_hash: None,
                created_at: start,
                disabled_at: None,
                signed_out: None,
            };
            memory.users.insert(id, user);
        }
        let concert = Concert {
            id: id(2, 1).into(),
            details: ConcertDetails {
                title: "concert".into(),
                venue: "venue".into(),
                time_zone: chrono_tz::Asia::Seoul,
                currency: "KRW".parse().unwrap(),
                sale_opens_at: None,
                sale_closes_at: None,
                max_seats_per_user: 4,
            },
            room_id: None,
            created_at: start,
        };
        let starts_at = start + TimeDelta::days(2);
        let show = Show {
            id: id(2, 2).into(),
            concert_id: concert.id,
            starts_at,
            date: Show::date_at_venue(starts_at, concert.details.time_zone),
            seat_count: seats.into(),
            room_id: None,
        };
        for n in 0..seats {
            let place = Place {
                number: format!("A-1-{n}"),
                section: "A".into(),
                row: "1".into(),
                grade: "R".into(),
                price: Amount::new(100).unwrap(),
            };
            let seat = Seat::new(id(4, n).into(), show.id, place);
            memory.seats.insert(seat.id, seat);
            memory.show_counts.entry(show.id).or_default().available += 1;
        }
        memory.concerts.insert(concert.id, concert);
        memory.shows.insert(show.id, show);
        let policy = RoomPolicy {
            capacity: 2,
            admissions_per_minute: None,
            active_ttl_seconds: 600,
            idle_ttl_seconds: 120,
            paused: false,
            opens_at,
        };
        let seed = DrawSeed::new([7; 32]);
        let room = WaitingRoom::new(RoomId::SITE, Door::Site, policy, seed, start);
        let add: Decide = Box::new(move |records| {
            add_room(records, room.clone());
            Ok(())
        });
        memory.run(start, &Scope::new(), &add);
        memory
    }

    /// Runs one decision at `now`. Says whether it was accepted.
    pub(crate) fn run(&mut self, now: Timestamp, scope: &Scope, decide: &Decide) -> bool {
        self.now = now;
        let mut group = Group::new(&mut *self, now, now);
        let Ok(accepted) = group.run(scope, decide);
        let accepted = accepted.is_ok();
        let changes = group.into_changes();
        save(&mut self.seats, &changes.seats);
        save(&mut self.reservations, &changes.reservations);
        save(&mut self.payments, &changes.payments);
        save(&mut self.top_ups, &changes.top_ups);
        save(&mut self.accounts, &changes.accounts);
        save(&mut self.entries, &changes.entries);
        save(&mut self.rooms, &changes.rooms);
        save(&mut self.policies, &changes.policies);
        save(&mut self.tokens, &changes.tokens);
        for (id, more) in changes.room_counts() {
            *self.room_counts.entry(id).or_default() += more;
        }
        for (id, more) in changes.show_counts() {
            *self.show_counts.entry(id).or_default() += more;
        }
        let Forgotten { tokens, reservations, kept_answers: _, sessions: _, password_resets: _ } =
            changes.forgotten();
        self.tokens.retain(|id, _| !tokens.contains(id));
        self.reservations.retain(|id, _| !reservations.contains(id));
        accepted
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn books(&self) -> Books {
        Books {
            concerts: self.concerts.values().cloned().collect(),
            shows: self.shows.values().cloned().collect(),
            seats: self.seats.values().cloned().collect(),
            reservations: self.reservations.values().cloned().collect(),
            payments: self.payments.values().cloned().collect(),
            top_ups: self.top_ups.values().cloned().collect(),
            accounts: self.accounts.values().cloned().collect(),
            entries: self.entries.values().cloned().collect(),
            rooms: self.rooms.values().cloned().collect(),
            policies: self.policies.values().cloned().collect(),
            tokens: self.tokens.values().cloned().collect(),
            reservation_seats: self
                .reservations
                .values()
                .flat_map(Reservation::seat_rows)
                .collect(),
            room_counts: self.room_counts.iter().map(|(id, count)| (*id, *count)).collect(),
            show_counts: self.show_counts.iter().map(|(id, count)| (*id, *count)).collect(),
            disabled_users: Vec::new(),
            password_resets: Vec::new(),
            audit_entries: Vec::new(),
            audit_log_since: None,
            unreadable: Vec::new(),
            outages: Vec::new(),
            evidence_since: Some(Timestamp::UNIX_EPOCH),
            now: self.now,
            cutoff: self.now,
        }
    }
}

impl Source for &mut Memory {
    type Error = Infallible;

    fn user(&mut self, id: UserId) -> Result<Option<Arc<User>>, Infallible> {
        Ok(self.users.get(&id).cloned().map(Arc::new))
    }

    fn user_of_email(&mut self, email: &Email) -> Result<Option<Arc<User>>, Infallible> {
        let found = self.users.values().find(|user| user.email.is_found_by(email));
        Ok(found.cloned().map(Arc::new))
    }

    fn session(&mut self, _: SessionId) -> Result<Option<Arc<Session>>, Infallible> {
        Ok(None)
    }

    fn password_reset(
        &mut self,
        _: PasswordResetId,
    ) -> Result<Option<Arc<PasswordReset>>, Infallible> {
        Ok(None)
    }

    fn concert(&mut self, id: ConcertId) -> Result<Option<Arc<Concert>>, Infallible> {
        Ok(self.concerts.get(&id).cloned().map(Arc::new))
    }

    fn show(&mut self, id: ShowId) -> Result<Option<Arc<Show>>, Infallible> {
        Ok(self.shows.get(&id).cloned().map(Arc::new))
    }

    fn show_at(
        &mut self,
        concert_id: ConcertId,
        starts_at: Timestamp,
    ) -> Result<Option<Arc<Show>>, Infallible> {
        let at = |show: &&Show| (show.concert_id, show.starts_at) == (concert_id, starts_at);
        Ok(self.shows.values().find(at).cloned().map(Arc::new))
    }

    fn seat(&mut self, id: SeatId) -> Result<Option<Arc<Seat>>, Infallible> {
        Ok(self.seats.get(&id).cloned().map(Arc::new))
    }

    fn reservation(&mut self, id: ReservationId) -> Result<Option<Arc<Reservation>>, Infallible> {
        Ok(self.reservations.get(&id).cloned().map(Arc::new))
    }

    fn reserved_by(
        &mut self,
        user_id: UserId,
        concert_id: ConcertId,
    ) -> Result<Vec<Arc<Reservation>>, Infallible> {
        let theirs = self.reservations.values().filter(|r| {
            let is_given_back = matches!(r.state, ReservationState::Cancelled { .. });
            let counts = r.state.has_its_seats() || is_given_back;
            (r.user_id, r.concert_id) == (user_id, concert_id) && counts
        });
        Ok(theirs.cloned().map(Arc::new).collect())
    }

    fn payment(&mut self, id: PaymentId) -> Result<Option<Arc<Payment>>, Infallible> {
        Ok(self.payments.get(&id).cloned().map(Arc::new))
    }

    fn top_up(&mut self, id: TopUpId) -> Result<Option<Arc<TopUp>>, Infallible> {
        Ok(self.top_ups.get(&id).cloned().map(Arc::new))
    }

    fn account(&mut self, user_id: UserId) -> Result<Option<Arc<CashAccount>>, Infallible> {
        Ok(self.accounts.get(&user_id).cloned().map(Arc::new))
    }

    fn room(&mut self, id: RoomId) -> Result<Option<Arc<WaitingRoom>>, Infallible> {
        Ok(self.rooms.get(&id).cloned().map(Arc::new))
    }

    fn line(&mut self, id: RoomId) -> Result<Line, Infallible> {
        let in_room = || self.tokens.values().filter(|token| token.room_id == id);
        let is_active = |token: &&WaitingToken| matches!(token.state, TokenState::Active { .. });
        let active = in_room().filter(is_active).count();
        let anyone_waiting = in_room().any(|token| token.state == TokenState::Waiting);
        Ok(Line { room_id: id, active_count: Some(u32::try_from(active).unwrap()), anyone_waiting })
    }

    fn run_out(
        &mut self,
        id: RoomId,
        cutoff: Timestamp,
    ) -> Result<Vec<Arc<WaitingToken>>, Infallible> {
        let over = self.tokens.values().filter(|t| t.room_id == id && t.has_run_out(cutoff));
        Ok(over.cloned().map(Arc::new).collect())
    }

    fn token(&mut self, id: TokenId) -> Result<Option<Arc<WaitingToken>>, Infallible> {
        Ok(self.tokens.get(&id).cloned().map(Arc::new))
    }

    fn place(
        &mut self,
        user_id: UserId,
        room_id: RoomId,
    ) -> Result<Option<Arc<WaitingToken>>, Infallible> {
        let theirs = || {
            let all = self.tokens.values();
            all.filter(|token| (token.user_id, token.room_id) == (user_id, room_id))
        };
        let live = theirs().find(|token| token.is_written_live());
        let place = live.or_else(|| theirs().find(|token| token.is_lot_to_draw()));
        Ok(place.cloned().map(Arc::new))
    }

    fn kept_answer(&mut self, _: &IdempotencyKey) -> Result<Option<Arc<KeptAnswer>>, Infallible> {
        Ok(None)
    }

    fn uptime(&mut self) -> Result<Option<Uptime>, Infallible> {
        Ok(None)
    }
}
