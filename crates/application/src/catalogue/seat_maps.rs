use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use domain::ids::{SeatId, ShowId};
use domain::ports::{Catalogue, CommitObserver, Unavailable};
use domain::records::Records;
use domain::seat::{Seat, SeatState};
use lru::LruCache;

use crate::single_flight::SingleFlight;

/// The seats of the shows that people look at, kept in memory and brought up to date by every
/// commit before anyone is answered.
pub struct SeatMaps {
    catalogue: Arc<dyn Catalogue>,
    shows: Arc<Shows>,
    flights: SingleFlight<(ShowId, u64), Arc<SeatMap>>,
}

/// What is in memory.
struct Shows {
    entries: Mutex<LruCache<ShowId, Entry>>,
    last_entry: AtomicU64,
    history: AtomicU64,
}

/// How many shows are kept in memory.
const SHOWS_MAX: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// How many changes may come while a show is being loaded before it is given up.
const MEANWHILE_MAX: usize = 100_000;

/// A show's seats and when what anyone sees of them changes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatMap {
    /// The store's history that it is of. Versions of another one say nothing.
    pub history: u64,
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

    fn map(&self, history: u64, now: Timestamp) -> SeatMap {
        let ends = self.seats.iter().filter_map(|seat| match seat.state {
            SeatState::Held { until, .. } if now < until => Some(until),
            _ => None,
        });
        SeatMap {
            history,
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
        let shows = Shows {
            entries: Mutex::new(LruCache::new(SHOWS_MAX)),
            last_entry: AtomicU64::new(0),
            history: AtomicU64::new(0),
        };
        Self { catalogue, shows: Arc::new(shows), flights: SingleFlight::default() }
    }

    /// The seats of a show as of `cutoff`; none of a show that there is not. However many look at a show
    /// that is not in memory, its seats are read once.
    ///
    /// # Errors
    /// [`Unavailable`] when the seats are not in memory and the store does not answer.
    pub async fn of_show(
        &self,
        id: ShowId,
        cutoff: Timestamp,
    ) -> Result<Arc<SeatMap>, Unavailable> {
        let (number, history) = match self.shows.in_memory(id, cutoff) {
            Found::Map(map) => return Ok(map),
            Found::Loading { number, history } => (number, history),
        };
        let (catalogue, shows) = (self.catalogue.clone(), self.shows.clone());
        let ask = || async move {
            let seats = catalogue.seats(id).await;
            shows.take(id, (number, history), seats, cutoff)
        };
        self.flights.run((id, number), ask).await
    }
}

impl Shows {
    fn lock(&self) -> MutexGuard<'_, LruCache<ShowId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self) -> u64 {
        self.history.load(Ordering::SeqCst)
    }

    /// Takes over the seats that were read for an entry, in the history that there was when it began.
    fn take(
        &self,
        id: ShowId,
        (number, history): (u64, u64),
        seats: Result<Vec<Seat>, Unavailable>,
        cutoff: Timestamp,
    ) -> Result<Arc<SeatMap>, Unavailable> {
        let mut entries = self.lock();
        // Only the entry that has noted every commit since before the seats were read may keep
        // them; one that took its place in the meantime may have missed some.
        let entry = entries.get_mut(&id).filter(|entry| entry.number == number);
        match (seats, entry) {
            (Ok(seats), Some(entry)) if !seats.is_empty() => {
                let loaded = entry.seats.get_or_insert_with(|| Loaded::new(seats));
                entry.meanwhile.drain(..).for_each(|seat| loaded.take(&seat));
                let map = Arc::new(loaded.map(history, cutoff));
                entry.map = Some(Arc::clone(&map));
                Ok(map)
            }
            (seats, entry) => {
                if entry.is_some() {
                    entries.pop(&id);
                }
                Ok(Arc::new(Loaded::new(seats?).map(history, cutoff)))
            }
        }
    }

    /// The map that is in memory; where there is none, notes that it is about to be loaded, so
    /// that no commit is missed from here on.
    fn in_memory(&self, id: ShowId, cutoff: Timestamp) -> Found {
        let mut entries = self.lock();
        let entry = entries.get_or_insert_mut(id, || Entry {
            number: self.last_entry.fetch_add(1, Ordering::Relaxed),
            seats: None,
            meanwhile: Vec::new(),
            map: None,
        });
        let still_holds = |map: &&Arc<SeatMap>| map.changes_at.is_none_or(|at| cutoff < at);
        if let Some(map) = entry.map.as_ref().filter(still_holds) {
            return Found::Map(Arc::clone(map));
        }
        let Some(loaded) = &entry.seats else {
            return Found::Loading { number: entry.number, history: self.history() };
        };
        let map = Arc::new(loaded.map(self.history(), cutoff));
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
        history: u64,
    },
}

