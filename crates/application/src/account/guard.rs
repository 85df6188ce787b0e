use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use domain::audit_log::{Actor, AuditEntry, AuditKind, Deed, Origin};
use domain::guessing::{Guess, Guesses, GuessingPolicy, MailboxDigest, network};
use domain::ids::{AuditEntryId, UserId};
use domain::ports::{AuditLog, Clock, CommitObserver, Ids, Sessions, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::user::{Email, User};

/// Slows down who guesses passwords. What it refuses is gathered and written to the audit log in groups,
/// by which the other servers count it too.
pub struct SignInGuard {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    sessions: Arc<dyn Sessions>,
    audit_log: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    guesses: Mutex<Guesses>,
    refused: Mutex<RefusedSignIns>,
}

/// An attempt to sign in that is being looked at.
pub struct Attempt {
    guess: Guess,
    user_id: Option<UserId>,
    origin: Origin,
}

/// What was refused and is not written down yet.
#[derive(Default)]
struct RefusedSignIns {
    waiting: HashMap<(MailboxDigest, String), Refused>,
    /// Entries of this server's own, which it has counted before.
    written: BTreeSet<AuditEntryId>,
}

struct Refused {
    count: u32,
    user_id: Option<UserId>,
    /// Of the first.
    origin: Origin,
}

/// How many entries are written at once. What is beyond is in the count of one that names nobody.
const ENTRIES_MAX: usize = 200;
/// How many of its own entries a server knows again.
const WRITTEN_MAX: usize = 20_000;
/// How much of the past is counted by a server that starts.
const LOOK_BACK: TimeDelta = TimeDelta::hours(1);
const LOOK_BACK_MAX: u32 = 10_000;

impl SignInGuard {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        sessions: Arc<dyn Sessions>,
        audit_log: Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
        policy: GuessingPolicy,
    ) -> Self {
        let guesses = Mutex::new(Guesses::new(policy));
        Self { store, ids, sessions, audit_log, clock, guesses, refused: Mutex::default() }
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, RefusedSignIns> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a password be looked at that is shown for `email`, `user`'s if there is one.
    ///
    /// # Errors
    /// [`Refusal::TooManyGuesses`].
    pub async fn begin(
        &self,
        email: &Email,
        user: Option<&User>,
        origin: &Origin,
    ) -> Result<Attempt, UpdateError> {
        let user_id = user.map(|user| user.id);
        let (mailbox, network) = (MailboxDigest::of(email), network(origin.address.as_deref()));
        let mut guess = Guess { mailbox, network, is_known: false };
        let now = self.clock.now();
        let begun = self.guesses().begin(&guess, now);
        if let (Err(_), Some(user_id)) = (begun, user_id)
            && self.sessions.has_begun_from(user_id, guess.network.clone()).await?
        {
            guess.is_known = true;
            let begun = self.guesses().begin(&guess, now);
            begun.map_err(too_many)?;
        } else {
            begun.map_err(too_many)?;
        }
        Ok(Attempt { guess, user_id, origin: origin.clone() })
    }

    /// Says that the password was not looked at.
    pub fn not_looked_at(&self, attempt: &Attempt) {
        self.guesses().take_back(&attempt.guess, false);
    }

    /// Says that the password was right.
    pub fn was_right(&self, attempt: &Attempt) {
        self.guesses().take_back(&attempt.guess, true);
    }

    /// Says that the password was wrong.
    pub fn was_wrong(&self, attempt: Attempt) {
        let Attempt { guess, user_id, origin } = attempt;
        let mut refused = self.refused();
        let refused = refused.waiting.entry((guess.mailbox, guess.network)).or_insert(Refused {
            count: 0,
            user_id,
            origin,
        });
        refused.count = refused.count.saturating_add(1);
    }

    /// Writes down what was refused since the last time.
    ///
    /// # Errors
    /// None but the store's; what was refused is written the next time.
    pub async fn write(&self) -> Result<(), UpdateError> {
        self.guesses().forget(self.clock.now());
        let refused = std::mem::take(&mut self.refused().waiting);
        if refused.is_empty() {
            return Ok(());
        }
        let entries = self.entries(&refused);
        let note = move |records: &mut Records| {
            entries.iter().for_each(|(actor, deed)| records.note(actor, deed.clone()));
            Ok(())
        };
        let written = self.store.decide(Scope::new(), note).await;
        if written.is_err() {
            self.put_back(refused);
        }
        written
    }

    fn entries(&self, refused: &HashMap<(MailboxDigest, String), Refused>) -> Vec<(Actor, Deed)> {
        let nobody = Origin::default();
        let told = refused.iter().take(ENTRIES_MAX).map(|((mailbox, network), refused)| {
            let after = serde_json::json!({
                "count": refused.count, "mailbox": mailbox.to_string(), "network": network,
            });
            let deed = Deed {
                kind: AuditKind::SignInRefused,
                subject_id: refused.user_id.map(Into::into),
                user_id: refused.user_id,
                before: None,
                after: Some(after),
            };
            (&refused.origin, deed)
        });
        let rest: u32 = refused.values().skip(ENTRIES_MAX).map(|refused| refused.count).sum();
        let rest = (rest > 0).then(|| {
            let after = Some(serde_json::json!({ "count": rest }));
            let kind = AuditKind::SignInRefused;
            (&nobody, Deed { kind, subject_id: None, user_id: None, before: None, after })
        });
        let entries: Vec<_> = told
            .chain(rest)
            .map(|(origin, deed)| (Actor::nobody(self.ids.next(), origin), deed))
            .collect();
        let mut refused = self.refused();
        refused.written.extend(entries.iter().map(|(actor, _)| actor.entry_id));
        // The oldest first: ids begin with the time.
        while refused.written.len() > WRITTEN_MAX {
            refused.written.pop_first();
        }
        entries
    }

    fn put_back(&self, unwritten: HashMap<(MailboxDigest, String), Refused>) {
        let mut refused = self.refused();
        for (key, unwritten) in unwritten {
            let count = unwritten.count;
            let refused = refused.waiting.entry(key).or_insert(Refused { count: 0, ..unwritten });
            refused.count = refused.count.saturating_add(count);
        }
    }

    /// Counts what was refused before this server started.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn look_back(&self) -> Result<(), UpdateError> {
        let since = self.clock.now() - LOOK_BACK;
        let entries = self.audit_log.refused_sign_ins(since, LOOK_BACK_MAX).await?;
        entries.iter().rev().for_each(|entry| self.count(entry));
        Ok(())
    }

    fn count(&self, entry: &AuditEntry) {
        if let Some((guess, count)) = guess_of(entry) {
            self.guesses().count(&guess, count, entry.at);
        }
    }
}

fn too_many(wait: TimeDelta) -> Refusal {
    let seconds = u64::try_from(wait.num_seconds()).unwrap_or_default();
    Refusal::TooManyGuesses { wait_seconds: seconds.saturating_add(1) }
}

/// What an entry tells of guesses.
fn guess_of(entry: &AuditEntry) -> Option<(Guess, u32)> {
    let after = entry.deed.after.as_ref()?;
    let mailbox = MailboxDigest::kept(after.get("mailbox")?.as_str()?)?;
    let network = after.get("network")?.as_str()?.to_owned();
    let count = u32::try_from(after.get("count")?.as_u64()?).ok()?;
    Some((Guess { mailbox, network, is_known: false }, count))
}

impl CommitObserver for SignInGuard {
    fn committed(&self, changes: &Records) {
        for (entry, _) in changes.audit_entries.changes() {
            let is_refusal = entry.deed.kind == AuditKind::SignInRefused;
            if is_refusal && !self.refused().written.contains(&entry.id) {
                self.count(entry);
            }
        }
    }

    fn began_anew(&self, _: u64) {}
}
