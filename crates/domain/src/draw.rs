//! The draw: who came before a room opened gets a number by lot, and anyone can check the lot.
//!
//! A room keeps a secret seed from the day it is made and publishes its SHA-256 at once. When the
//! room has opened, everybody who came before has a place in the order of
//! `SHA-256(seed ‖ token id)`, both as plain bytes, smallest first, and the seed is published, too.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::{RoomId, TokenId};
use crate::records::Records;
use crate::refusal::Refusal;

/// What decides a draw; secret until the room has opened, so it does not print itself.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawSeed([u8; 32]);

impl DrawSeed {
    /// A seed of these bytes, which nobody can guess.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store and for who may see them.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its SHA-256, which is public from the first moment and holds the room to it.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    fn lot(&self, id: TokenId) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.0).chain_update(Uuid::from(id).as_bytes());
        hash.finalize().into()
    }
}

impl fmt::Debug for DrawSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DrawSeed(…)")
    }
}

/// The order in which `ids` get the numbers from 1 on.
#[must_use]
pub fn draw_order(seed: &DrawSeed, ids: &[TokenId]) -> Vec<TokenId> {
    let lots: BTreeSet<_> = ids.iter().map(|id| (seed.lot(*id), *id)).collect();
    lots.into_iter().map(|(_, id)| id).collect()
}

/// Who came before a room opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lobby {
    /// Decides the draw.
    pub seed: DrawSeed,
    /// How many came, be it that they left again: so many of the first numbers are theirs.
    pub count: u64,
    /// How many of them have got their number, which are given in order.
    pub drawn_count: u64,
    /// When the last of them got one.
    pub drawn_at: Option<Timestamp>,
    /// The [arrivals' hash](Lobby::arrivals_hash) of all who came; none before anybody did, and where some
    /// came before it was kept.
    pub hash: Option<[u8; 32]>,
}

/// The lot of who came before a room opened: one for each user, whatever the user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// The how-many-th to come the user was, from 1.
    pub arrival: u64,
    /// How often the user left, or was dropped, and came again.
    pub returns: u32,
}

/// The [arrivals' hash](Lobby::arrivals_hash) where nobody came.
pub const NO_ARRIVALS: [u8; 32] = [0; 32];

/// The arrivals' hash after `id` came to those that `before` is of.
#[must_use]
pub fn hash_with_arrival(before: [u8; 32], id: TokenId) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(Uuid::from(id).as_bytes()).finalize().into()
}

impl Lobby {
    /// One that nobody came to yet.
    #[must_use]
    pub const fn new(seed: DrawSeed) -> Self {
        Self { seed, count: 0, drawn_count: 0, drawn_at: None, hash: None }
    }

    /// Holds the room to who came, in the order in which they came, before its seed is told: the SHA-256
    /// of the hash before and the last token's id, both as plain bytes, beginning with 32 zero bytes.
    /// None where some came before it was kept.
    #[must_use]
    pub fn arrivals_hash(&self) -> Option<[u8; 32]> {
        if self.count == 0 { Some(NO_ARRIVALS) } else { self.hash }
    }

    /// One more comes.
    pub(crate) fn arrive(&mut self, id: TokenId) -> Lot {
        self.hash = self.arrivals_hash().map(|before| hash_with_arrival(before, id));
        self.count += 1;
        Lot { arrival: self.count, returns: 0 }
    }

    /// Whether everybody with a lower number than `number` has a number.
    #[must_use]
    pub const fn is_drawn_up_to(&self, number: u64) -> bool {
        number <= self.drawn_count || self.drawn_count == self.count
    }
}

/// Opens a room whose time has come: from now on nobody joins its lobby. Returns the lobby if there
/// are numbers to be drawn. Needs the room among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room.
pub fn open(records: &mut Records, room_id: RoomId) -> Result<Option<Lobby>, Refusal> {
    let now = records.now;
    let room = records.rooms.get_mut(&room_id).ok_or(Refusal::NotFound)?;
    if !room.is_to_be_drawn(now) {
        return Ok(None);
    }
    room.open(now);
    Ok(room.lobby.drawn_at.is_none().then(|| room.lobby.clone()))
}

