//! What people do with Stagedoor: one use case a file, in folders by what a person does.
//!
//! A use case turns what was asked into a scope and a decision, hands both to the store, and turns
//! what was committed into an answer. The rules themselves are in `domain`.

pub mod account;
mod background;
pub mod booking;
pub mod cash;
pub mod catalogue;
mod gathered;
mod in_memory;
pub mod operator;
pub mod payment;
pub mod queue;
mod read_through;
mod single_flight;
pub mod sweeping;
mod wiring;

#[cfg(test)]
mod testing;

pub use single_flight::SingleFlight;
pub use wiring::{Application, Policies, Ports};
