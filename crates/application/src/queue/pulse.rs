use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::RoomId;
use domain::ports::{Admitted, Catalogue, Clock, Lines, Stock, Unavailable};
use domain::waiting_room::WaitingRoom;
use futures_util::stream::{self, StreamExt};

use crate::read_through::kept_until;
use crate::single_flight::SingleFlight;

/// What is the same for everybody in a room, as of a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// The room.
    pub room: WaitingRoom,
    /// What it has to sell; none for the site-wide room.
    pub stock: Option<Stock>,
    /// How many were let in lately.
    pub admitted: Admitted,
}

impl Pulse {
    /// Whether there was something to sell, and nothing is left that could be had.
    #[must_use]
    pub fn is_sold_out(&self) -> bool {
        self.stock.is_some_and(|stock| stock.is_sold_out())
    }
}

/// What came of feeling the pulses of many rooms.
#[derive(Debug, Default)]
pub struct FeltPulses {
    /// What was found.
    pub pulses: Vec<Arc<Pulse>>,
    /// Why some could not be felt.
    pub failed: Option<Unavailable>,
}

/// How many pulses are felt side by side.
const SIDE_BY_SIDE: usize = 4;
/// After how long without a question a room's pulse is not felt any more.
const FELT_FOR: TimeDelta = TimeDelta::seconds(60);

/// How old a count of seats may get: where there are many, to count them every second would be a good
/// part of what the store does.
const COUNT_AGE_MAX: TimeDelta = TimeDelta::seconds(3);

/// The pulse of every room that somebody asks about. The first question is answered from the store,
/// all others from memory; [`RoomPulses::feel`] keeps it fresh.
pub struct RoomPulses {
    sources: Arc<Sources>,
    clock: Arc<dyn Clock>,
    flights: SingleFlight<RoomId, Option<Arc<Pulse>>>,
    rooms: RwLock<HashMap<RoomId, Arc<Felt>>>,
}

/// Where a pulse is read.
struct Sources {
    lines: Arc<dyn Lines>,
    catalogue: Arc<dyn Catalogue>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Felt {
    last: RwLock<Option<Arc<Pulse>>>,
    asked_at_micros: AtomicI64,
    /// Until when the count of its seats will do.
    counted_until_micros: AtomicI64,
}

impl Felt {
    fn last(&self) -> Option<Arc<Pulse>> {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Once a second will do, and lets those who ask at the same time not get into each other's
    /// way.
    fn note_question(&self, now: Timestamp) {
        let (now, before) = (now.timestamp_micros(), &self.asked_at_micros);
        if now - before.load(Ordering::Relaxed) > 1_000_000 {
            before.store(now, Ordering::Relaxed);
        }
    }
}

impl RoomPulses {
    /// Over these ports.
    #[must_use]
    pub fn new(
        lines: Arc<dyn Lines>,
        catalogue: Arc<dyn Catalogue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let sources = Arc::new(Sources { lines, catalogue, clock: clock.clone() });
        Self { sources, clock, flights: SingleFlight::default(), rooms: RwLock::default() }
    }

    /// What `look` sees in the room's pulse, if it was felt before.
    pub fn with_known<T>(
        &self,
        id: RoomId,
        now: Timestamp,
        look: impl FnOnce(&Arc<Pulse>) -> T,
    ) -> Option<T> {
        let rooms = self.rooms.read().unwrap_or_else(PoisonError::into_inner);
        let felt = rooms.get(&id)?;
        felt.note_question(now);
        felt.last.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    /// The room's pulse; none without such a room.
    ///
    /// # Errors
    /// [`Unavailable`] when it was never felt and the store does not answer.
    pub async fn pulse(&self, id: RoomId) -> Result<Option<Arc<Pulse>>, Unavailable> {
        let now = self.clock.now();
        if let Some(known) = self.with_known(id, now, Arc::clone) {
            return Ok(Some(known));
        }
        let felt = {
            let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(rooms.entry(id).or_default())
        };
        felt.note_question(now);
        let sources = self.sources.clone();
        let ask = || async move {
            if felt.last().is_none() {
                let read = sources.read(id, &felt).await?.map(Arc::new);
                *felt.last.write().unwrap_or_else(PoisonError::into_inner) = read;
            }
            Ok(felt.last())
        };
        self.flights.run(id, ask).await
    }

    /// Feels the pulse of every room that was asked about lately, and forgets the others. Where the
    /// store does not answer, what was found before stays.
    pub async fn feel(&self) -> FeltPulses {
        let asked_since = (self.clock.now() - FELT_FOR).timestamp_micros();
        let rooms: Vec<_> = {
            let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
            rooms.retain(|_, felt| felt.asked_at_micros.load(Ordering::Relaxed) >= asked_since);
            rooms.iter().map(|(id, felt)| (*id, Arc::clone(felt))).collect()
        };
        let feel = |(id, felt): (RoomId, Arc<Felt>)| async move {
            let read = self.sources.read(id, &felt).await?.map(Arc::new);
            felt.last.write().unwrap_or_else(PoisonError::into_inner).clone_from(&read);
            Ok(read)
        };
        let mut felt = stream::iter(rooms.into_iter().map(feel)).buffer_unordered(SIDE_BY_SIDE);
        let mut found = FeltPulses::default();
        while let Some(pulse) = felt.next().await {
            match pulse {
                Ok(pulse) => found.pulses.extend(pulse),
                Err(fault) => found.failed = Some(fault),
            }
        }
        found
    }
}

impl Sources {
    async fn read(&self, id: RoomId, felt: &Felt) -> Result<Option<Pulse>, Unavailable> {
        let now = self.clock.now();
        let Some(room) = self.lines.room(id).await? else { return Ok(None) };
        let stock = match id {
            RoomId::SITE => None,
            id => Some(self.stock(id, felt, now).await?),
        };
        let admitted = self.lines.admitted(id, now).await?;
        Ok(Some(Pulse { room, stock, admitted }))
    }

