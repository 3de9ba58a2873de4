//! `[events]`: how DingTalk tells us of changes.

use secrecy::SecretString;

use super::check;
use super::reader::{Read, Reader};

/// How DingTalk tells us of changes.
#[derive(Debug, Clone)]
pub struct Events {
    /// Off, by callback or by Stream mode.
    pub mode: EventsMode,
    /// Token of the callback subscription.
    pub token: Option<SecretString>,
    /// The callback's 43-character AES key.
    pub aes_key: Option<SecretString>,
    /// App key, corp id or suite key; none: app key and corp id are accepted.
    pub owner_key: Option<String>,
}

/// Ways in which events arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsMode {
    /// They do not.
    Off,
    /// DingTalk posts them to us.
    Http,
    /// We fetch them over a WebSocket of ours.
    Stream,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Events> {
    const A_TOKEN: &str = "write the token of the event subscription from the developer console";
    const A_KEY: &str = "write the AES key of the event subscription from the developer console";
    let modes = [
        ("off", EventsMode::Off),
        ("http", EventsMode::Http),
        ("stream", EventsMode::Stream),
    ];
    let mode = r.choice("events.mode", &modes);
    let mut token = r.secret_word("events.token", 256);
    let mut aes_key = r.checked_secret("events.aes_key", check::aes_key, A_KEY);
    if matches!(mode, Ok(EventsMode::Http)) {
        token = r.needed("events.token", A_TOKEN, token).map(Some);
        aes_key = r.needed("events.aes_key", A_KEY, aes_key).map(Some);
    }
    let owner_key = r.word("events.owner_key", 128);
    Ok(Events {
        mode: mode?,
        token: token?,
        aes_key: aes_key?,
        owner_key: owner_key?,
    })
}