/// Gives `next`, who come next in the draw's order, their numbers from `first` on. Nothing happens
/// unless there are some and `first` is the next number: somebody else was quicker. Says whether it was. Needs the
/// room and the tokens among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without the room or one of the tokens.
pub fn draw(
    records: &mut Records,
    room_id: RoomId,
    first: u64,
    next: &[TokenId],
) -> Result<bool, Refusal> {
    let now = records.now;
    let lobby = &mut records.rooms.get_mut(&room_id).ok_or(Refusal::NotFound)?.lobby;
    if next.is_empty() || lobby.drawn_count + 1 != first {
        return Ok(false);
    }
    for (number, id) in (first..).zip(next) {
        let token = records.tokens.get_mut(id).ok_or(Refusal::NotFound)?;
        token.number = Some(number);
        lobby.drawn_count = number;
    }
    if lobby.drawn_count == lobby.count {
        lobby.drawn_at = Some(now);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::waiting_room::tests::{join, room};
    use crate::waiting_token::TokenState;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn seed(n: u8) -> DrawSeed {
        DrawSeed::new([n; 32])
    }

    fn ids(count: u128) -> Vec<TokenId> {
        (1..=count).map(|n| Uuid::from_u128(n).into()).collect()
    }

    #[test]
    fn the_order_follows_from_the_seed_and_not_from_who_came_first() {
        let ids = ids(100);
        let drawn = draw_order(&seed(1), &ids);
        let reversed: Vec<_> = ids.iter().rev().copied().collect();
        assert_eq!(draw_order(&seed(1), &reversed), drawn);
        assert_ne!(drawn, ids);
        assert_ne!(draw_order(&seed(2), &ids), drawn);
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 100);
    }

    #[test]
    fn a_lot_is_what_sha256_of_the_seed_and_the_id_says() {
        // printf '%064d%032d' 0 0 | xxd -r -p | sha256sum
        let lot = seed(0).lot(Uuid::nil().into());
        let told = "17b0761f87b081d5cf10757ccc89f12be355c70e2e29df288b65b30710dcbcd1";
        assert_eq!(lot.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), told);
    }

    #[test]
    fn a_seed_does_not_print_itself() {
        assert_eq!(format!("{:?}", Lobby::new(seed(7)).seed), "DrawSeed(…)");
    }

    /// A room for two that opens at second 60, four who came before and one who came after.
    fn opened() -> (Records, Vec<TokenId>) {
        let (mut room, mut line) = room(2);
        room.policy.opens_at = Some(START + TimeDelta::seconds(60));
        let mut records = Records::at(START + TimeDelta::seconds(60));
        let mut ids = Vec::new();
        for second in [0, 1, 2, 3, 60] {
            let token = join(&mut room, &mut line, START + TimeDelta::seconds(second));
            ids.push(token.id);
            records.tokens.load(token);
        }
        records.rooms.load(room);
        records.lines.load(line);
        (records, ids)
    }

    fn admitted(records: &mut Records, next: &[TokenId]) -> usize {
        crate::line::admit(records, RoomId::SITE, next).unwrap().admitted.len()
    }

    #[test]
    fn who_came_before_waits_without_a_number_and_who_came_after_comes_after() {
        let (records, ids) = opened();
        let numbers: Vec<_> = ids.iter().map(|id| records.tokens.get(id).unwrap().number).collect();
        assert_eq!(numbers, [None, None, None, None, Some(5)]);
        assert!(records.tokens.iter().all(|token| token.state == TokenState::Waiting));
    }

    #[test]
    fn numbers_are_drawn_batch_by_batch_and_each_batch_once() {
        let (mut records, ids) = opened();
        let site = RoomId::SITE;
        let lobby = open(&mut records, site).unwrap().unwrap();
        assert_eq!((lobby.count, lobby.drawn_count), (4, 0));
        let order = draw_order(&lobby.seed, &ids[..4]);
        assert_eq!(draw(&mut records, site, 1, &order[..2]), Ok(true));
        assert_eq!(draw(&mut records, site, 1, &order[..2]), Ok(false), "somebody was quicker");
        // The first two are let in although the others have no number yet.
        assert_eq!(admitted(&mut records, &order[..2]), 2);
        assert_eq!(open(&mut records, site).unwrap().unwrap().drawn_count, 2);
        assert_eq!(draw(&mut records, site, 3, &order[2..]), Ok(true));
        assert_eq!(open(&mut records, site), Ok(None), "it is drawn");
        let number = |id: &TokenId| records.tokens.get(id).unwrap().number;
        assert_eq!(order.iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 4].map(Some));
    }

    #[test]
    fn nobody_is_let_in_before_a_lower_number_is_given() {
        let (mut records, ids) = opened();
        records.rooms.get_mut(&RoomId::SITE).unwrap().policy.capacity = 10;
        assert_eq!(admitted(&mut records, &ids[4..]), 0);
        let lobby = open(&mut records, RoomId::SITE).unwrap().unwrap();
        let order = draw_order(&lobby.seed, &ids[..4]);
        assert_eq!(admitted(&mut records, &ids), 0);
        assert_eq!(draw(&mut records, RoomId::SITE, 1, &order), Ok(true));
        assert_eq!(admitted(&mut records, &ids), 5);
    }

    #[test]
    fn a_room_to_which_nobody_came_before_it_opened_is_drawn_at_once() {
        let (mut room, mut line) = room(2);
        room.policy.opens_at = Some(START);
        let first = join(&mut room, &mut line, START);
        assert_eq!((first.number, room.lobby.drawn_at), (Some(1), Some(START)));
        assert!(matches!(first.state, TokenState::Active { .. }));
    }
}
