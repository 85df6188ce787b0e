use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use domain::ids::{ConcertId, RoomId, TokenId, UserId};
use domain::line::{IfExists, JoinRequest, join};
use domain::ports::{
    Catalogue, Clock, Ids, JoinWork, LineWatch, QueueClaims, QueueTokens, Store, UpdateError,
    Users, WorkDone,
};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::waiting_token::TokenState;

use super::{Ticket, TicketDesk};
use crate::Ports;

/// Somebody takes a place in a waiting room, or gets the one that is theirs already.
pub struct TakePlace {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    users: Arc<dyn Users>,
    catalogue: Arc<dyn Catalogue>,
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
    /// For its show on which date.
    pub date: Option<NaiveDate>,
    /// Whether to be told of a place that is there already instead of being given it.
    pub if_exists: IfExists,
    /// The work that was done for it, if any was.
    pub work: Option<WorkDone>,
}

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
    /// Over these ports.
    #[must_use]
    pub fn new(ports: &Ports, desk: Arc<TicketDesk>) -> Self {
        Self {
            store: ports.store.clone(),
            ids: ports.ids.clone(),
            users: ports.users.clone(),
            catalogue: ports.catalogue.clone(),
            queue_tokens: ports.queue_tokens.clone(),
            work: ports.join_work.clone(),
            clock: ports.clock.clone(),
            watch: ports.line_watch.clone(),
            desk,
        }
    }

    /// # Errors
    /// [`Refusal::WorkRequired`], [`Refusal::InvalidUser`], [`Refusal::InvalidConcert`],
    /// [`Refusal::InvalidDatetime`], [`Refusal::TokenExists`].
    pub async fn execute(&self, ask: PlaceRequest) -> Result<Place, UpdateError> {
        self.ensure_work(&ask)?;
        let room_id = match self.room(&ask).await {
            Err(UpdateError::Refused(refusal)) => {
                self.users.user(ask.user_id).await?.ok_or(Refusal::InvalidUser)?;
                return Err(refusal.into());
            }
            found => found?,
        };
        let id = TokenId::from(self.ids.next());
        let scope =
            Scope::new().user(ask.user_id).end_of_line(room_id).live_token(ask.user_id, room_id);
        let join_request = JoinRequest {
            id,
            user_id: ask.user_id,
            room_id,
            concert_id: ask.concert_id,
            if_exists: ask.if_exists,
        };
        let join = move |records: &mut Records| join(records, &join_request);
        let token = self.store.decide(scope, join).await?;
        let issued = token.id == id;
        if let (true, TokenState::Active { .. }) = (issued, token.state) {
            self.watch.admitted(room_id, TimeDelta::zero());
        }
        let claims = QueueClaims::from(&token);
        let ticket = self.desk.ticket(&claims).await?.ok_or(Refusal::NotFound)?;
        Ok(Place { issued, token: self.queue_tokens.sign(&claims), ticket })
    }

    fn ensure_work(&self, ask: &PlaceRequest) -> Result<(), Refusal> {
        let now = self.clock.now();
        let Some(demand) = self.work.demand(ask.user_id, now) else { return Ok(()) };
        let is_done = |done| self.work.is_done(ask.user_id, done, now);
        if ask.work.as_ref().is_some_and(is_done) {
            return Ok(());
        }
        Err(Refusal::WorkRequired { challenge: demand.challenge, bits: demand.bits })
    }

    /// The room in front of what is asked for. Which room that is never changes.
    async fn room(&self, ask: &PlaceRequest) -> Result<RoomId, UpdateError> {
        let Some(concert_id) = ask.concert_id else {
            return match ask.date {
                None => Ok(RoomId::SITE),
                Some(_) => Err(Refusal::invalid("date", "needs a concert_id").into()),
            };
        };
        let concert = self.catalogue.concert(concert_id).await?.ok_or(Refusal::InvalidConcert)?;
        if ask.date.is_none() {
            return Ok(concert.room());
        }
        let shows = self.catalogue.shows(concert_id, ask.date).await?;
        let show = shows.first().ok_or(Refusal::InvalidDatetime)?;
        Ok(show.room(&concert))
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{
        MockJoinWork, MockLines, MockQueueTokens, MockStore, WaitingNumbers, WorkDemand,
    };
    use domain::waiting_token::Standing;

    use super::*;
    use crate::testing::*;

    fn take_place(store: Arc<MockStore>) -> TakePlace {
        with_work(store, MockJoinWork::new())
    }

    fn with_work(store: Arc<MockStore>, mut work: MockJoinWork) -> TakePlace {
        work.expect_demand().returning(|_, _| None);
        let mut queue_tokens = MockQueueTokens::new();
        queue_tokens
            .expect_sign()
            .returning(|claims| format!("signed {}", claims.number.unwrap_or(0)));
        let mut lines = MockLines::new();
        let waiting = vec![(100, claims().token_id), (101, uuid::Uuid::from_u128(0x1_0001).into())];
        let line = WaitingNumbers { last_number: 101, waiting, ..Default::default() };
        lines.expect_waiting_numbers().returning(move |_| Ok(line.clone()));
        lines.expect_room().returning(|_| Ok(Some(room())));
        lines.expect_admitted().returning(|_, _| Ok(Default::default()));
        TakePlace {
            store,
            ids: ids(),
            users: users(vec![buyer()]),
            catalogue: catalogue(),
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
                .returning(|_, _| Some(WorkDemand { challenge: "do this".into(), bits: 9 }));
            work.expect_is_done().returning(|_, done, _| done.nonce == "right");
            with_work(store_with(without_token()), work)
        };
        let with_nonce = |nonce: &str| {
            let done = WorkDone { challenge: "do this".into(), nonce: nonce.into() };
            PlaceRequest { work: Some(done), ..ask() }
        };
        let required = Refusal::WorkRequired { challenge: "do this".into(), bits: 9 };
        assert_refused(take().execute(ask()).await, &required);
        assert_refused(take().execute(with_nonce("wrong")).await, &required);
        assert!(take().execute(with_nonce("right")).await.unwrap().issued);
    }

    fn ask() -> PlaceRequest {
        PlaceRequest {
            user_id: buyer_id(),
            concert_id: Some(concert().id),
            date: Some(show().date),
            if_exists: IfExists::Return,
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
        assert!(take_place(store).execute(ask()).await.unwrap().issued);
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
