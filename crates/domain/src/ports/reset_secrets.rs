use crate::session::ResetSecret;

/// Makes secrets for links by which passwords are set anew.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ResetSecrets: Send + Sync {
    /// One that nobody can guess.
    fn next(&self) -> ResetSecret;
}
