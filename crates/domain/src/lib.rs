//! The rules of Stagedoor, and nothing else: plain data, pure functions, and the ports through
//! which the rules meet the world.
//!
//! Nothing here reads a clock, draws a random number, opens a file or awaits: the time comes in as
//! `records.now`, new ids come in as arguments, and what a rule needs to know it finds in
//! [`records::Records`].

pub mod audit;
pub mod audit_log;
pub mod calendar;
pub mod cash;
pub mod clock_discipline;
pub mod clock_set_back;
pub mod concert;
pub mod counts;
pub mod draw;
pub mod guessing;
pub mod idempotency;
pub mod ids;
pub mod line;
pub mod money;
pub mod page;
pub mod payment;
pub mod ports;
pub mod provider_charge;
pub mod records;
pub mod recovery;
pub mod refusal;
pub mod reservation;
pub mod retention;
pub mod seat;
pub mod seat_plan;
pub mod session;
pub mod settling;
pub mod show;
pub mod top_up;
pub mod uptime;
pub mod user;
pub mod waiting_room;
pub mod waiting_token;

/// A moment in UTC, as the store's clock tells it, whole microseconds.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
