//! Passwords are hashed a few at a time, and those who ask take turns by where they come from: whoever
//! sends a thousand sign-ins from one address holds up his own, and another address' one is next.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::ports::{Passwords, Unavailable, UpdateError};
use domain::user::{Email, Password, PasswordHash};
use tokio::sync::oneshot;

use crate::request_id;

/// How many may wait from one place: what is hashed in a second or two. One more is told to come back.
const WAITING_A_PLACE: usize = 64;
/// How many may wait from all places.
const WAITING_MAX: usize = 2_048;

/// Hashes passwords, so many at once, in turns.
pub struct PasswordsInTurn {
    passwords: Arc<dyn Passwords>,
    turns: Arc<Turns>,
}

impl PasswordsInTurn {
    /// By `passwords`, which works on so many at once.
    #[must_use]
    pub fn new(passwords: Arc<dyn Passwords>, at_once: usize) -> Self {
        Self { passwords, turns: Arc::new(Turns::new(at_once)) }
    }
}

#[async_trait]
impl Passwords for PasswordsInTurn {
    async fn hash(
        &self,
        password: Password,
        email: Option<Email>,
    ) -> Result<PasswordHash, UpdateError> {
        let _turn = self.turns.take(request_id::household()).await?;
        self.passwords.hash(password, email).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Unavailable> {
        let _turn = self.turns.take(request_id::household()).await?;
        self.passwords.verify(password, hash).await
    }
}

/// From where somebody asks; none for what this server asks by itself.
type From = Option<IpAddr>;

/// Who works, and who waits for it.
struct Turns(Mutex<State>);

struct State {
    free: usize,
    waiting: usize,
    /// Those who wait, by where they come from; the front one's first is next.
    lines: VecDeque<(From, VecDeque<oneshot::Sender<Turn>>)>,
}

/// That it is somebody's turn, until it is dropped.
struct Turn(Option<Arc<Turns>>);

impl Turns {
    fn new(at_once: usize) -> Self {
        Self(Mutex::new(State { free: at_once.max(1), waiting: 0, lines: VecDeque::new() }))
    }

    async fn take(self: &Arc<Self>, from: From) -> Result<Turn, Unavailable> {
        let turn = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(Some(Arc::clone(self))));
            }
            state.wait(from)?
        };
        turn.await.map_err(|error| Unavailable::from_source("a password was not looked at", error))
    }

    /// Gives the turn of one who is ready to the next who is still there.
    fn next(self: &Arc<Self>) {
        loop {
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(next) = next else { return };
            match next.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // Who has gone has no turn to give back.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

impl State {
    fn wait(&mut self, from: From) -> Result<oneshot::Receiver<Turn>, Unavailable> {
        let full = || Unavailable::overloaded("too many passwords wait to be checked");
        if self.waiting >= WAITING_MAX {
            return Err(full());
        }
        let (theirs, mine) = oneshot::channel();
        match self.lines.iter_mut().find(|(other, _)| *other == from) {
            Some((_, line)) if line.len() >= WAITING_A_PLACE => return Err(full()),
            Some((_, line)) => line.push_back(theirs),
            None => self.lines.push_back((from, VecDeque::from([theirs]))),
        }
        self.waiting += 1;
        Ok(mine)
    }

    /// Who is next; nobody, and one more is free.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some((from, mut line)) = self.lines.pop_front() {
            let first = line.pop_front();
            if !line.is_empty() {
                self.lines.push_back((from, line));
            }
            if first.is_some() {
                self.waiting -= 1;
                return first;
            }
        }
        self.free += 1;
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn from(n: u8) -> From {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    #[tokio::test]
    async fn one_address_waits_for_its_own_and_another_is_next() {
        let turns = Arc::new(Turns::new(1));
        let working = turns.take(from(1)).await.unwrap();
        let mut flood: Vec<_> = (0..9).map(|_| Box::pin(turns.take(from(1)))).collect();
        for waiting in &mut flood {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let mut other = Box::pin(turns.take(from(2)));
        assert!(other.as_mut().now_or_never().is_none());
        drop(working);
        let first = flood[0].as_mut().now_or_never().unwrap().unwrap();
        assert!(other.as_mut().now_or_never().is_none());
        drop(first);
        let others = other.as_mut().now_or_never().unwrap().unwrap();
        assert!(flood[1].as_mut().now_or_never().is_none());
        drop(others);
        assert!(flood[1].as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_goes_away_keeps_no_turn() {
        let turns = Arc::new(Turns::new(1));
        let working = turns.take(from(1)).await.unwrap();
        let mut gone = Box::pin(turns.take(from(2)));
        let mut given = Box::pin(turns.take(from(3)));
        assert!(gone.as_mut().now_or_never().is_none() && given.as_mut().now_or_never().is_none());
        drop(gone);
        drop(working);
        // Given, and never looked at.
        drop(given);
        assert!(turns.take(from(4)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn only_so_many_wait_from_one_address() {
        let turns = Arc::new(Turns::new(1));
        let _working = turns.take(from(1)).await.unwrap();
        let mut waiting: Vec<_> =
            (0..WAITING_A_PLACE).map(|_| Box::pin(turns.take(from(1)))).collect();
        for one in &mut waiting {
            assert!(one.as_mut().now_or_never().is_none());
        }
        let one_more = turns.take(from(1)).now_or_never().unwrap();
        assert!(one_more.is_err_and(|fault| fault.is_overload()));
        assert!(turns.take(from(2)).now_or_never().is_none());
    }
}
