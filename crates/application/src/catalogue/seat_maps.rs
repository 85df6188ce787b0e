use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use domain::ids::{SeatId, ShowId};
use domain::ports::{Catalogue, CommitObserver, Unavailable};
use domain::records::Records;
use domain::seat::{Seat, SeatState};
use lru::LruCache;

/// The seats of the shows that people look at, kept in memory and brought up to date by every
/// commit before anyone is answered.
pub struct SeatMaps {
    catalogue: Arc<dyn Catalogue>,
    shows: Mutex<LruCache<ShowId, Entry>>,
    last_entry: AtomicU64,
}

/// How many shows are kept in memory.
const SHOWS_MAX: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// How many changes may come while a show is being loaded before it is given up.
const MEANWHILE_MAX: usize = 100_000;

/// A show's seats and when what anyone sees of them changes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatMap {
    /// Every seat, in the order of the plan.
    pub seats: Vec<Seat>,
    /// Grows with every change that anyone could see: the sum of the seats' versions.
    pub version: u64,
    /// The moment at which it was so. Whoever shows it shows it as of then: the version is of
    /// that moment, too.
    pub as_of: Timestamp,
    /// When the next hold ends, if nothing else happens before; until then it stays so.
    pub changes_at: Option<Timestamp>,
}

/// What is in memory of a show.
struct Entry {
    /// Tells this entry from one that took its place.
    number: u64,
    /// None while it is being loaded.
    seats: Option<Loaded>,
    /// What was committed while it was being loaded.
    meanwhile: Vec<Seat>,
    /// The seats as of some moment, made from the above, kept while it holds.
    map: Option<Arc<SeatMap>>,
}

struct Loaded {
    seats: Vec<Seat>,
    index: HashMap<SeatId, usize>,
}

impl Loaded {
    fn new(seats: Vec<Seat>) -> Self {
        let index = seats.iter().enumerate().map(|(at, seat)| (seat.id, at)).collect();
        Self { seats, index }
    }

    /// Takes `seat` over, unless what is here is newer.
    fn take(&mut self, seat: &Seat) {
        let known = self.index.get(&seat.id).and_then(|at| self.seats.get_mut(*at));
        if let Some(known) = known.filter(|known| known.version < seat.version) {
            *known = seat.clone();
        }
    }

    fn map(&self, now: Timestamp) -> SeatMap {
        let ends = self.seats.iter().filter_map(|seat| match seat.state {
            SeatState::Held { until, .. } if now < until => Some(until),
            _ => None,
        });
        SeatMap {
            version: self.seats.iter().map(|seat| seat.version_at(now)).sum(),
            as_of: now,
            changes_at: ends.min(),
            seats: self.seats.clone(),
        }
    }
}

impl SeatMaps {
    /// Over this port.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        let shows = Mutex::new(LruCache::new(SHOWS_MAX));
        Self { catalogue, shows, last_entry: AtomicU64::new(0) }
    }

    /// The seats of a show as they are at `now`; none of a show that there is not.
    ///
    /// # Errors
    /// [`Unavailable`] when the seats are not in memory and the store does not answer.
    pub async fn of_show(&self, id: ShowId, now: Timestamp) -> Result<Arc<SeatMap>, Unavailable> {
        let number = match self.in_memory(id, now) {
            Found::Map(map) => return Ok(map),
            Found::Loading { number } => number,
        };
        let seats = self.catalogue.seats(id).await;
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the entry that has noted every commit since before the seats were read may keep
        // them; one that took its place in the meantime may have missed some.
        let entry = shows.get_mut(&id).filter(|entry| entry.number == number);
        match (seats, entry) {
            (Ok(seats), Some(entry)) if !seats.is_empty() => {
                let loaded = entry.seats.get_or_insert_with(|| Loaded::new(seats));
                entry.meanwhile.drain(..).for_each(|seat| loaded.take(&seat));
                let map = Arc::new(loaded.map(now));
                entry.map = Some(Arc::clone(&map));
                Ok(map)
            }
            (seats, entry) => {
                if entry.is_some() {
                    shows.pop(&id);
                }
                Ok(Arc::new(Loaded::new(seats?).map(now)))
            }
        }
    }

    /// The map that is in memory; where there is none, notes that it is about to be loaded, so
    /// that no commit is missed from here on.
    fn in_memory(&self, id: ShowId, now: Timestamp) -> Found {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shows.get_or_insert_mut(id, || Entry {
            number: self.last_entry.fetch_add(1, Ordering::Relaxed),
            seats: None,
            meanwhile: Vec::new(),
            map: None,
        });
        let still_holds = |map: &&Arc<SeatMap>| map.changes_at.is_none_or(|at| now < at);
        if let Some(map) = entry.map.as_ref().filter(still_holds) {
            return Found::Map(Arc::clone(map));
        }
        let Some(loaded) = &entry.seats else { return Found::Loading { number: entry.number } };
        let map = Arc::new(loaded.map(now));
        entry.map = Some(Arc::clone(&map));
        Found::Map(map)
    }
}

