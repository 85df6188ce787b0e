use std::sync::Arc;

use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Clock, Lines, Unavailable, UpdateError};
use domain::refusal::Refusal;
use domain::waiting_room::PolicyInForce;

/// Anyone looks at the draw of a room's lobby.
pub struct ShowDraw {
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
}

/// What a room publishes of its draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawReport {
    /// Which room's.
    pub room_id: RoomId,
    /// When the room opens or opened; none if it was open from the start.
    pub opens_at: Option<Timestamp>,
    /// SHA-256 of the seed.
    pub commitment: [u8; 32],
    /// When the last number was drawn; none before.
    pub drawn_at: Option<Timestamp>,
    /// The seed, once all numbers are drawn.
    pub seed: Option<[u8; 32]>,
    /// How many came before the room opened.
    pub count: u64,
    /// The hash of their arrivals, published while they come.
    pub arrivals_hash: Option<[u8; 32]>,
    /// The policies that the room has had, in their order.
    pub policies: Vec<PolicyInForce>,
}

impl ShowDraw {
    /// How many tokens [`ShowDraw::tokens`] tells of at once.
    pub const PAGE: u32 = 1_000;

    /// Over these ports.
    #[must_use]
    pub fn new(lines: Arc<dyn Lines>, clock: Arc<dyn Clock>) -> Self {
        Self { lines, clock }
    }

    /// # Errors
    /// [`Refusal::NotFound`] without such a room.
    pub async fn execute(&self, id: RoomId) -> Result<DrawReport, UpdateError> {
        let room = self.lines.room(id).await?.ok_or(Refusal::NotFound)?;
        // Nobody may learn the seed while somebody could still come before the opening.
        let is_over = room.lobby.drawn_at.is_some() && !room.is_lobby(self.clock.now());
        Ok(DrawReport {
            room_id: id,
            opens_at: room.policy.opens_at,
            commitment: room.lobby.seed.commitment(),
            drawn_at: room.lobby.drawn_at,
            seed: is_over.then(|| *room.lobby.seed.expose()),
            count: room.lobby.count,
            arrivals_hash: room.lobby.arrivals_hash(),
            policies: self.lines.policies(id).await?,
        })
    }

    /// The tokens with the numbers after `after`, in order, [`ShowDraw::PAGE`] at the most; of a
    /// draw that is over.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn tokens(
        &self,
        report: &DrawReport,
        after: u64,
    ) -> Result<Vec<TokenId>, Unavailable> {
        match page_after(report, after) {
            0 => Ok(Vec::new()),
            limit => self.lines.numbered(report.room_id, after, limit).await,
        }
    }

    /// The tokens that came after the `after`-th, in that order, [`ShowDraw::PAGE`] at the most; of a draw
    /// that is over, and none where some came before arrivals were counted.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    pub async fn arrivals(
        &self,
        report: &DrawReport,
        after: u64,
    ) -> Result<Vec<TokenId>, Unavailable> {
        match page_after(report, after) {
            limit if limit > 0 && report.arrivals_hash.is_some() => {
                self.lines.arrivals(report.room_id, after, limit).await
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn page_after(report: &DrawReport, after: u64) -> u32 {
    let left = if report.seed.is_some() { report.count.saturating_sub(after) } else { 0 };
    u32::try_from(left).unwrap_or(u32::MAX).min(ShowDraw::PAGE)
}

#[cfg(test)]
mod tests {
    use domain::ports::MockLines;
    use domain::waiting_room::WaitingRoom;

    use super::*;
    use crate::testing::*;

    fn show(room: WaitingRoom) -> ShowDraw {
        let mut lines = MockLines::new();
        lines.expect_room().returning(move |id| Ok((id == room.id).then(|| room.clone())));
        lines.expect_policies().returning(|_| Ok(Vec::new()));
        lines.expect_numbered().returning(|_, after, limit| {
            Ok((after + 1..=after + u64::from(limit))
                .map(|n| uuid::Uuid::from_u128(n.into()).into())
                .collect())
        });
        ShowDraw::new(Arc::new(lines), clock())
    }

    #[tokio::test]
    async fn the_seed_is_told_only_when_the_draw_is_over_and_its_hash_always() {
        let mut room = WaitingRoom { last_number: 0, ..room() };
        room.policy.opens_at = Some(now() + seconds(60));
        room.lobby.count = 3;
        let before = show(room.clone()).execute(RoomId::SITE).await.unwrap();
        assert_eq!((before.seed, before.count), (None, 3));
        assert!(show(room.clone()).tokens(&before, 0).await.unwrap().is_empty());
        assert!(show(room.clone()).arrivals(&before, 0).await.unwrap().is_empty());
        room.last_number = 3;
        room.lobby.drawn_count = 3;
        room.lobby.drawn_at = Some(now());
        let after = show(room.clone()).execute(RoomId::SITE).await.unwrap();
        assert_eq!(after.seed, Some(*room.lobby.seed.expose()));
        assert_eq!(after.commitment, before.commitment);
        assert_eq!(show(room.clone()).tokens(&after, 0).await.unwrap().len(), 3);
        assert_eq!(show(room).tokens(&after, 2).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_room_that_there_is_not_has_no_draw() {
        assert_refused(show(room()).execute(unknown()).await, &Refusal::NotFound);
    }
}
