use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use domain::idempotency::{IdempotencyKey, use_up};
use domain::ids::{ConcertId, RoomId, ShowId, TokenId, UserId};
use domain::line::{IfExists, JoinRequest, Joined, join};
use domain::ports::{
    Clock, Ids, JoinWork, LineWatch, QueueClaims, QueueTokens, Store, UpdateError, Users, WorkDone,
};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::show::the_only_room;
use domain::waiting_token::TokenState;

use super::{Ticket, TicketDesk};
use crate::Ports;
use crate::catalogue::{Performance, Programme};

/// Somebody takes a place in a waiting room, or gets the one that is theirs already.
pub struct TakePlace {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    users: Arc<dyn Users>,
    programme: Arc<Programme>,
    queue_tokens: Arc<dyn QueueTokens>,
    work: Arc<dyn JoinWork>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn LineWatch>,
    desk: Arc<TicketDesk>,
}

/// Which line somebody wants to stand in.
#[derive(Debug, Clone)]
pub struct PlaceRequest {
    /// Who.
    pub user_id: UserId,
    /// For which concert; for none in particular: the site-wide room.
    pub concert_id: Option<ConcertId>,
    /// For its shows on which date.
    pub date: Option<NaiveDate>,
    /// For which show.
    pub show_id: Option<ShowId>,
    /// Whether to be told of a place that is there already instead of being given it.
    pub if_exists: IfExists,
    /// How many bits of work it costs; 0 for none.
    pub work_bits: u32,
    /// The work that was done for it, if any was.
    pub work: Option<WorkDone>,
}

/// The call that work which was used is kept under.
const WORK: &str = "work for a place in line";

/// A place that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whether it is a new one.
    pub issued: bool,
    /// The queue token, signed.
    pub token: String,
    /// How far it got.
    pub ticket: Ticket,
}

impl TakePlace {
    /// Over these ports, with what is played.
    #[must_use]
    pub fn new(ports: &Ports, programme: Arc<Programme>, desk: Arc<TicketDesk>) -> Self {
        Self {
            store: ports.store.clone(),
            ids: ports.ids.clone(),
            users: ports.users.clone(),
            programme,
            queue_tokens: ports.queue_tokens.clone(),
            work: ports.join_work.clone(),
            clock: ports.clock.clone(),
            watch: ports.line_watch.clone(),
            desk,
        }
    }

    /// # Errors
    /// [`Refusal::WorkRequired`], [`Refusal::InvalidUser`], [`Refusal::InvalidConcert`],
    /// [`Refusal::InvalidShow`], [`Refusal::InvalidDatetime`], [`Refusal::AmbiguousDate`],
    /// [`Refusal::TokenExists`]. None once the place is taken.
    pub async fn execute(&self, ask: PlaceRequest) -> Result<Place, UpdateError> {
        let work_used = self.ensure_work(&ask)?;
        let (room_id, concert_id) = match self.room(&ask).await {
            Err(UpdateError::Refused(refusal)) => {
                self.users.user(ask.user_id).await?.ok_or(Refusal::InvalidUser)?;
                return Err(refusal.into());
            }
            found => found?,
        };
        self.desk.prepare(room_id).await;
        let since = self.desk.beginning();
        let id = TokenId::from(self.ids.next());
        let scope = Scope::new()
            .user(ask.user_id)
            .end_of_line(room_id)
            .place(ask.user_id, room_id)
            .kept_answer(work_used.clone());
        let join_request =
            JoinRequest { id, user_id: ask.user_id, room_id, concert_id, if_exists: ask.if_exists };
        let join = move |records: &mut Records| {
            let joined = join(records, &join_request)?;
            if let (true, Some(work)) = (joined.issued, &work_used) {
                use_up(records, work)?;
            }
            let room = records.rooms.get(&room_id).cloned().ok_or(Refusal::NotFound)?;
            let user = records.users.get(&join_request.user_id);
            Ok((joined, room, records.cutoff, user.and_then(|user| user.signed_out)))
        };
        let (Joined { token, issued, ran_out }, room, decided_at, signed_out) =
            match self.store.decide(scope, join).await {
                Err(UpdateError::Refused(Refusal::IdempotencyKeyReused)) => {
                    return Err(self.demand(&ask).into());
                }
                joined => joined?,
            };
        ran_out.iter().for_each(|_| self.watch.ran_out(room_id));
        if let (true, TokenState::Active { .. }) = (issued, token.state) {
            self.watch.admitted(room_id, TimeDelta::zero());
        }
        let ticket = self.desk.ticket_of(&token, &room, decided_at, since);
        let claims = QueueClaims::from(&token).after(signed_out);
        Ok(Place { issued, token: self.queue_tokens.sign(&claims), ticket })
    }

