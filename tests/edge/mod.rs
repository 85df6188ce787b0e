//! What an attacker or a clumsy client may try, and does not get away with.

mod connections;
mod flood;
#[rustfmt::skip]
mod framing;
mod limits;
mod memory;
mod passwords;
mod places;
mod problems;
mod strict;
