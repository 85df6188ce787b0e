use std::sync::Arc;

use domain::ids::RoomId;
use domain::ports::{Clock, QueueClaims, UpdateError};
use domain::refusal::Refusal;
use domain::waiting_token::WaitingToken;

use super::Board;

/// Lets through who is let in, and tells the others why not. Who is inside is on the board; nobody
/// is turned away before the store was asked.
pub struct Gate {
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

impl Gate {
    /// Over the board and this port.
    #[must_use]
    pub fn new(board: Arc<Board>, clock: Arc<dyn Clock>) -> Self {
        Self { board, clock }
    }

    /// Lets an active token of one of `rooms` through.
    ///
    /// # Errors
    /// In this order: [`Refusal::InvalidToken`], [`Refusal::WrongRoom`], [`Refusal::NotAdmitted`]
    /// with the position, [`Refusal::TokenExpired`].
    pub async fn admit(&self, claims: &QueueClaims, rooms: &[RoomId]) -> Result<(), UpdateError> {
        let is_asked_for = rooms.is_empty() || rooms.contains(&claims.room_id);
        if is_asked_for && self.board.is_inside(claims.token_id, self.clock.cutoff()) {
            return Ok(());
        }
        let token = self.token(claims).await?;
        let room = if rooms.contains(&token.room_id) {
            Some(token.room_id)
        } else {
            rooms.first().copied()
        };
        let admitted = match room {
            Some(room) => token.ensure_admits(room, self.clock.cutoff()),
            None => token.ensure_active(self.clock.cutoff()),
        };
        self.with_position(claims, admitted.map_err(UpdateError::Refused)).await
    }

    /// Lets any active token through, where it is not known what it should admit to. Whoever is
    /// not let in anywhere is not told what there is.
    ///
    /// # Errors
    /// Those of [`Gate::admit`] but for the room.
    pub async fn admit_to_anything(&self, claims: &QueueClaims) -> Result<(), UpdateError> {
        self.admit(claims, &[]).await
    }

    /// Adds the position to a refusal that says that the token still waits.
    ///
    /// # Errors
    /// That of `result`.
    pub async fn with_position<T>(
        &self,
        claims: &QueueClaims,
        result: Result<T, UpdateError>,
    ) -> Result<T, UpdateError> {
        let Err(UpdateError::Refused(Refusal::NotAdmitted { .. })) = result else { return result };
        let place = self.board.place(claims, self.clock.cutoff()).await?;
        let position = place.and_then(|place| place.ahead).map(|ahead| ahead + 1);
        Err(Refusal::NotAdmitted { position }.into())
    }

    async fn token(&self, claims: &QueueClaims) -> Result<WaitingToken, UpdateError> {
        Ok(self.board.token(claims.token_id).await?.ok_or(Refusal::InvalidToken)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockLines;

    use super::*;
    use crate::testing::*;

    async fn admit(token: Option<WaitingToken>, rooms: &[RoomId]) -> Result<(), UpdateError> {
        gate(lines(token, 41)).admit(&claims(), rooms).await
    }

    #[tokio::test]
    async fn an_active_token_of_the_room_is_let_through() {
        admit(Some(active_token()), &[RoomId::SITE]).await.unwrap();
        admit(Some(active_token()), &[other_room(), RoomId::SITE]).await.unwrap();
        admit(Some(active_token()), &[]).await.unwrap();
    }

    #[tokio::test]
    async fn who_is_on_the_board_is_let_through_without_asking_the_store() {
        let gate = gate(Arc::new(MockLines::new()));
        gate.board.note(&active_token(), 0);
        gate.admit(&claims(), &[RoomId::SITE]).await.unwrap();
        gate.admit_to_anything(&claims()).await.unwrap();
    }

    #[tokio::test]
    async fn who_the_board_says_is_out_is_asked_for_in_the_store() {
        let gate = gate(lines(Some(active_token()), 0));
        gate.board.note(&run_out_token(), 0);
        gate.admit(&claims(), &[RoomId::SITE]).await.unwrap();
    }

    #[tokio::test]
    async fn every_other_token_is_told_why_not() {
        let here = [RoomId::SITE];
        assert_refused(admit(None, &here).await, &Refusal::InvalidToken);
        assert_refused(admit(Some(waiting_token()), &[other_room()]).await, &Refusal::WrongRoom);
        let position = Refusal::NotAdmitted { position: Some(42) };
        assert_refused(admit(Some(waiting_token()), &here).await, &position);
        assert_refused(admit(Some(run_out_token()), &here).await, &Refusal::TokenExpired);
        assert_refused(admit(Some(done_token()), &[]).await, &Refusal::TokenExpired);
    }
}
