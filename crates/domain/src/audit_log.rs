//! The audit log: who did what, from where. Entries are added and never changed.

use serde_json::Value;
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::{AuditEntryId, UserId};
use crate::records::Records;

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditEntryId,
    /// When it was decided, by the store's time.
    pub at: Timestamp,
    /// Who did it; none for somebody who is not signed in, for a command and for the service itself.
    pub actor_id: Option<UserId>,
    /// What was done, and to what.
    pub deed: Deed,
    /// Where the call came from.
    pub origin: Origin,
}

/// What was done, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What was done.
    pub kind: AuditKind,
    /// To what: a room, a payment, a concert, a show or a user, as [`AuditKind`] says.
    pub subject_id: Option<Uuid>,
    /// Whose account or money it is about.
    pub user_id: Option<UserId>,
    /// How it was before, as JSON.
    pub before: Option<Value>,
    /// How it is from then on, as JSON.
    pub after: Option<Value>,
}

impl Deed {
    /// What was done to `subject_id`, without more words.
    #[must_use]
    pub fn new(kind: AuditKind, subject_id: impl Into<Uuid>) -> Self {
        let subject_id = Some(subject_id.into());
        Self { kind, subject_id, user_id: None, before: None, after: None }
    }

    /// The same, about this user's account or money.
    #[must_use]
    pub fn about(self, user_id: UserId) -> Self {
        Self { user_id: Some(user_id), ..self }
    }

    /// The same, with how it was before.
    #[must_use]
    pub fn before(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }

    /// The same, with how it is from then on.
    #[must_use]
    pub fn after(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }
}

/// Where a call came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub address: Option<String>,
    /// The request's name, given by the server.
    pub request_id: Option<String>,
    /// The name that the client gave the request. Anybody may write anything there.
    pub client_request_id: Option<String>,
}

/// Who acts, from where, and the id of the entry that will say so. Taken into a decision, which notes
/// what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The new entry's id.
    pub entry_id: AuditEntryId,
    /// Who it is; none for somebody who is not signed in, for a command and for the service itself.
    pub user_id: Option<UserId>,
    /// Where the call came from.
    pub origin: Origin,
}

impl Actor {
    /// A user who is signed in.
    #[must_use]
    pub fn user(entry_id: impl Into<AuditEntryId>, user_id: UserId, origin: &Origin) -> Self {
        Self { entry_id: entry_id.into(), user_id: Some(user_id), origin: origin.clone() }
    }

    /// Somebody who is not signed in, a command, or the service itself.
    #[must_use]
    pub fn nobody(entry_id: impl Into<AuditEntryId>, origin: &Origin) -> Self {
        Self { entry_id: entry_id.into(), user_id: None, origin: origin.clone() }
    }
}

impl Records {
    /// Adds an entry to the audit log: it is in the store if what it tells of is.
    pub fn note(&mut self, actor: &Actor, deed: Deed) {
        self.audit_entries.insert(AuditEntry {
            id: actor.entry_id,
            at: self.now,
            actor_id: actor.user_id,
            deed,
            origin: actor.origin.clone(),
        });
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident as $name:literal;)*) => {
        /// What an entry of the audit log tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditKind {
            $($(#[$doc])* $kind,)*
        }

        impl AuditKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The kind's name, as it is stored and told.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Wrong passwords for one mailbox from one address: `after` has how many. The subject is the user,
    /// if there is one.
    SignInRefused as "sign_in_refused";
    /// A user changed the password. The subject is the user.
    PasswordChanged as "password_changed";
    /// A link was made by which a user's password can be set anew. The subject is the user.
    PasswordResetMade as "password_reset_made";
    /// A password was set anew by such a link. The subject is the user.
    PasswordReset as "password_reset";
    /// A user ended all sessions. The subject is the user.
    SignedOutEverywhere as "signed_out_everywhere";
    /// An operator shut a user out. The subject is the user.
    UserDisabled as "user_disabled";
    /// An operator let a user in again. The subject is the user.
    UserEnabled as "user_enabled";
    /// An operator entered a concert, which is the subject.
    ConcertCreated as "concert_created";
    /// An operator entered a show, which is the subject.
    ShowCreated as "show_created";
    /// An operator changed a waiting room, which is the subject.
    RoomChanged as "room_changed";
    /// A payment, which is the subject, was given back to who paid.
    PaymentRefunded as "payment_refunded";
    /// A pending payment, which is the subject, was ended by an operator, or by itself.
    PaymentUndone as "payment_undone";
    /// A pending top-up, which is the subject, was ended by an operator, or by itself.
    TopUpUndone as "top_up_undone";
    /// An operator put cash into an account. The subject is the cash entry.
    CashCredited as "cash_credited";
}

impl AuditKind {
    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Which entries are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this user, or about this user's account or money.
    pub user_id: Option<UserId>,
    /// Of this kind.
    pub kind: Option<AuditKind>,
}