    /// Returns under which key the work counts as used once the place is taken, if it costs any.
    fn ensure_work(&self, ask: &PlaceRequest) -> Result<Option<IdempotencyKey>, Refusal> {
        if ask.work_bits == 0 {
            return Ok(None);
        }
        let now = self.clock.now();
        match &ask.work {
            Some(done) if self.work.is_done(ask.user_id, done, now) => {
                let (call, key) = (WORK.to_owned(), done.challenge.clone());
                Ok(Some(IdempotencyKey { user_id: ask.user_id, call, key }))
            }
            _ => Err(self.demand(ask)),
        }
    }

    fn demand(&self, ask: &PlaceRequest) -> Refusal {
        let demand = self.work.demand(ask.user_id, ask.work_bits, self.clock.now());
        Refusal::WorkRequired { challenge: demand.challenge, bits: demand.bits }
    }

    /// The room in front of what is asked for, and the concert that is meant, if one is. Which room
    /// that is never changes.
    async fn room(&self, ask: &PlaceRequest) -> Result<(RoomId, Option<ConcertId>), UpdateError> {
        if let Some(id) = ask.show_id {
            return self.room_of_show(id, ask).await;
        }
        let Some(concert_id) = ask.concert_id else {
            return match ask.date {
                None => Ok((RoomId::SITE, None)),
                Some(_) => Err(Refusal::invalid("date", "needs a concert_id").into()),
            };
        };
        let concert = self.programme.concert(concert_id).await?.ok_or(Refusal::InvalidConcert)?;
        let Some(date) = ask.date else { return Ok((concert.room(), Some(concert_id))) };
        let shows = self.programme.shows_on(concert_id, date).await?;
        let room = the_only_room(&shows, &concert).map_err(|refusal| match refusal {
            Refusal::InvalidDate => Refusal::InvalidDatetime,
            other => other,
        })?;
        Ok((room, Some(concert_id)))
    }