    async fn stock(&self, id: RoomId, felt: &Felt, now: Timestamp) -> Result<Stock, Unavailable> {
        let is_kept = now.timestamp_micros() < felt.counted_until_micros.load(Ordering::Relaxed);
        if let Some(kept) = felt.last().and_then(|pulse| pulse.stock).filter(|_| is_kept) {
            return Ok(kept);
        }
        let stock = self.catalogue.stock(id, self.clock.cutoff()).await?;
        let until = kept_until(now, self.clock.now(), COUNT_AGE_MAX);
        felt.counted_until_micros.store(until.timestamp_micros(), Ordering::Relaxed);
        Ok(stock)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockCatalogue, MockClock, MockLines};

    use super::*;
    use crate::testing::*;

    fn pulses(lines: MockLines) -> RoomPulses {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_stock().returning(|_, _| Ok(Stock::default()));
        RoomPulses::new(Arc::new(lines), Arc::new(catalogue), clock())
    }

    fn known(pulses: &RoomPulses, id: RoomId) -> Option<Arc<Pulse>> {
        pulses.with_known(id, now(), Arc::clone)
    }

    /// Lines that are read `times` times.
    fn read(times: usize) -> MockLines {
        let mut lines = MockLines::new();
        lines.expect_room().times(times).returning(|_| Ok(Some(room())));
        lines.expect_admitted().times(times).returning(|_, _| Ok(Admitted::default()));
        lines
    }

    #[tokio::test]
    async fn a_room_is_read_once_until_it_is_felt_again() {
        let pulses = pulses(read(2));
        assert!(known(&pulses, other_room()).is_none());
        for _ in 0..3 {
            assert!(pulses.pulse(other_room()).await.unwrap().is_some());
        }
        assert_eq!(pulses.feel().await.pulses.len(), 1);
    }

    #[tokio::test]
    async fn seats_that_take_long_to_count_are_counted_less_often() {
        let millis = Arc::new(AtomicI64::new(0));
        let mut clock = MockClock::new();
        let time = Arc::clone(&millis);
        clock.expect_cutoff().returning(now);
        clock
            .expect_now()
            .returning(move || now() + TimeDelta::milliseconds(time.load(Ordering::Relaxed)));
        let mut catalogue = MockCatalogue::new();
        let (time, mut counts) = (Arc::clone(&millis), 0);
        catalogue.expect_stock().times(2).returning(move |_, _| {
            time.fetch_add(100, Ordering::Relaxed);
            counts += 1;
            Ok(Stock { available: counts, ..Stock::default() })
        });
        let pulses = RoomPulses::new(Arc::new(read(4)), Arc::new(catalogue), Arc::new(clock));
        pulses.pulse(other_room()).await.unwrap();
        let mut told = Vec::new();
        for _ in 0..3 {
            millis.fetch_add(1_000, Ordering::Relaxed);
            let felt = pulses.feel().await.pulses;
            told.extend(felt.iter().filter_map(|pulse| Some(pulse.stock?.available)));
        }
        assert_eq!(told, [1, 1, 2]);
    }

    #[tokio::test]
    async fn a_room_that_nobody_asks_about_is_forgotten() {
        let pulses = pulses(read(1));
        pulses.pulse(RoomId::SITE).await.unwrap();
        let felt = Arc::clone(pulses.rooms.read().unwrap().get(&RoomId::SITE).unwrap());
        let long_ago = now() - FELT_FOR - seconds(1);
        felt.asked_at_micros.store(long_ago.timestamp_micros(), Ordering::Relaxed);
        assert!(pulses.feel().await.pulses.is_empty());
        assert!(known(&pulses, RoomId::SITE).is_none());
    }

    #[tokio::test]
    async fn a_store_that_is_away_takes_nothing_back() {
        let mut lines = MockLines::new();
        let mut answers = 1;
        lines.expect_room().returning(move |_| {
            answers -= 1;
            let away = domain::ports::Unavailable::because("away");
            if answers == 0 { Ok(Some(room())) } else { Err(away) }
        });
        lines.expect_admitted().returning(|_, _| Ok(Admitted::default()));
        let pulses = pulses(lines);
        pulses.pulse(RoomId::SITE).await.unwrap();
        assert!(pulses.feel().await.failed.is_some());
        assert!(known(&pulses, RoomId::SITE).is_some());
    }
}
