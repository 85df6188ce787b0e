use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Admitted, Clock, QueueClaims, Unavailable};
use domain::waiting_room::WaitingRoom;
use domain::waiting_token::{Standing, WaitingToken};

use super::estimate::{eta_seconds, poll_after_seconds};
use super::{Board, PlaceInLine, Pulse, RoomPulses};

/// What the bearer of a queue token sees of the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The place's id.
    pub token_id: TokenId,
    /// In which room.
    pub room_id: RoomId,
    /// Its number in the room, from 1; none before the draw.
    pub number: Option<u64>,
    /// How far it got.
    pub standing: Standing,
    /// How many wait before it, plus one; none unless it waits with a number.
    pub position: Option<u64>,
    /// In how many seconds it should be let in, at the pace of the last minute; none unless it
    /// waits and people are being let in.
    pub eta_seconds: Option<u64>,
    /// When to ask again, in seconds.
    pub poll_after_seconds: u32,
    /// How many seats are free in all that the room sells; none in the site-wide room.
    pub seats_left: Option<u64>,
    /// After how many seconds of silence the place is lost while it waits.
    pub idle_ttl_seconds: u32,
}

/// How long who joins waits for what a ticket tells beside the place itself, where that is not in
/// memory yet.
const PREPARED_WITHIN: Duration = Duration::from_millis(1_000);

/// Writes tickets.
pub struct TicketDesk {
    board: Arc<Board>,
    pulses: Arc<RoomPulses>,
    clock: Arc<dyn Clock>,
}

impl TicketDesk {
    /// Over the board and the rooms' pulses.
    #[must_use]
    pub fn new(board: Arc<Board>, pulses: Arc<RoomPulses>, clock: Arc<dyn Clock>) -> Self {
        Self { board, pulses, clock }
    }

    /// The ticket of a token at `now`, if nobody has to be asked for it.
    #[must_use]
    pub fn known_ticket(&self, claims: &QueueClaims, now: Timestamp) -> Option<Ticket> {
        let place = self.board.known_place(claims, self.clock.cutoff())?;
        self.pulses.with_known(claims.room_id, now, |pulse| write(claims, place, pulse, now))
    }

    /// The ticket of a token; none where its record is gone.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn ticket(&self, claims: &QueueClaims) -> Result<Option<Ticket>, Unavailable> {
        let now = self.clock.now();
        let Some(place) = self.board.place(claims, self.clock.cutoff()).await? else {
            return Ok(None);
        };
        let pulse = self.pulses.pulse(claims.room_id).await?;
        Ok(pulse.map(|pulse| write(claims, place, &pulse, now)))
    }
}

impl TicketDesk {
    /// Brings what tickets in a room are written from to memory, before a place is taken there: once
    /// it is, nobody waits for the store any more. What cannot be read in time is left out of the
    /// ticket.
    pub async fn prepare(&self, room_id: RoomId) {
        let is_felt = self.pulses.with_known(room_id, self.clock.now(), |_| ()).is_some();
        if is_felt && self.board.knows_line(room_id) {
            return;
        }
        let (board, pulses) = (Arc::clone(&self.board), Arc::clone(&self.pulses));
        // What was begun is read to its end, for whoever comes next.
        let reading = tokio::spawn(async move {
            let _ = tokio::join!(board.know_line(room_id), pulses.pulse(room_id));
        });
        let _ = tokio::time::timeout(PREPARED_WITHIN, reading).await;
    }

    /// The board's [`Board::beginning`].
    #[must_use]
    pub fn beginning(&self) -> u64 {
        self.board.beginning()
    }

