//! Who somebody is: password hashes (argon2id), access tokens (JWT), queue tokens (signed), and ids
//! that nobody had before.

mod access_tokens;
mod ids;
mod keys;
mod passwords;
mod queue_tokens;

pub use access_tokens::JwtAccessTokens;
pub use ids::RandomIds;
pub use keys::{Keyring, Secret, SecretTooShort};
pub use passwords::Argon2Passwords;
pub use queue_tokens::SignedQueueTokens;
