//! What the master key is good for: keys of its own for each purpose, sealing at rest, and message codes.

use anyhow::{Context as _, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use super::key_file;
use crate::config;

/// What is marked as ours; a mark of one use is no mark of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A refresh token.
    RefreshToken,
    /// The cookie of a browser that signed in.
    BrowserCookie,
}

/// Seals with AES-256-GCM and authenticates with HMAC-SHA256, under keys derived from the master key.
pub struct Sealer {
    at_rest: LessSafeKey,
    on_the_way: LessSafeKey,
    refresh: hmac::Key,
    browser: hmac::Key,
}

impl Sealer {
    /// Takes the configured master key; with SQLite and none configured, the one in the file beside the database,
    /// which is made (mode 0600) where it is missing.
    ///
    /// # Errors
    /// When there is no key, or its file cannot be read or made, or holds none.
    pub fn open(secrets: &config::secrets::Secrets, database: &config::database::Database) -> anyhow::Result<Self> {
        if let Some(sealer) = Self::find(secrets, database)? {
            return Ok(sealer);
        }
        match key_file::beside(database) {
            Some(file) => Self::new(&key_file::make(&file)?),
            None if database.is_server() => {
                bail!("secrets.master_key is missing: a database server needs one that all instances share")
            }
            // What is sealed in memory ends with the process, as its key does.
            None => Self::new(&key_file::random()?),
        }
    }

    /// As [`Self::open`], but makes nothing: none where no key is configured and there is no file of it.
    ///
    /// # Errors
    /// When the file of the key cannot be read, or holds none.
    pub fn find(
        secrets: &config::secrets::Secrets,
        database: &config::database::Database,
    ) -> anyhow::Result<Option<Self>> {
        let kept = match (&secrets.master_key, key_file::beside(database)) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(file)) => key_file::read(&file)?,
            (None, None) => None,
        };
        kept.map(|key| Self::new(&key)).transpose()
    }

    pub(super) fn new(master: &SecretString) -> anyhow::Result<Self> {
        let master = hmac::Key::new(hmac::HMAC_SHA256, master.expose_secret().as_bytes());
        let derive = |purpose: &str| hmac::sign(&master, purpose.as_bytes());
        let seals = |purpose: &str| UnboundKey::new(&AES_256_GCM, derive(purpose).as_ref()).context("a key that seals");
        Ok(Self {
            at_rest: LessSafeKey::new(seals("dingtalk-sso at rest 1")?),
            on_the_way: LessSafeKey::new(seals("dingtalk-sso on the way 1")?),
            refresh: hmac::Key::new(hmac::HMAC_SHA256, derive("dingtalk-sso refresh token 1").as_ref()),
            browser: hmac::Key::new(hmac::HMAC_SHA256, derive("dingtalk-sso browser cookie 1").as_ref()),
        })
    }

    /// Seals `plain` so that it opens only under the same `purpose` and master key. The answer is text.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> anyhow::Result<String> {
        sealed(&self.at_rest, purpose, plain)
    }

    /// Opens what [`Self::seal`] sealed.
    ///
    /// # Errors
    /// When it was sealed under another purpose or master key, or was changed since.
    pub fn open_sealed(&self, purpose: &str, sealed: &str) -> anyhow::Result<Vec<u8>> {
        opened(&self.at_rest, purpose, sealed)
    }

    /// As [`Self::seal`], for what others carry and bring back. Under a key of its own: strangers may have as much sealed
    /// as they like, and a key with random nonces is good for a bounded number (NIST SP 800-38D section 8.3).
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn seal_for_the_way(&self, purpose: &str, plain: &[u8]) -> anyhow::Result<String> {
        sealed(&self.on_the_way, purpose, plain)
    }

    /// Opens what [`Self::seal_for_the_way`] sealed.
    ///
    /// # Errors
    /// As [`Self::open_sealed`].
    pub fn open_on_the_way(&self, purpose: &str, sealed: &str) -> anyhow::Result<Vec<u8>> {
        opened(&self.on_the_way, purpose, sealed)
    }

    /// The message code that marks `body`.
    pub(super) fn code(&self, mark: Mark, body: &[u8]) -> [u8; 32] {
        let mut code = [0; 32];
        code.copy_from_slice(hmac::sign(self.key_of(mark), body).as_ref());
        code
    }

    /// Whether `code` marks `body`; takes the same time for every wrong one.
    pub(super) fn code_fits(&self, mark: Mark, body: &[u8], code: &[u8]) -> bool {
        hmac::verify(self.key_of(mark), body, code).is_ok()
    }

    const fn key_of(&self, mark: Mark) -> &hmac::Key {
        match mark {
            Mark::RefreshToken => &self.refresh,
            Mark::BrowserCookie => &self.browser,
        }
    }
}

fn sealed(key: &LessSafeKey, purpose: &str, plain: &[u8]) -> anyhow::Result<String> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).context("randomness")?;
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
        .context("sealing")?;
    Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
}

fn opened(key: &LessSafeKey, purpose: &str, sealed: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).context("what is sealed is not base64")?;
    let Some((nonce, rest)) = bytes.split_first_chunk_mut::<NONCE_LEN>() else {
        bail!("what is sealed is cut")
    };
    let plain = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose), rest)
        .context("sealed with another master key, or damaged")?;
    Ok(plain.to_vec())
}
