use chrono::TimeDelta;

/// Says after how long the seats of a payment that is given back are free.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ReturnDelays: Send + Sync {
    /// A time that nobody can foresee, each up to the longest as likely as any other; zero where seats are
    /// free at once.
    fn next(&self) -> TimeDelta;
}
