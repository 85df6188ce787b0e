use uuid::Uuid;

/// Gives out new ids.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Ids: Send + Sync {
    /// An id that nobody had before: a UUIDv7 (RFC 9562, section 5.7), so ids sort by about their age,
    /// as far as machines' clocks agree: good for indexes, and nothing rests on it.
    fn next(&self) -> Uuid;
}
