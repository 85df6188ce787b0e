//! The contract: each refusal at least once, and the conventions that all calls share.

mod absurd;
mod conventions;
mod gates;
mod journey;
mod on_offer;
mod operators;
