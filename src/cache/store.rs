//! What a store of the cache must do; two do it, and one contract test holds both to it.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::error::CacheError;
use super::subscription::Subscription;

/// The answer of a store, when it comes.
pub(super) type Answer<'a, T> = BoxFuture<'a, Result<T, CacheError>>;

/// A store. Keys come prefixed and bounded, times to live are a millisecond or more.
pub(super) trait Store: Send + Sync {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;
    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> Answer<'a, ()>;
    fn add<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> Answer<'a, bool>;
    fn take<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>>;
    fn remove<'a>(&'a self, key: &'a str) -> Answer<'a, ()>;
    fn release<'a>(&'a self, key: &'a str, value: &'a [u8]) -> Answer<'a, bool>;
    fn count<'a>(&'a self, key: &'a str, window: Duration) -> Answer<'a, u64>;
    fn publish<'a>(&'a self, channel: &'a str, message: &'a [u8]) -> Answer<'a, ()>;
    fn subscribe<'a>(&'a self, channel: &'a str) -> BoxFuture<'a, Subscription>;
    fn ping(&self) -> Answer<'_, ()>;
    fn server_version(&self) -> Answer<'_, Option<String>>;
}
