use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Catalogue, Clock, Lines, QueueClaims, Unavailable};
use domain::waiting_token::Standing;

use super::Board;

/// What the bearer of a queue token sees of the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The place's id.
    pub token_id: TokenId,
    /// In which room.
    pub room_id: RoomId,
    /// Its number in the room, from 1.
    pub number: u64,
    /// How far it got.
    pub standing: Standing,
    /// How many wait before it, plus one; none unless it waits.
    pub position: Option<u64>,
    /// In how many seconds it should be let in, at the pace of the last minute; none unless it
    /// waits and people are being let in.
    pub eta_seconds: Option<u64>,
    /// When to ask again, in seconds.
    pub poll_after_seconds: u32,
    /// How many seats are free in all that the room sells; none in the site-wide room.
    pub seats_left: Option<u64>,
}

/// How often a client that polls should ask, in seconds.
const POLL_AFTER_SECONDS: u32 = 5;
/// How old what is told of a room may be.
const PULSE_KEPT_FOR: TimeDelta = TimeDelta::seconds(2);

/// Writes tickets.
pub struct TicketDesk {
    board: Arc<Board>,
    lines: Arc<dyn Lines>,
    catalogue: Arc<dyn Catalogue>,
    clock: Arc<dyn Clock>,
    pulses: Mutex<HashMap<RoomId, Arc<RoomPulse>>>,
}

/// What was last read of a room, and whether somebody is reading it anew.
#[derive(Default)]
struct RoomPulse {
    last: Mutex<Option<Pulse>>,
    reading: tokio::sync::Mutex<()>,
}

/// What is the same for everybody in a room, read once in a while.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    read_at: Timestamp,
    seats_left: Option<u64>,
    admitted_last_minute: u64,
}

impl TicketDesk {
    /// Over the board and these ports.
    #[must_use]
    pub fn new(
        board: Arc<Board>,
        lines: Arc<dyn Lines>,
        catalogue: Arc<dyn Catalogue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { board, lines, catalogue, clock, pulses: Mutex::default() }
    }

    /// The ticket of a token; none where its record is gone.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn ticket(&self, claims: &QueueClaims) -> Result<Option<Ticket>, Unavailable> {
        let Some(place) = self.board.place(claims, self.clock.now()).await? else {
            return Ok(None);
        };
        let pulse = self.pulse(claims.room_id).await?;
        let position = place.ahead.map(|ahead| ahead + 1);
        let admitted = Some(pulse.admitted_last_minute).filter(|admitted| *admitted > 0);
        let eta_seconds = position
            .zip(admitted)
            .map(|(position, admitted)| position.saturating_mul(60).div_ceil(admitted));
        Ok(Some(Ticket {
            token_id: claims.token_id,
            room_id: claims.room_id,
            number: claims.number,
            standing: place.standing,
            position,
            eta_seconds,
            poll_after_seconds: POLL_AFTER_SECONDS,
            seats_left: pulse.seats_left,
        }))
    }

    /// What is the same for everybody in the room. However many ask at once, one of them reads it;
    /// the others make do with what was read before, and wait only where there is nothing yet.
    async fn pulse(&self, room_id: RoomId) -> Result<Pulse, Unavailable> {
        let of_room = {
            let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pulses.entry(room_id).or_default())
        };
        let last = || *of_room.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |pulse: &Pulse| self.clock.now() < pulse.read_at + PULSE_KEPT_FOR;
        if let Some(pulse) = last().filter(fresh) {
            return Ok(pulse);
        }
        let reading = match (of_room.reading.try_lock(), last()) {
            (Ok(reading), _) => reading,
            (Err(_), Some(pulse)) => return Ok(pulse),
            (Err(_), None) => of_room.reading.lock().await,
        };
        if let Some(pulse) = last().filter(fresh) {
            return Ok(pulse);
        }
        let pulse = self.read_pulse(room_id).await?;
        *of_room.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(pulse);
        drop(reading);
        Ok(pulse)
    }

    async fn read_pulse(&self, room_id: RoomId) -> Result<Pulse, Unavailable> {
        let read_at = self.clock.now();
        let seats_left = match room_id {
            RoomId::SITE => None,
            room_id => Some(self.catalogue.seats_left(room_id, read_at).await?),
        };
        let paused = self.lines.room(room_id).await?.is_none_or(|room| room.policy.paused);
        let admitted_last_minute = match paused {
            true => 0,
            false => self.lines.admitted_last_minute(room_id, read_at).await?,
        };
        Ok(Pulse { read_at, seats_left, admitted_last_minute })
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockCatalogue, MockLines, WaitingNumbers};
    use domain::waiting_room::WaitingRoom;
    use domain::waiting_token::{TokenState, WaitingToken};

    use super::*;
    use crate::testing::*;

    fn desk(token: WaitingToken, room: WaitingRoom, admitted: u64) -> TicketDesk {
        let mut lines = MockLines::new();
        let waiting = (71..=100).collect();
        let line = WaitingNumbers { last_number: 100, waiting };
        let line = if token.state == TokenState::Waiting { line } else { Default::default() };
        lines.expect_waiting_numbers().returning(move |_| Ok(line.clone()));
        lines.expect_token().returning(move |_| Ok(Some(token.clone())));
        lines.expect_room().returning(move |_| Ok(Some(room.clone())));
        lines.expect_admitted_last_minute().times(..=1).returning(move |_, _| Ok(admitted));
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_seats_left().returning(|_, _| Ok(7));
        let lines = Arc::new(lines);
        let board = Arc::new(Board::new(lines.clone()));
        TicketDesk::new(board, lines, Arc::new(catalogue), clock())
    }

    async fn ticket(desk: &TicketDesk) -> Ticket {
        ticket_in(desk, RoomId::SITE).await
    }

    async fn ticket_in(desk: &TicketDesk, room_id: RoomId) -> Ticket {
        let claims = QueueClaims { room_id, ..claims() };
        desk.ticket(&claims).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn who_waits_sees_a_position_and_an_estimate_and_the_room_is_read_once() {
        let desk = desk(waiting_token(), room(), 60);
        for _ in 0..3 {
            let ticket = ticket(&desk).await;
            assert_eq!((ticket.position, ticket.eta_seconds), (Some(30), Some(30)));
            assert_eq!(ticket.seats_left, None);
        }
    }

    #[tokio::test]
    async fn who_is_inside_has_no_position() {
        let ticket = ticket(&desk(active_token(), room(), 60)).await;
        assert_eq!((ticket.position, ticket.eta_seconds), (None, None));
        assert!(matches!(ticket.standing, Standing::Active { .. }));
    }

    #[tokio::test]
    async fn nobody_is_told_an_estimate_while_nobody_is_let_in() {
        let mut paused = room();
        paused.policy.paused = true;
        assert_eq!(ticket(&desk(waiting_token(), paused, 60)).await.eta_seconds, None);
        assert_eq!(ticket(&desk(waiting_token(), room(), 0)).await.eta_seconds, None);
    }

    #[tokio::test]
    async fn a_room_of_a_concert_tells_how_many_seats_are_left() {
        let token = WaitingToken { room_id: other_room(), ..waiting_token() };
        let ticket = ticket_in(&desk(token, room(), 1), other_room()).await;
        assert_eq!(ticket.seats_left, Some(7));
    }
}
