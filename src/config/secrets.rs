//! `[secrets]`: what encrypts secrets at rest.

use secrecy::SecretString;

use super::check;
use super::reader::{Read, Reader};

/// What encrypts our signing keys and, in a shared cache, what DingTalk lends us.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Any text of 32 characters or more; none with SQLite means: made beside the database.
    pub master_key: Option<SecretString>,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>, master_key_needed: bool) -> Read<Secrets> {
    const INSTEAD: &str = "write any text of 32 characters or more, the same for all instances";
    let mut master_key = r.checked_secret("secrets.master_key", check::master_key, INSTEAD);
    if master_key_needed {
        master_key = r.needed("secrets.master_key", INSTEAD, master_key).map(Some);
    }
    Ok(Secrets {
        master_key: master_key?,
    })
}
