//! A store with a concert on it, and people to come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::audit::audit;
use domain::cash::{CashEntry, CashPolicy, charge};
use domain::concert::{Concert, ConcertDetails};
use domain::draw::DrawSeed;
use domain::ids::{ConcertId, ReservationId, RoomId, SeatId, ShowId, TokenId, UserId};
use domain::line::{IfExists, JoinRequest, join};
use domain::money::Amount;
use domain::payment::{PayRequest, Receipt, pay};
use domain::ports::{
    CashBook, Catalogue, Clock, DueWork, Ledger, Lines, Orders, Store, UpdateError,
};
use domain::provider_charge::SettlingPolicy;
use domain::records::{Records, Scope};
use domain::reservation::{BookingPolicy, HoldRequest, Reservation, hold};
use domain::seat::{Place, Seat};
use domain::show::Show;
use domain::user::{Email, Role, User, UserName};
use domain::waiting_room::{Door, RoomPolicy, WaitingRoom, add_room};
use domain::waiting_token::WaitingToken;
use uuid::Uuid;

/// An answer may take a second, and be a minute late.
pub(crate) const SETTLING: SettlingPolicy = SettlingPolicy {
    answer_within: TimeDelta::seconds(1),
    settle_within: TimeDelta::minutes(1),
    undo_within: None,
};

/// A store under test, with one concert, one show of [`Stage::SEATS`] seats, and the site's room.
#[derive(Clone)]
pub struct Stage {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ledger: Arc<dyn Ledger>,
    pub catalogue: Arc<dyn Catalogue>,
    pub lines: Arc<dyn Lines>,
    pub orders: Arc<dyn Orders>,
    pub cash_book: Arc<dyn CashBook>,
    pub due_work: Arc<dyn DueWork>,
    last_id: Arc<AtomicU64>,
    ids_fall: bool,
}

/// Somebody who was let in.
#[derive(Debug, Clone, Copy)]
pub struct Buyer {
    pub user_id: UserId,
    pub token_id: TokenId,
}

impl Stage {
    pub const SEATS: u32 = 40;
    pub const PRICE: i64 = 100;

    /// Puts the concert on the store.
    pub async fn set<S>(store: Arc<S>, clock: Arc<dyn Clock>) -> Self
    where
        S: Store + Catalogue + Ledger + Lines + Orders + CashBook + DueWork + 'static,
    {
        let stage = Self::over(store, clock);
        stage.open(10_000).await;
        stage
    }

    /// On a store on which the concert is already.
    pub fn over<S>(store: Arc<S>, clock: Arc<dyn Clock>) -> Self
    where
        S: Store + Catalogue + Ledger + Lines + Orders + CashBook + DueWork + 'static,
    {
        Self {
            clock,
            ledger: store.clone(),
            catalogue: store.clone(),
            lines: store.clone(),
            orders: store.clone(),
            cash_book: store.clone(),
            due_work: store.clone(),
            store,
            last_id: Arc::default(),
            ids_fall: false,
        }
    }

