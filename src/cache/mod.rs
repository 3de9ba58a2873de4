//! What may be lost: small values with an end, counters, leases and messages, in the process or in Redis.

pub mod error;
mod in_process;
mod in_redis;
mod store;
pub mod subscription;

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::clock::Clock;
use crate::config;

use error::CacheError;
use in_process::InProcess;
use in_redis::InRedis;
use store::Store;
use subscription::Subscription;

/// Before every key and channel, so that a Redis may serve other programs too.
const PREFIX: &str = "sso:";
/// Longest key, prefix included: keys carry what strangers sent (addresses, digests), never more than this.
const MAX_KEY_BYTES: usize = 512;
/// Longest value or message.
const MAX_VALUE_BYTES: usize = 256 * 1024;

/// The store of what may be lost. Clones are handles to one store.
///
/// Everything kept here has an end. A value that must not be used beyond a moment carries that moment itself:
/// the time to live given here is housekeeping.
#[derive(Clone)]
pub struct Cache {
    store: Arc<dyn Store>,
    shared: bool,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens what `settings` name: `memory:`, `redis://…` or `rediss://…`.
    ///
    /// A Redis that is away is no error: it is looked for again at every call. In the process, `clock` judges
    /// what has ended.
    ///
    /// # Errors
    /// [`CacheError::Settings`] for a URL that is none of the three.
    #[expect(
        clippy::unused_async,
        reason = "opening a store may wait; callers need not know that ours do not"
    )]
    pub async fn open(settings: &config::cache::Cache, clock: Clock) -> Result<Self, CacheError> {
        let url = settings.url.expose_secret();
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "memory" => Ok(Self {
                store: Arc::new(InProcess::new(clock)),
                shared: false,
            }),
            "redis" | "rediss" => Ok(Self {
                store: Arc::new(InRedis::new(url)?),
                shared: true,
            }),
            _ => Err(CacheError::Settings(
                "it begins with neither memory: nor redis:// nor rediss://".to_owned(),
            )),
        }
    }

    /// What `key` holds, unless it has ended.
    ///
    /// # Errors
    /// [`CacheError::Unavailable`] when the store is away or slower than a second.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.store.get(&prefixed(key)?).await
    }

    /// Keeps `value` under `key` for `ttl` (cut to milliseconds, one at least), whatever was there.
    ///
    /// # Errors
    /// [`CacheError::Unavailable`], or [`CacheError::TooLarge`] beyond 256 KiB.
    pub async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        bounded(value)?;
        self.store
            .set(&prefixed(key)?, value, at_least_a_millisecond(ttl))
            .await
    }

    /// As [`Self::set`], but only where nothing is: true if `value` was kept. Leases are made of this.
    ///
    /// # Errors
    /// As [`Self::set`]; then it is not known whether the value was kept.
    pub async fn add(&self, key: &str, value: &[u8], ttl: Duration) -> Result<bool, CacheError> {
        bounded(value)?;
        self.store
            .add(&prefixed(key)?, value, at_least_a_millisecond(ttl))
            .await
    }

    /// What `key` holds, which is gone then: of several callers one gets it.
    ///
    /// # Errors
    /// As [`Self::get`]; then the value may be gone.
    pub async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.store.take(&prefixed(key)?).await
    }

    /// Forgets `key`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn remove(&self, key: &str) -> Result<(), CacheError> {
        self.store.remove(&prefixed(key)?).await
    }

    /// Forgets `key` only if it holds `value`: true if it did. So nobody ends another's lease.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn release(&self, key: &str, value: &[u8]) -> Result<bool, CacheError> {
        self.store.release(&prefixed(key)?, value).await
    }

    /// Counts one more under `key`; the window begins with the first and is not prolonged.
    ///
    /// # Errors
    /// As [`Self::get`]; then it is not known whether it was counted. [`CacheError::Refused`] where `key` holds
    /// something that is no count.
    pub async fn count(&self, key: &str, window: Duration) -> Result<u64, CacheError> {
        self.store.count(&prefixed(key)?, at_least_a_millisecond(window)).await
    }

    /// Tells `message` to every present subscriber of `channel`, on every instance if the store is shared.
    ///
    /// # Errors
    /// As [`Self::set`]; then it may have been told.
    pub async fn publish(&self, channel: &str, message: &[u8]) -> Result<(), CacheError> {
        bounded(message)?;
        self.store.publish(&prefixed(channel)?, message).await
    }

    /// Listens to `channel` from now on. With the store away it listens as soon as that is back, and the reader
    /// is told of the gap.
    ///
    /// # Errors
    /// [`CacheError::TooLarge`] for a channel name beyond all measure.
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, CacheError> {
        Ok(self.store.subscribe(&prefixed(channel)?).await)
    }

    /// Asks the store whether it is there.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn ping(&self) -> Result<(), CacheError> {
        self.store.ping().await
    }

    /// The version of the server that keeps it; none in the process, or where the server does not say.
    ///
    /// # Errors
    /// As [`Self::get`]. [`CacheError::Refused`] where we may not ask.
    pub async fn server_version(&self) -> Result<Option<String>, CacheError> {
        self.store.server_version().await
    }

    /// Whether other instances see what is kept here.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared
    }
}

fn prefixed(key: &str) -> Result<String, CacheError> {
    if PREFIX.len() + key.len() > MAX_KEY_BYTES {
        return Err(CacheError::TooLarge);
    }
    Ok([PREFIX, key].concat())
}

fn bounded(value: &[u8]) -> Result<(), CacheError> {
    if value.len() > MAX_VALUE_BYTES {
        Err(CacheError::TooLarge)
    } else {
        Ok(())
    }
}

/// Redis takes no time to live of zero.
fn at_least_a_millisecond(ttl: Duration) -> Duration {
    ttl.max(Duration::from_millis(1))
}

#[cfg(test)]
mod contract;
