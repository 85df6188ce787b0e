//! What each code means, for who reads of one.

/// Every code, and what to know of it.
pub(crate) const ALL: &[(&str, &str)] = &[
    ("account_disabled", "An operator shut the account. Only an operator opens it again."),
    ("already_paid", "The reservation has been paid for. Its payment is named in payment_id."),
    (
        "ambiguous_date",
        "Several shows are on that date, with a room each: name the one you mean by show_id. They are \
         listed in shows.",
    ),
    (
        "charging_closed",
        "Cash does not come in this way here. The balance says in charges where it comes from.",
    ),
    (
        "chosen_too_often",
        "You have just given back many other seats of the show. Choose again when Retry-After says.",
    ),
    (
        "concert_required",
        "The token is for no single concert, so the path or the body has to name one.",
    ),
    ("email_taken", "Somebody has signed up with that email. Sign in with it, or take another."),
    ("forbidden", "Only an operator may do this."),
    ("headers_too_large", "The request's head is longer than the server reads."),
    (
        "hold_expired",
        "The seats were not paid for in time and are free again. Hold seats once more.",
    ),
    (
        "idempotency_key_reused",
        "The key came before with another request. A new request needs a new key.",
    ),
    (
        "insufficient_balance",
        "The balance does not cover the amount. The seats stay held: charge the account, and pay again.",
    ),
    ("invalid_amount", "The amount is out of range. What can be charged at the most is in max."),
    ("invalid_concert", "There is no such concert."),
    ("invalid_credentials", "The email or the password is wrong. Which of them is not told."),
    ("invalid_date", "The concert has no show on that date."),
    ("invalid_datetime", "The concert has no such show on that date."),
    (
        "invalid_request",
        "Something in the request is not understood, and nothing was done. Each thing is named in errors, \
         by its field, with what it must be.",
    ),
    (
        "invalid_reset",
        "The link to a new password was used, is too old, or there is none. Ask an operator for a new one.",
    ),
    ("invalid_seat", "The show has no such seats. They are listed in seat_ids or seat_numbers."),
    ("invalid_show", "There is no such show."),
    (
        "invalid_signature",
        "The notice is not signed by the payment provider, or was signed too long ago.",
    ),
    (
        "invalid_token",
        "The call needs a token in Authorization: Bearer, and got none that is good for it. Sign in, or \
         take a place in line.",
    ),
    ("invalid_user", "The account that the token is for does not exist any more."),
    ("method_not_allowed", "The path has no such method. Those that it has are in Allow."),
    (
        "not_admitted",
        "The place is still waiting. How many are before it, plus one, is in position.",
    ),
    ("not_found", "There is nothing here, or nothing of yours."),
    ("not_held", "The reservation is not held, so it cannot be given back."),
    ("not_on_sale", "The show is not sold now: not yet, or not any more."),
    ("not_pending", "The payment is settled, so there is nothing to end."),
    ("not_refundable", "The payment cannot be given back: it is too late, or it is not paid."),
    ("notice_replayed", "The very same notice came before."),
    (
        "outcome_unknown",
        "Whether this took effect is not known. Ask again with the same Idempotency-Key, or look before \
         you repeat it.",
    ),
    (
        "overloaded",
        "More is asked for than the server lets wait. Nothing was begun; come back when Retry-After says.",
    ),
    ("payload_too_large", "The body is longer than 65,536 bytes."),
    (
        "payment_failed",
        "The payment provider refused. Nothing was taken, and the seats are free again.",
    ),
    ("request_timeout", "The request did not arrive in time."),
    (
        "seat_already_reserved",
        "Somebody else was quicker. The seats are listed in seat_numbers; none of those asked for is held.",
    ),
    (
        "seat_let_go",
        "You held these seats and let them go, so for a while they are for others. Retry-After says for \
         how long.",
    ),
    ("seat_limit_exceeded", "Nobody may have so many seats. How many is in limit."),
    ("show_exists", "The concert has a show at that time already. It is named in show_id."),
    ("token_exists", "You have a place in that room."),
    ("token_expired", "The place was used, given up, or lost."),
    (
        "too_many_requests",
        "You, or your address, have asked for more than is everybody's share. Come back when Retry-After \
         says.",
    ),
    (
        "too_many_top_ups",
        "As many of your top-ups as may be wait for the payment provider. How many is in limit.",
    ),
    (
        "top_up_failed",
        "The payment provider refused, or did not answer in time. Nothing came into the account.",
    ),
    (
        "unavailable",
        "Something is broken or away. Nothing was done; come back when Retry-After says.",
    ),
    (
        "work_required",
        "Joining costs some work: find a nonce so that the SHA-256 of challenge and nonce begins with as \
         many zero bits as bits says, and come back with both.",
    ),
    ("wrong_room", "The token is for another waiting room."),
];

/// What to know of a code.
pub(crate) fn explained(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == code).map(|(_, about)| *about)
}