    /// The room in front of a show; what else is said of it has to be so.
    async fn room_of_show(
        &self,
        id: ShowId,
        ask: &PlaceRequest,
    ) -> Result<(RoomId, Option<ConcertId>), UpdateError> {
        if let Some(concert_id) = ask.concert_id {
            self.programme.concert(concert_id).await?.ok_or(Refusal::InvalidConcert)?;
        }
        let performance = self.programme.show(id).await?.ok_or(Refusal::InvalidShow)?;
        let Performance { show, concert } = &*performance;
        if ask.concert_id.is_some_and(|concert_id| concert_id != concert.id) {
            return Err(Refusal::InvalidShow.into());
        }
        if ask.date.is_some_and(|date| date != show.date) {
            return Err(Refusal::InvalidDatetime.into());
        }
        Ok((performance.room(), Some(concert.id)))
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{
        MockCatalogue, MockJoinWork, MockLineWatch, MockLines, MockQueueTokens, MockStore,
        Unavailable, WaitingNumbers, WorkDemand,
    };
    use domain::show::Show;
    use domain::waiting_token::Standing;

    use super::*;
    use crate::queue::{Board, RoomPulses};
    use crate::testing::*;

    fn take_place(store: Arc<MockStore>) -> TakePlace {
        with_work(store, MockJoinWork::new())
    }

    fn with_work(store: Arc<MockStore>, work: MockJoinWork) -> TakePlace {
        let mut lines = MockLines::new();
        let waiting = vec![(100, claims().token_id), (101, uuid::Uuid::from_u128(0x1_0001).into())];
        let line = WaitingNumbers { last_number: 101, waiting, ..Default::default() };
        lines.expect_waiting_numbers().returning(move |_| Ok(line.clone()));
        lines.expect_room().returning(|_| Ok(Some(room())));
        lines.expect_admitted().returning(|_, _| Ok(Default::default()));
        over(store, work, lines)
    }

    fn over(store: Arc<MockStore>, work: MockJoinWork, lines: MockLines) -> TakePlace {
        let mut queue_tokens = MockQueueTokens::new();
        queue_tokens
            .expect_sign()
            .returning(|claims| format!("signed {}", claims.number.unwrap_or(0)));
        TakePlace {
            store,
            ids: ids(),
            users: users(vec![buyer()]),
            programme: programme(catalogue()),
            queue_tokens: Arc::new(queue_tokens),
            work: Arc::new(work),
            clock: clock(),
            watch: watch(),
            desk: Arc::new(desk(Arc::new(lines))),
        }
    }

    #[tokio::test]
    async fn where_work_is_demanded_nobody_joins_without_having_done_it() {
        let take = || {
            let mut work = MockJoinWork::new();
            work.expect_demand()
                .returning(|_, bits, _| WorkDemand { challenge: "do this".into(), bits });
            work.expect_is_done().returning(|_, done, _| done.nonce == "right");
            with_work(store_with(without_token()), work)
        };
        let with_nonce = |nonce: &str| {
            let done = WorkDone { challenge: "do this".into(), nonce: nonce.into() };
            PlaceRequest { work_bits: 9, work: Some(done), ..ask() }
        };
        let required = Refusal::WorkRequired { challenge: "do this".into(), bits: 9 };
        let without = PlaceRequest { work_bits: 9, ..ask() };
        assert_refused(take().execute(without).await, &required);
        assert_refused(take().execute(with_nonce("wrong")).await, &required);
        assert!(take().execute(with_nonce("right")).await.unwrap().issued);
    }

    fn ask() -> PlaceRequest {
        PlaceRequest {
            user_id: buyer_id(),
            concert_id: Some(concert().id),
            date: Some(show().date),
            show_id: None,
            if_exists: IfExists::Return,
            work_bits: 0,
            work: None,
        }
    }

    fn without_token() -> Records {
        let mut records = world();
        records.tokens = Default::default();
        records
    }

    #[tokio::test]
    async fn a_new_place_has_the_next_number() {
        let place = take_place(store_with(without_token())).execute(ask()).await.unwrap();
        assert!(place.issued);
        assert_eq!(
            (place.token.as_str(), place.ticket.standing),
            ("signed 101", Standing::Waiting)
        );
    }

    #[tokio::test]
    async fn a_place_that_is_taken_is_answered_though_nothing_can_be_read() {
        let mut lines = MockLines::new();
        lines.expect_waiting_numbers().returning(|_| Err(Unavailable::because("away")));
        lines.expect_room().returning(|_| Err(Unavailable::because("away")));
        let take = over(store_with(without_token()), MockJoinWork::new(), lines);
        let place = take.execute(ask()).await.unwrap();
        let ticket = place.ticket;
        assert_eq!((place.issued, ticket.number), (true, Some(101)));
        assert_eq!((ticket.standing, ticket.position), (Standing::Waiting, None));
        assert_eq!((ticket.eta_seconds, ticket.seats_left), (None, None));
    }

    #[tokio::test]
    async fn what_became_of_a_place_since_is_not_what_its_taker_is_told() {
        let lines = lines(Some(done_token()), 0);
        let board = Arc::new(Board::new(lines.clone(), clock()));
        board.note(&done_token(), 0);
        let pulses = Arc::new(RoomPulses::new(lines, catalogue(), clock()));
        let desk = Arc::new(TicketDesk::new(board, pulses, clock()));
        let take = TakePlace { desk, ..take_place(store_with(world())) };
        let place = take.execute(ask()).await.unwrap();
        assert!(matches!(place.ticket.standing, Standing::Active { .. }), "{place:?}");
    }

    /// Two shows on one date, the second with a room of its own.
    fn two_shows() -> (Arc<MockCatalogue>, Show) {
        let second = Show { id: unknown(), room_id: Some(other_room()), ..show() };
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_concert().returning(|id| Ok((id == concert().id).then(concert)));
        let both = vec![show(), second.clone()];
        let all = both.clone();
        catalogue.expect_shows().returning(move |_| Ok(both.clone()));
        catalogue.expect_show().returning(move |id| {
            Ok(all.iter().find(|show| show.id == id).map(|show| (show.clone(), concert())))
        });
        (Arc::new(catalogue), second)
    }

    #[tokio::test]
    async fn shows_on_one_date_with_several_rooms_have_to_be_told_apart() {
        let (catalogue, second) = two_shows();
        let programme = programme(catalogue);
        let take = TakePlace { programme, ..take_place(store_with(without_token())) };
        let shows = vec![(show().id, show().starts_at), (second.id, second.starts_at)];
        assert_refused(take.execute(ask()).await, &Refusal::AmbiguousDate { shows });
        for said in [
            PlaceRequest { concert_id: None, date: None, ..ask() },
            PlaceRequest { date: None, ..ask() },
            ask(),
        ] {
            let first = PlaceRequest { show_id: Some(show().id), ..said.clone() };
            assert_eq!(take.room(&first).await.unwrap(), (RoomId::SITE, Some(concert().id)));
            let second = PlaceRequest { show_id: Some(second.id), ..said };
            assert_eq!(take.room(&second).await.unwrap(), (other_room(), Some(concert().id)));
        }
        let unknown_show = PlaceRequest { show_id: Some(concert_id_as_show()), ..ask() };
        assert_refused(take.execute(unknown_show).await, &Refusal::InvalidShow);
        let on = PlaceRequest { show_id: Some(show().id), ..ask() };
        let other_day = PlaceRequest { date: Some(NaiveDate::MIN), ..on.clone() };
        assert_refused(take.execute(other_day).await, &Refusal::InvalidDatetime);
        let other_concert = PlaceRequest { concert_id: Some(unknown()), ..on };
        assert_refused(take.execute(other_concert).await, &Refusal::InvalidConcert);
    }

    fn concert_id_as_show() -> ShowId {
        uuid::Uuid::from(concert().id).into()
    }

    #[tokio::test]
    async fn who_has_a_place_gets_it_again_or_is_told_so() {
        let place = take_place(store_with(world())).execute(ask()).await.unwrap();
        assert!(!place.issued);
        let conflict = PlaceRequest { if_exists: IfExists::Conflict, ..ask() };
        let told = take_place(store_with(world())).execute(conflict).await;
        assert_refused(told, &Refusal::TokenExists);
    }

    #[tokio::test]
    async fn a_place_that_ran_out_does_not_stand_in_the_way() {
        let mut records = world();
        records.tokens = Default::default();
        records.tokens.load(run_out_token());
        let store = store_checked(records, |records| {
            let written_live = records.live_token_of(buyer_id(), RoomId::SITE).unwrap();
            assert_eq!(written_live.number, Some(101));
        });
        let mut watch = MockLineWatch::new();
        watch.expect_ran_out().withf(|room_id| *room_id == RoomId::SITE).times(1).return_const(());
        watch.expect_admitted().return_const(());
        let take = TakePlace { watch: Arc::new(watch), ..take_place(store) };
        assert!(take.execute(ask()).await.unwrap().issued);
    }

    #[tokio::test]
    async fn what_is_not_there_cannot_be_waited_for() {
        let take = take_place(store_with(world()));
        let concert_id = Some(unknown());
        let unknown_concert = PlaceRequest { concert_id, ..ask() };
        assert_refused(take.execute(unknown_concert.clone()).await, &Refusal::InvalidConcert);
        let no_show_then = PlaceRequest { date: Some(NaiveDate::MIN), ..ask() };
        assert_refused(take.execute(no_show_then).await, &Refusal::InvalidDatetime);
        let date_of_nothing = PlaceRequest { concert_id: None, ..ask() };
        let needs_concert = Refusal::invalid("date", "needs a concert_id");
        assert_refused(take.execute(date_of_nothing).await, &needs_concert);
        let nobody = PlaceRequest { user_id: unknown(), ..unknown_concert };
        assert_refused(take.execute(nobody).await, &Refusal::InvalidUser);
    }

    #[tokio::test]
    async fn a_user_who_is_gone_gets_no_place() {
        let mut records = world();
        records.users = Default::default();
        let gone = take_place(store_with(records)).execute(ask()).await;
        assert_refused(gone, &Refusal::InvalidUser);
    }
}
