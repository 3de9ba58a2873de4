//! What can go wrong with a store of what may be lost.

/// Why the cache did not do as it was told. The texts are for the log; none carries a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The URL in the settings cannot be used.
    #[error("cache.url cannot be used: {0}")]
    Settings(String),
    /// The store is away, or slower than the time limit.
    #[error("the cache is away: {0}")]
    Unavailable(String),
    /// The store answered, but with a refusal.
    #[error("the cache refused: {0}")]
    Refused(String),
    /// A key or value beyond the bounds of the store.
    #[error("too large for the cache")]
    TooLarge,
}