    /// The ticket of a token as a decision left it that began at [`TicketDesk::beginning`] `since`, where
    /// ends counted as of `cutoff`: how far it got is said by nothing else, and what goes beyond that
    /// (position, estimate, seats) as far as it is known here.
    #[must_use]
    pub fn ticket_of(
        &self,
        token: &WaitingToken,
        room: &WaitingRoom,
        cutoff: Timestamp,
        since: u64,
    ) -> Ticket {
        let (claims, now) = (QueueClaims::from(token), self.clock.now());
        let standing = token.standing(cutoff);
        // One that another server gave may be news here.
        self.board.note(token, since);
        let known = self.board.known_place(&claims, cutoff);
        let known =
            known.filter(|known| (known.standing, standing) == (Standing::Waiting, standing));
        let ahead = known.and_then(|known| known.ahead);
        let place = PlaceInLine { standing, number: token.number, ahead };
        let written = |pulse: &Pulse| write(&claims, place, pulse, now);
        let ticket = self.pulses.with_known(room.id, now, |pulse| written(pulse));
        ticket.unwrap_or_else(|| {
            let admitted = Admitted::default();
            written(&Pulse { room: room.clone(), stock: None, admitted })
        })
    }
}

fn write(claims: &QueueClaims, place: PlaceInLine, pulse: &Pulse, now: Timestamp) -> Ticket {
    let position = place.ahead.map(|ahead| ahead + 1);
    let eta_seconds = position.and_then(|position| eta_seconds(position, pulse));
    Ticket {
        token_id: claims.token_id,
        room_id: claims.room_id,
        number: place.number.or(claims.number),
        standing: place.standing,
        position,
        eta_seconds,
        poll_after_seconds: poll_after_seconds(claims.token_id, position, eta_seconds, pulse, now),
        seats_left: pulse.stock.map(|stock| stock.available),
        idle_ttl_seconds: pulse.room.policy.idle_ttl_seconds,
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{Admitted, MockCatalogue, MockLines, Stock, WaitingNumbers};
    use domain::waiting_token::{TokenState, WaitingToken};

    use super::*;
    use crate::testing::*;

    fn desk(token: WaitingToken) -> TicketDesk {
        let mut lines = MockLines::new();
        let waiting = waiting(71..=100);
        let line = WaitingNumbers { last_number: 100, waiting, ..Default::default() };
        let line = if token.state == TokenState::Waiting { line } else { Default::default() };
        lines.expect_waiting_numbers().times(1).returning(move |_| Ok(line.clone()));
        lines.expect_tokens().returning(move |_| Ok(vec![token.clone()]));
        lines.expect_room().times(1).returning(|_| Ok(Some(room())));
        let admitted = Admitted { last_minute: 60, last_five_minutes: 300 };
        lines.expect_admitted().times(1).returning(move |_, _| Ok(admitted));
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_stock().returning(|_, _| Ok(Stock { total: 10, available: 7, held: 1 }));
        let lines = Arc::new(lines);
        let board = Arc::new(Board::new(lines.clone(), clock()));
        let pulses = RoomPulses::new(lines, Arc::new(catalogue), clock());
        TicketDesk::new(board, Arc::new(pulses), clock())
    }

    #[tokio::test]
    async fn who_waits_sees_a_position_and_an_estimate_and_the_store_is_read_once() {
        let desk = desk(waiting_token());
        assert_eq!(desk.known_ticket(&claims(), now()), None);
        let ticket = desk.ticket(&claims()).await.unwrap().unwrap();
        assert_eq!((ticket.position, ticket.eta_seconds), (Some(30), Some(30)));
        assert_eq!((ticket.number, ticket.seats_left), (Some(100), None));
        for _ in 0..3 {
            assert_eq!(desk.known_ticket(&claims(), now()), Some(ticket.clone()));
        }
    }

    #[tokio::test]
    async fn who_is_inside_has_no_position() {
        let ticket = desk(active_token()).ticket(&claims()).await.unwrap().unwrap();
        assert_eq!((ticket.position, ticket.eta_seconds), (None, None));
        assert!(matches!(ticket.standing, Standing::Active { .. }));
    }

    #[tokio::test]
    async fn a_room_of_a_concert_tells_how_many_seats_are_left() {
        let token = WaitingToken { room_id: other_room(), ..waiting_token() };
        let claims = QueueClaims { room_id: other_room(), ..claims() };
        let ticket = desk(token).ticket(&claims).await.unwrap().unwrap();
        assert_eq!(ticket.seats_left, Some(7));
    }
}
