use std::sync::Arc;

use domain::ports::CommitObserver;
use domain::records::Records;

use crate::account::{Revocations, SignInGuard};
use crate::catalogue::{OnOffer, Programme, SeatCounts, SeatMaps};
use crate::queue::Board;

/// All that is kept in memory and follows the commits.
pub(crate) struct InMemory {
    pub(crate) programme: Arc<Programme>,
    pub(crate) seat_counts: Arc<SeatCounts>,
    pub(crate) on_offer: Arc<OnOffer>,
    pub(crate) seat_maps: Arc<SeatMaps>,
    pub(crate) board: Arc<Board>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) sign_in_guard: Arc<SignInGuard>,
}

impl CommitObserver for InMemory {
    fn committed(&self, changes: &Records) {
        self.programme.committed(changes);
        self.seat_counts.committed(changes);
        self.on_offer.committed(changes);
        self.seat_maps.committed(changes);
        self.board.committed(changes);
        self.revocations.committed(changes);
        self.sign_in_guard.committed(changes);
    }

    fn began_anew(&self, history: u64) {
        self.programme.began_anew(history);
        self.seat_counts.began_anew(history);
        self.on_offer.began_anew(history);
        self.seat_maps.began_anew(history);
        self.board.began_anew(history);
        self.revocations.began_anew(history);
        self.sign_in_guard.began_anew(history);
    }
}
