//! `[cache]`: the store of what may be lost.

use secrecy::SecretString;

use super::check;
use super::reader::{Read, Reader};

const A_CACHE: &str = "write memory:, redis://HOST:PORT or rediss://HOST:PORT";

/// The store of what may be lost.
#[derive(Debug, Clone)]
pub struct Cache {
    /// `memory:`, `redis://…` or `rediss://…`; may carry a password.
    pub url: SecretString,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Cache> {
    let url = r.checked_secret("cache.url", check::cache, A_CACHE);
    let url = r.needed("cache.url", A_CACHE, url)?;
    Ok(Cache { url: url.into() })
}
