//! What each column of time is. A column that is new has to be named here, which each store's tests ask
//! of its catalogue.

use crate::dialect::Dialect;
use TimeKind::{Decided, Ended, Entered, Follows, FollowsEach, OfWallClock, Opening};

/// A column that holds a time, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub kind: TimeKind,
    /// The one store that has it; none if both do.
    only: Option<Dialect>,
}

/// What a time is, and so what becomes of it when the clock is set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeKind {
    /// When something was decided, or somebody was there. It moves.
    Decided,
    /// The end of something, decided where this condition holds, and before that as [`Self::Follows`]. It
    /// moves.
    Ended(&'static str),
    /// What follows from a decision, as an end does, or from an outage that was given back to it. It moves
    /// where this condition holds.
    Follows(&'static str),
    /// The same, an array of them.
    FollowsEach,
    /// When a room is to open, as somebody entered it. It stays; but a room that somebody has come to
    /// since it opened too early is open, so that this moves to where it opened.
    Opening,
    /// What somebody entered, who meant the calendar. It stays.
    Entered,
    /// What the wall clock said. It stays.
    OfWallClock,
}

/// Always.
const ALWAYS: &str = "1 = 1";
/// The hold was put off by the outage, or began after it: not if it had ended by then.
const HELD_SINCE: &str = "coalesce((SELECT p.paid_at FROM payments AS p WHERE p.id = payment_id), \
     ended_at, {from}) >= {from}";
/// The question was first asked then. (It is asked again and again, but its patience stays.)
const ASKED_SINCE: &str = "coalesce(ended_at, paid_at) >= {from}";
/// The token's end is moved, too: it is not to have to be out before that.
const ENDS_SINCE: &str = "ends_at >= {from}";
/// The same, of a top-up.
const TOP_UP_ASKED_SINCE: &str = "CASE state WHEN 'succeeded' THEN created_at \
     ELSE coalesce(ended_at, created_at) END >= {from}";
/// Who is out is so by a decision; of who is inside it is the end to come.
const IS_OUT: &str = "state NOT IN ('waiting', 'active')";

const fn both(table: &'static str, name: &'static str, kind: TimeKind) -> TimeColumn {
    TimeColumn { table, name, kind, only: None }
}

const fn only(
    dialect: Dialect,
    table: &'static str,
    name: &'static str,
    kind: TimeKind,
) -> TimeColumn {
    TimeColumn { table, name, kind, only: Some(dialect) }
}

/// All of both stores. A table's columns are next to each other, and reservations, which look at when they
/// were paid for, come before payments.
const ALL: &[TimeColumn] = &[
    both("users", "created_at", Decided),
    both("users", "disabled_at", Decided),
    both("users", "signed_out_at", Decided),
    both("sessions", "created_at", Decided),
    both("sessions", "expires_at", Follows(ALWAYS)),
    both("sessions", "ended_at", Decided),
    both("password_resets", "created_at", Decided),
    both("password_resets", "expires_at", Follows(ALWAYS)),
    both("password_resets", "used_at", Decided),
    both("audit_log", "at", Decided),
    both("waiting_rooms", "opens_at", Opening),
    both("waiting_rooms", "drawn_at", Decided),
    both("waiting_rooms", "rate_used_until", Follows(ALWAYS)),
    both("waiting_rooms", "created_at", Decided),
    both("room_policies", "since", Decided),
    both("room_policies", "opens_at", Entered),
    both("concerts", "sale_opens_at", Entered),
    both("concerts", "sale_closes_at", Entered),
    both("concerts", "created_at", Decided),
    both("shows", "starts_at", Entered),
    both("shows", "date", Entered),
    both("waiting_tokens", "joined_at", Decided),
    both("waiting_tokens", "heard_at", Decided),
    both("waiting_tokens", "admitted_at", Decided),
    both("waiting_tokens", "ends_at", Ended(IS_OUT)),
    both("waiting_tokens", "leave_by", Follows(ENDS_SINCE)),
    both("seats", "held_until", Follows(ALWAYS)),
    both("seats", "let_go_at", Follows(ALWAYS)),
    both("seats", "returns_at", Follows(ALWAYS)),
    both("reservations", "date", Entered),
    both("reservations", "created_at", Decided),
    both("reservations", "held_until", Follows(HELD_SINCE)),
    both("reservations", "confirmed_at", Decided),
    both("reservations", "ended_at", Decided),
    both("payments", "paid_at", Decided),
    both("payments", "ended_at", Decided),
    both("payments", "provider_ask_at", Follows(ALWAYS)),
    both("payments", "provider_settle_by", Follows(ASKED_SINCE)),
    both("top_ups", "created_at", Decided),
    both("top_ups", "ended_at", Decided),
    both("top_ups", "provider_ask_at", Follows(ALWAYS)),
    both("top_ups", "provider_settle_by", Follows(TOP_UP_ASKED_SINCE)),
    both("cash_entries", "created_at", Decided),
    both("kept_answers", "created_at", Decided),
    only(Dialect::Postgres, "commits", "committed_at", Decided),
    only(Dialect::Postgres, "writers", "seen_at", Decided),
    only(Dialect::Sqlite, "service", "last_commit_at", Decided),
    both("service", "heartbeat_at", Decided),
    both("service", "up_since", Decided),
    both("service", "punctual_since", Decided),
    only(Dialect::Sqlite, "service", "server_beat", Follows(ALWAYS)),
    only(Dialect::Postgres, "service", "server_beats", FollowsEach),
    both("service", "outage_ended_at", Decided),
    both("service", "outage_beat_at", Decided),
    both("service", "evidence_since", Decided),
    both("service", "audit_log_since", Decided),
    only(Dialect::Postgres, "service", "clock_changed_at", OfWallClock),
    both("outages", "began_at", Decided),
    both("outages", "ended_at", Decided),
];

/// Those of one store.
pub fn columns(dialect: Dialect) -> impl Iterator<Item = TimeColumn> {
    ALL.iter().copied().filter(move |column| column.only.is_none_or(|only| only == dialect))
}

impl TimeColumn {
    /// Whether it moves, and where to, with `{from}` and `{by}` for from when on and by how much.
    pub(crate) fn moved(&self) -> Option<(String, String)> {
        let name = self.name;
        let is_since = format!("{name} >= {{from}}");
        let earlier = format!("{name} - {{by}}");
        match self.kind {
            Decided | Ended(_) => Some((is_since, earlier)),
            Follows(condition) => Some((format!("({is_since} AND {condition})"), earlier)),
            FollowsEach => Some((
                format!("{{from}} <= ANY({name})"),
                format!(
                    "ARRAY(SELECT CASE WHEN t >= {{from}} THEN t - {{by}} ELSE t END \
                     FROM unnest({name}) WITH ORDINALITY AS each (t, n) ORDER BY n)"
                ),
            )),
            Opening => Some((
                format!("(last_number > 0 AND {name} > {{from}} - {{by}})"),
                format!("CASE WHEN {is_since} THEN {earlier} ELSE {{from}} - {{by}} END"),
            )),
            Entered | OfWallClock => None,
        }
    }

    /// Where it says when something was decided, if it ever does.
    pub(crate) const fn decided_where(&self) -> Option<&'static str> {
        match self.kind {
            Decided => Some(ALWAYS),
            Ended(condition) => Some(condition),
            Follows(_) | FollowsEach | Opening | Entered | OfWallClock => None,
        }
    }
}