    /// An id that sorts after all before it, or before them where ids fall.
    pub fn id<Id: From<Uuid>>(&self) -> Id {
        let n = u128::from(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let id = if self.ids_fall { (1 << 100) - n } else { (1 << 100) + n };
        Uuid::from_u128(id).into()
    }

    /// The same with ids that fall, as those of a machine whose clock is behind the others'.
    #[must_use]
    pub fn with_falling_ids(&self) -> Self {
        Self { ids_fall: true, ..self.clone() }
    }

    #[must_use]
    pub fn concert_id(&self) -> ConcertId {
        Uuid::from_u128(1).into()
    }

    #[must_use]
    pub fn show_id(&self) -> ShowId {
        Uuid::from_u128(2).into()
    }

    #[must_use]
    pub fn seat(&self, n: u32) -> SeatId {
        Uuid::from_u128(1_000 + u128::from(n)).into()
    }

    async fn open(&self, capacity: u32) {
        let (concert_id, show_id) = (self.concert_id(), self.show_id());
        let seat_ids: Vec<_> = (0..Self::SEATS).map(|n| self.seat(n)).collect();
        let set = move |records: &mut Records| {
            let now = records.now;
            let policy = RoomPolicy {
                capacity,
                admissions_per_minute: None,
                active_ttl_seconds: 3_600,
                idle_ttl_seconds: 120,
                paused: false,
                opens_at: None,
            };
            let seed = DrawSeed::new([9; 32]);
            let room = WaitingRoom::new(RoomId::SITE, Door::Site, policy, seed, now);
            add_room(records, room);
            let details = ConcertDetails {
                title: "봄의 노래 '); DROP TABLE seats; --".into(),
                venue: "🎤 <b>hall</b>".into(),
                time_zone: "Asia/Seoul".parse().unwrap(),
                currency: "KRW".parse().unwrap(),
                sale_opens_at: None,
                sale_closes_at: None,
                max_seats_per_user: 8,
            };
            let concert = Concert { id: concert_id, details, room_id: None, created_at: now };
            records.concerts.insert(concert.clone());
            let starts_at = now + TimeDelta::days(30);
            records.shows.insert(Show {
                id: show_id,
                concert_id,
                starts_at,
                date: Show::date_at_venue(starts_at, concert.details.time_zone),
                seat_count: Self::SEATS,
                room_id: None,
            });
            for (n, id) in seat_ids.iter().enumerate() {
                let place = Place {
                    number: format!("나-1-{n}"),
                    section: "나".into(),
                    row: "1".into(),
                    grade: "R".into(),
                    price: Amount::new(Self::PRICE).unwrap(),
                };
                records.seats.insert(Seat::new(*id, show_id, place));
            }
            Ok(())
        };
        self.store.decide(Scope::new(), set).await.unwrap();
    }

    /// Somebody signs up.
    pub async fn user(&self) -> UserId {
        let id: UserId = self.id();
        let email = Email::new(&format!("{}@example.com", Uuid::from(id))).unwrap();
        let sign_up = move |records: &mut Records| {
            records.users.insert(User {
                id,
                email: email.clone(),
                name: UserName::new("김미나 🎟️").unwrap(),
                role: Role::Buyer,
                password_hash: None,
                created_at: records.now,
                disabled_at: None,
                signed_out: None,
            });
            Ok(())
        };
        self.store.decide(Scope::new(), sign_up).await.unwrap();
        id
    }

    /// A user takes a place in the site's room.
    pub async fn join(&self, user_id: UserId) -> Result<WaitingToken, UpdateError> {
        self.join_in(RoomId::SITE, user_id).await
    }

    async fn join_in(&self, room_id: RoomId, user_id: UserId) -> Result<WaitingToken, UpdateError> {
        let if_exists = IfExists::Return;
        let ask = JoinRequest { id: self.id(), user_id, room_id, concert_id: None, if_exists };
        let scope = Scope::new().user(user_id).end_of_line(room_id).place(user_id, room_id);
        let join = move |records: &mut Records| Ok(join(records, &ask)?.token);
        self.store.decide(scope, join).await
    }

    /// Somebody signs up, is let in and has cash.
    pub async fn buyer(&self) -> Buyer {
        self.buyer_in(RoomId::SITE).await
    }

    /// Somebody signs up, is let in to that room and has cash.
    pub async fn buyer_in(&self, room_id: RoomId) -> Buyer {
        let user_id = self.user().await;
        let token_id = self.join_in(room_id, user_id).await.unwrap().id;
        self.charge(user_id, 10 * Self::PRICE).await.unwrap();
        Buyer { user_id, token_id }
    }

    pub async fn charge(&self, user_id: UserId, amount: i64) -> Result<CashEntry, UpdateError> {
        let id = self.id();
        let most = Amount::new(1_000_000).unwrap();
        let policy = CashPolicy { charge_max: most, balance_max: most, top_ups_pending_max: 1 };
        let scope = Scope::new().user(user_id).account(user_id);
        let decide = move |records: &mut Records| charge(records, user_id, id, amount, policy);
        self.store.decide(scope, decide).await
    }

    /// A buyer holds seats for `hold_seconds`.
    pub async fn hold(
        &self,
        buyer: Buyer,
        seats: &[u32],
        hold_seconds: u32,
    ) -> Result<Reservation, UpdateError> {
        let seats: Vec<_> = seats.iter().map(|n| self.seat(*n)).collect();
        self.hold_at(buyer, self.show_id(), &seats, hold_seconds).await
    }

    /// A buyer holds seats of a show for `hold_seconds`.
    pub async fn hold_at(
        &self,
        buyer: Buyer,
        show_id: ShowId,
        seats: &[SeatId],
        hold_seconds: u32,
    ) -> Result<Reservation, UpdateError> {
        let ask = HoldRequest {
            id: self.id(),
            user_id: buyer.user_id,
            token_id: buyer.token_id,
            show_id,
            seat_ids: seats.to_vec(),
        };
        let policy =
            BookingPolicy { hold_seconds, seats_per_reservation: 4, rehold_cooldown_seconds: 0 };
        let scope = Scope::new()
            .token(ask.token_id)
            .show(ask.show_id)
            .seats(ask.seat_ids.iter().copied())
            .reserved_by(ask.user_id, self.concert_id());
        self.store.decide(scope, move |records| hold(records, &ask, policy)).await
    }

    /// A buyer pays in cash alone.
    pub async fn pay(
        &self,
        buyer: Buyer,
        reservation_id: ReservationId,
    ) -> Result<Receipt, UpdateError> {
        self.ask_to_pay(buyer, reservation_id, None).await
    }

    /// A buyer pays, and an outside provider has to say yes.
    pub async fn pay_through_provider(
        &self,
        buyer: Buyer,
        reservation_id: ReservationId,
    ) -> Result<Receipt, UpdateError> {
        self.ask_to_pay(buyer, reservation_id, Some(SETTLING)).await
    }

    async fn ask_to_pay(
        &self,
        buyer: Buyer,
        reservation_id: ReservationId,
        settling: Option<SettlingPolicy>,
    ) -> Result<Receipt, UpdateError> {
        let ask = PayRequest {
            id: self.id(),
            entry_id: self.id(),
            user_id: buyer.user_id,
            token_id: buyer.token_id,
            reservation_id,
        };
        let scope =
            Scope::new().token(ask.token_id).reservation(reservation_id).account(ask.user_id);
        self.store.decide(scope, move |records| pay(records, &ask, settling)).await
    }

    pub async fn balance(&self, user_id: UserId) -> i64 {
        let account = self.cash_book.account(user_id).await.unwrap();
        account.map_or(0, |account| account.balance.minor_units())
    }

    /// Waits until the store's clock says `time`.
    pub async fn wait_until(&self, time: Timestamp) {
        while let Ok(left) = (time - self.clock.now()).to_std() {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Has the books audited.
    pub async fn assert_sound(&self) {
        for finding in audit(&self.ledger.books().await.unwrap()) {
            assert!(finding.breaches.is_empty(), "{finding:?}");
        }
    }
}