/// What is in memory.
enum Found {
    Map(Arc<SeatMap>),
    /// Nothing yet; the entry of this number notes what is committed.
    Loading {
        number: u64,
    },
}

impl CommitObserver for SeatMaps {
    fn lost_track(&self) {
        self.shows.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn committed(&self, changes: &Records) {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        for (seat, _) in changes.seats.changes() {
            let Some(entry) = shows.peek_mut(&seat.show_id) else { continue };
            entry.map = None;
            match &mut entry.seats {
                Some(loaded) => loaded.take(seat),
                // Whoever was loading it has long gone away.
                None if entry.meanwhile.len() == MEANWHILE_MAX => {
                    shows.pop(&seat.show_id);
                }
                None => entry.meanwhile.push(seat.clone()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCatalogue;
    use domain::seat::SeatStatus;

    use super::*;
    use crate::testing::*;

    fn statuses(map: &SeatMap, at: Timestamp) -> Vec<SeatStatus> {
        map.seats.iter().map(|seat| seat.status(at)).collect()
    }

    #[tokio::test]
    async fn a_commit_is_seen_by_the_next_who_looks_and_the_store_is_asked_once() {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_seats().times(1).returning(|_| Ok(vec![seat(1), seat(2)]));
        let maps = SeatMaps::new(Arc::new(catalogue));
        let before = maps.of_show(show().id, now()).await.unwrap();
        maps.committed(&world_with_hold().0);
        let after = maps.of_show(show().id, now()).await.unwrap();
        assert_eq!((before.version, after.version), (0, 1));
        assert_eq!(statuses(&after, now()), [SeatStatus::Held, SeatStatus::Available]);
    }

    #[tokio::test]
    async fn a_hold_that_ends_changes_the_map_with_nobody_writing_anything() {
        let maps = SeatMaps::new(catalogue());
        maps.of_show(show().id, now()).await.unwrap();
        let (records, held) = world_with_hold();
        maps.committed(&records);
        let ends = held.held_until;
        let before = maps.of_show(show().id, ends - seconds(1)).await.unwrap();
        let after = maps.of_show(show().id, ends).await.unwrap();
        assert_eq!((before.version, after.version), (1, 2));
        assert_eq!(statuses(&after, ends), [SeatStatus::Available, SeatStatus::Available]);
    }

    #[tokio::test]
    async fn what_is_committed_while_the_seats_are_being_loaded_is_not_missed() {
        let maps = Arc::new(SeatMaps::new(catalogue()));
        assert!(matches!(maps.in_memory(show().id, now()), Found::Loading { .. }));
        maps.committed(&world_with_hold().0);
        let loaded_before_the_commit = maps.of_show(show().id, now()).await.unwrap();
        assert_eq!(loaded_before_the_commit.version, 1);
    }

    #[tokio::test]
    async fn seats_that_were_read_for_an_entry_that_is_gone_are_not_kept() {
        let (maps, reading) = (Arc::new(std::sync::OnceLock::<SeatMaps>::new()), show().id);
        let mut catalogue = MockCatalogue::new();
        let seen = Arc::clone(&maps);
        catalogue.expect_seats().times(2).returning(move |_| {
            // While the store is read, the entry gives way and another one begins; what was
            // committed in between, neither has noted.
            let maps = seen.get().unwrap();
            maps.shows.lock().unwrap().pop(&reading);
            maps.in_memory(reading, now());
            Ok(vec![seat(1), seat(2)])
        });
        let maps = maps.get_or_init(|| SeatMaps::new(Arc::new(catalogue)));
        for _ in 0..2 {
            assert_eq!(maps.of_show(reading, now()).await.unwrap().seats.len(), 2);
            assert!(maps.shows.lock().unwrap().peek(&reading).unwrap().seats.is_none());
        }
    }

    #[tokio::test]
    async fn an_unknown_show_has_no_seats_and_is_not_kept() {
        let maps = SeatMaps::new(catalogue());
        assert_eq!(maps.of_show(unknown(), now()).await.unwrap().seats, []);
        assert_eq!(maps.shows.lock().unwrap().len(), 0);
    }
}
