//! The shared cache as the keepers use it: every secret that lies there is sealed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use uuid::Uuid;

use crate::cache::Cache;
use crate::cache::error::CacheError;
use crate::tokens::seal::Sealer;

/// Where instances share the secrets that the platform lends. Clones are handles to one place.
#[derive(Clone)]
pub struct Vault {
    cache: Cache,
    sealer: Arc<Sealer>,
}

impl Vault {
    /// Whoever shares the cache has to have the same master key: what does not open counts as absent.
    #[must_use]
    pub fn new(cache: Cache, sealer: Arc<Sealer>) -> Self {
        Self { cache, sealer }
    }

    /// What lies under `key` and opens there; an error when the cache is away.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let Some(sealed) = self.cache.get(key).await? else {
            return Ok(None);
        };
        let opened = self
            .sealer
            .open_sealed(&purpose(key), &String::from_utf8_lossy(&sealed));
        Ok(opened
            .inspect_err(|error| {
                tracing::warn!(key, %error, "fetching anew what another left; have all instances one secrets.master_key?");
            })
            .ok())
    }

    /// Keeps `secret` under `key` for `ttl`.
    pub(super) async fn set(&self, key: &str, secret: &[u8], ttl: Duration) -> anyhow::Result<()> {
        let sealed = self.sealer.seal(&purpose(key), secret)?;
        self.cache
            .set(key, sealed.as_bytes(), ttl)
            .await
            .context("the shared cache")
    }

    /// Takes the lease on fetching what lies under `key`: false while another instance holds it.
    pub(super) async fn lease(&self, key: &str, mark: Uuid, life: Duration) -> Result<bool, CacheError> {
        self.cache.add(&lease(key), mark.as_bytes(), life).await
    }

    /// Gives back the lease that was taken with `mark`, if it has not run out meanwhile.
    pub(super) async fn release(&self, key: &str, mark: Uuid) -> Result<bool, CacheError> {
        self.cache.release(&lease(key), mark.as_bytes()).await
    }
}

fn lease(key: &str) -> String {
    format!("{key}:lease")
}

/// Bound to its place, so that whoever can write to the cache cannot pass off one app's secret as another's.
fn purpose(key: &str) -> String {
    format!("shared {key}")
}