impl CommitObserver for SeatMaps {
    fn began_anew(&self, history: u64) {
        let mut entries = self.shows.lock();
        self.shows.history.store(history, Ordering::SeqCst);
        self.flights.forget_all();
        entries.clear();
    }

    fn committed(&self, changes: &Records) {
        let mut entries = self.shows.lock();
        for (seat, _) in changes.seats.changes() {
            let Some(entry) = entries.peek_mut(&seat.show_id) else { continue };
            entry.map = None;
            match &mut entry.seats {
                Some(loaded) => loaded.take(seat),
                // Whoever was loading it has long gone away.
                None if entry.meanwhile.len() == MEANWHILE_MAX => {
                    entries.pop(&seat.show_id);
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
        assert!(matches!(maps.shows.in_memory(show().id, now()), Found::Loading { .. }));
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
            maps.shows.lock().pop(&reading);
            maps.shows.in_memory(reading, now());
            Ok(vec![seat(1), seat(2)])
        });
        let maps = maps.get_or_init(|| SeatMaps::new(Arc::new(catalogue)));
        for _ in 0..2 {
            assert_eq!(maps.of_show(reading, now()).await.unwrap().seats.len(), 2);
            assert!(maps.shows.lock().peek(&reading).unwrap().seats.is_none());
        }
    }

    #[tokio::test]
    async fn an_unknown_show_has_no_seats_and_is_not_kept() {
        let maps = SeatMaps::new(catalogue());
        assert_eq!(maps.of_show(unknown(), now()).await.unwrap().seats, []);
        assert_eq!(maps.shows.lock().len(), 0);
    }

    #[tokio::test]
    async fn a_thousand_first_looks_at_a_map_read_its_seats_once() {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_seats().times(1).returning(|_| Ok(vec![seat(1), seat(2)]));
        let maps = Arc::new(SeatMaps::new(Arc::new(catalogue)));
        let mut looks = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let maps = Arc::clone(&maps);
            looks.spawn(async move { maps.of_show(show().id, now()).await.unwrap().seats.len() });
        }
        assert!(looks.join_all().await.into_iter().all(|count| count == 2));
    }

    #[tokio::test]
    async fn seats_that_were_read_before_a_new_beginning_are_of_the_history_before_it() {
        let maps = Arc::new(std::sync::OnceLock::<SeatMaps>::new());
        let mut catalogue = MockCatalogue::new();
        let seen = Arc::clone(&maps);
        catalogue.expect_seats().times(1).returning(move |_| {
            seen.get().unwrap().began_anew(7);
            Ok(vec![seat(1), seat(2)])
        });
        let maps = maps.get_or_init(|| SeatMaps::new(Arc::new(catalogue)));
        assert_eq!(maps.of_show(show().id, now()).await.unwrap().history, 0);
        assert_eq!(maps.shows.lock().len(), 0, "nor are they kept");
    }

    #[tokio::test]
    async fn after_a_new_beginning_a_map_is_read_anew_and_of_another_history() {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_seats().times(2).returning(|_| Ok(vec![seat(1), seat(2)]));
        let maps = SeatMaps::new(Arc::new(catalogue));
        let before = maps.of_show(show().id, now()).await.unwrap();
        maps.committed(&world_with_hold().0);
        maps.began_anew(7);
        let after = maps.of_show(show().id, now()).await.unwrap();
        assert_eq!((before.version, after.version), (0, 0), "the hold was lost");
        assert_eq!((before.history, after.history), (0, 7));
    }
}
