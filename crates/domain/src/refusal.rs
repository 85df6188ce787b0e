//! Every reason to say no.

use crate::Timestamp;
use crate::ids::{PaymentId, SeatId, ShowId, TopUpId};
use crate::money::Amount;

/// Why something that was asked for is not done. A refusal is an answer, not a fault: nothing was
/// changed, and whoever asked can act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What was sent breaks a rule of form; each field that does is named.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),

    /// No user of that name signs in with that password.
    #[error("no account with this email and password")]
    InvalidCredentials,
    /// Too many wrong passwords were shown lately.
    #[error("too many wrong passwords; try again in {wait_seconds} s")]
    TooManyGuesses {
        /// After how long the next one is looked at.
        wait_seconds: u64,
    },
    /// An operator shut the account.
    #[error("this account is shut")]
    AccountDisabled,
    /// The secret of a password's reset is wrong, used or too old.
    #[error("this link to a new password was used, or is too old")]
    InvalidReset,
    /// Somebody already signed up with that email.
    #[error("this email is already in use")]
    EmailTaken,
    /// The user of a genuine token is not there any more.
    #[error("there is no such user any more")]
    InvalidUser,
    /// Only an operator may do this.
    #[error("only an operator may do this")]
    Forbidden,

    /// No token, a malformed one, a forged one, or one that ran out where that ends the matter.
    #[error("a valid token is needed")]
    InvalidToken,
    /// The token is for another waiting room.
    #[error("this token is for another waiting room")]
    WrongRoom,
    /// The token still waits.
    #[error("this token still waits to be let in")]
    NotAdmitted {
        /// How many are still before it, plus one, where that is known.
        position: Option<u64>,
    },
    /// The token was used up or ran out.
    #[error("this token is used up or has run out")]
    TokenExpired,
    /// The user already has a place in this room and asked to be told rather than given it.
    #[error("there already is a token for this waiting room")]
    TokenExists,

    /// Work has to be done first, and was not, or not enough.
    #[error("some work has to be done before joining")]
    WorkRequired {
        /// What the work has to be done on.
        challenge: String,
        /// How many leading bits must be zero.
        bits: u32,
    },

    /// No such thing, or none that this user may see.
    #[error("there is no such thing here")]
    NotFound,
    /// No such concert.
    #[error("there is no such concert")]
    InvalidConcert,
    /// No such show.
    #[error("there is no such show")]
    InvalidShow,
    /// The concert has a show that begins at that very time.
    #[error("the concert already has a show that begins then")]
    ShowExists {
        /// Which one.
        show_id: ShowId,
    },
    /// The concert has no show on that date.
    #[error("the concert has no show on this date")]
    InvalidDate,
    /// The concert that a place in line was asked for has no show on that date.
    #[error("the concert has no show on this date")]
    InvalidDatetime,
    /// The concert has several shows on that date.
    #[error("the concert has several shows on this date")]
    AmbiguousDate {
        /// The shows to choose from.
        shows: Vec<(ShowId, Timestamp)>,
    },
    /// The token was not issued for a concert, so the path must name one.
    #[error("the token names no concert")]
    ConcertRequired,

    /// Some of the seats are not seats of the show.
    #[error("the show has no such seat")]
    InvalidSeat {
        /// Those that were asked for by id and are not there.
        seat_ids: Vec<SeatId>,
        /// Those that were asked for by number and are not there.
        seat_numbers: Vec<String>,
    },
    /// Some of the seats are held or sold.
    #[error("a seat is already reserved")]
    SeatAlreadyReserved {
        /// Which ones.
        seat_numbers: Vec<String>,
    },
    /// The user let some of the seats go unpaid a moment ago.
    #[error("you held this seat and let it go; it is others' turn for a moment")]
    SeatLetGo {
        /// Which ones.
        seat_numbers: Vec<String>,
        /// In how many seconds the user may hold them again.
        wait_seconds: u64,
    },
    /// The user has just given back more seats of the show than somebody does who chooses.
    #[error("you gave many seats back; choose again in a moment")]
    ChosenTooOften {
        /// In how many seconds the user may choose others.
        wait_seconds: u64,
    },
    /// More seats than a reservation, or a user and concert, may have.
    #[error("this is more seats than allowed")]
    SeatLimitExceeded {
        /// How many are allowed.
        limit: u32,
    },
    /// The sale has not begun or is over, or the show has begun.
    #[error("the show is not on sale")]
    NotOnSale,
    /// The reservation is not held, so it cannot be given back.
    #[error("the reservation is not held")]
    NotHeld,

    /// A charge outside its limits.
    #[error("the amount is outside its limits")]
    InvalidAmount {
        /// The most that can be charged just now.
        max: Amount,
    },
    /// Nobody can charge an account in this way here.
    #[error("accounts are not charged in this way here")]
    ChargingClosed,
    /// As many top-ups of the user are pending as may be.
    #[error("too many top-ups are pending")]
    TooManyTopUps {
        /// How many may be.
        limit: u32,
    },
    /// The outside payment provider refused a top-up, or it was ended before the provider had charged.
    #[error("the top-up failed: {reason}")]
    TopUpFailed {
        /// Which top-up.
        top_up_id: TopUpId,
        /// Why, in the provider's words.
        reason: String,
    },
    /// There is less cash than the reservation costs.
    #[error("there is not enough cash")]
    InsufficientBalance {
        /// What there is.
        balance: Amount,
        /// What it costs.
        amount: Amount,
    },
    /// The hold's time is over.
    #[error("the hold has run out")]
    HoldExpired,
    /// The reservation is paid for.
    #[error("the reservation is already paid for")]
    AlreadyPaid {
        /// By which payment.
        payment_id: PaymentId,
    },
    /// The outside payment provider refused.
    #[error("the payment failed: {reason}")]
    PaymentFailed {
        /// Which payment.
        payment_id: PaymentId,
        /// Why, in the provider's words.
        reason: String,
    },
    /// The payment is settled, one way or the other.
    #[error("the payment is not pending")]
    NotPending,
    /// The payment cannot be given back: too late, or given back before.
    #[error("the payment cannot be refunded")]
    NotRefundable,

    /// A notice without the payment provider's signature, with a wrong one, or an old one.
    #[error("this is not signed by the payment provider, or too old")]
    InvalidSignature,
    /// This very notice of the payment provider came before.
    #[error("this notice came before")]
    NoticeReplayed,

    /// The service was away a moment ago, and what that means for this is not written down yet. Asked
    /// again in a second, it is.
    #[error("the service was away a moment ago; ask again in a second")]
    Interrupted,

    /// The idempotency key came before, with another request.
    #[error("this idempotency key was used for another request")]
    IdempotencyKeyReused,
}

impl Refusal {
    /// A refusal that names one field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's path, such as `sections[0].rows`.
    pub field: String,
    /// What it should be.
    pub message: String,
}

/// Gathers what is wrong with several fields, so that all of it can be told at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Notes that `field` is wrong unless `holds`.
    pub fn require(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.0.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        }
    }

    /// # Errors
    /// [`Refusal::Invalid`] when anything was noted.
    pub fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.0)) }
    }
}
