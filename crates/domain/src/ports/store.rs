use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::records::{Records, Scope};
use crate::refusal::Refusal;

/// A decision: looks at the records and changes them, or refuses.
///
/// Pure, and may run more than once: no I/O, clock or randomness inside. New ids are captured from
/// outside; the time is `records.now`.
pub type Decide = Box<dyn Fn(&mut Records) -> Result<(), Refusal> + Send + Sync>;

/// Who opens a store. A schema that a server of an earlier version uses is not taken away from it by a
/// command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenedBy {
    /// A server. The schema is brought up to date.
    Server,
    /// A command that writes, beside servers. The schema is made where there is none, and must else be up to
    /// date.
    Command,
    /// A command that only reads, beside servers. The schema must be up to date.
    Inspection,
}

/// How far the schema of a store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// There is none.
    None,
    /// It lacks something.
    Behind,
    /// It is that of this version, or of a later one that this version can use.
    UpToDate,
}

/// What becomes of a schema before a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaCare {
    /// Nothing: it is as it has to be.
    GoOn,
    /// It is brought up to date.
    Migrate,
    /// Nothing, and the store is not opened.
    Refuse,
}

impl OpenedBy {
    /// What becomes of a schema in that state.
    #[must_use]
    pub const fn care(self, state: SchemaState) -> SchemaCare {
        match (state, self) {
            (SchemaState::UpToDate, _) => SchemaCare::GoOn,
            (_, Self::Server) | (SchemaState::None, Self::Command) => SchemaCare::Migrate,
            (SchemaState::Behind, Self::Command) | (_, Self::Inspection) => SchemaCare::Refuse,
        }
    }
}

/// The one way in which anything changes: say what you need, say what you would change; the store
/// makes it atomic.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Store: Send + Sync {
    /// Loads what `scope` names, shut against other writers, runs `decide`, commits what it
    /// changed, all or nothing, and returns the records as committed.
    ///
    /// # Errors
    /// [`UpdateError::Refused`]: nothing changed. [`UpdateError::Unavailable`]: nothing changed.
    /// [`UpdateError::Unknown`]: the answer to COMMIT was lost; ask by the idempotency key.
    async fn update(&self, scope: Scope, decide: Decide) -> Result<Records, UpdateError>;

    /// Whether the store answers and its schema is the one this program was made for.
    ///
    /// # Errors
    /// [`Unavailable`] when not.
    async fn check(&self) -> Result<(), Unavailable>;

    /// Answers what was taken in, takes nothing more, and leaves what is kept in order for whoever
    /// comes next. A store that keeps nothing beside its database has nothing to do.
    async fn close(&self) {}
}

impl dyn Store {
    /// Like [`Store::update`], for a decision that has something to tell: returns what its last
    /// run, the one that was committed, told.
    ///
    /// # Errors
    /// Those of [`Store::update`].
    pub async fn decide<T: Send + 'static>(
        &self,
        scope: Scope,
        decide: impl Fn(&mut Records) -> Result<T, Refusal> + Send + Sync + 'static,
    ) -> Result<T, UpdateError> {
        let told = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&told);
        let decide: Decide = Box::new(move |records| {
            let value = decide(records)?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
        });
        self.update(scope, decide).await?;
        let value = told.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| Unavailable::because("the store committed without a decision").into())
    }
}

/// Why an update did not (or may not have) come about.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The decision said no. Nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be reached, or is too busy. Nothing changed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Whether it was committed is not known.
    #[error("it is not known whether the change was committed")]
    Unknown(#[source] Unavailable),
}

/// A store, or whatever else stands behind a port, cannot do its work just now. Not the caller's
/// fault; trying again later may help.
#[derive(Debug, Clone)]
pub struct Unavailable {
    what: String,
    cause: Cause,
}

#[derive(Debug, Clone)]
enum Cause {
    /// Something is broken, or away.
    Fault(Option<Arc<dyn Error + Send + Sync>>),
    /// A limit is reached. Nothing is broken.
    Overload,
}

impl Unavailable {
    /// A fault in words.
    #[must_use]
    pub fn because(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: Cause::Fault(None) }
    }

    /// More is asked for at once than `what`, a limit, lets wait, or for longer. Nothing is broken, and
    /// what was asked for was not begun.
    #[must_use]
    pub fn overloaded(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: Cause::Overload }
    }

    /// A fault with the error that it came from.
    #[must_use]
    pub fn from_source(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), cause: Cause::Fault(Some(Arc::from(source.into()))) }
    }

    /// Whether a limit is reached, and nothing is broken.
    #[must_use]
    pub const fn is_overload(&self) -> bool {
        matches!(self.cause, Cause::Overload)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Fault(Some(source)) => Some(source.as_ref()),
            Cause::Fault(None) | Cause::Overload => None,
        }
    }
}
