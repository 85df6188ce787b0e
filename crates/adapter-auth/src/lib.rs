//! Who somebody is: password hashes (argon2id), access tokens (JWT), queue tokens (signed), work
//! before joining, and ids and seeds that nobody had before.

mod access_tokens;
mod draw_seeds;
mod hashing;
mod ids;
mod join_work;
mod keys;
mod passwords;
mod queue_tokens;
mod return_delays;

pub use access_tokens::JwtAccessTokens;
pub use draw_seeds::RandomSeeds;
pub use hashing::hashed_at_once;
pub use ids::RandomIds;
pub use join_work::HashWork;
pub use keys::{Keyring, Secret, SecretTooWeak};
pub use passwords::Argon2Passwords;
pub use queue_tokens::SignedQueueTokens;
pub use return_delays::RandomDelays;
