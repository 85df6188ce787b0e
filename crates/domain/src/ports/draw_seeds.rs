use crate::draw::DrawSeed;

/// Gives out seeds for draws.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait DrawSeeds: Send + Sync {
    /// A seed that nobody had before and nobody can foresee: from the system's source of secrets.
    fn next(&self) -> DrawSeed;
}
