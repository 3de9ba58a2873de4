//! `[database]`: the store of what may not be lost.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::check;
use super::reader::{Read, Reader};

const A_DATABASE: &str = "write sqlite://FILE, postgres://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME";

/// The store of what may not be lost.
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://…`, `postgres://…` or `mysql://…`; may carry a password.
    pub url: SecretString,
    /// The most connections that this instance keeps open (SQLite: readers, of which
    /// no more are opened than can be busy at once).
    pub max_connections: u32,
}

impl Database {
    /// Whether the database is a server, which several instances may share.
    #[must_use]
    pub fn is_server(&self) -> bool {
        !self.url.expose_secret().starts_with("sqlite:")
    }

    /// The file of an SQLite database; none for a server, or for one in memory.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.url.expose_secret().strip_prefix("sqlite:")?;
        let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
        (!path.contains(":memory:")).then(|| PathBuf::from(path))
    }
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Database> {
    let url = r.checked_secret("database.url", check::database, A_DATABASE);
    let url = r.needed("database.url", A_DATABASE, url);
    let max_connections = r.number("database.max_connections", 1..=1000);
    Ok(Database {
        url: url?.into(),
        max_connections: max_connections?,
    })
}
