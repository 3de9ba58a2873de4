//! Settings: what they are, where they come from, and every fault in them at once. One file a section.

pub mod admin;
pub mod app;
pub mod cache;
mod check;
pub mod database;
pub mod dingtalk;
pub mod directory;
pub mod events;
pub mod fault;
pub mod forward_auth;
pub mod http;
pub mod jsapi;
mod layers;
pub mod limits;
pub mod log;
mod process;
mod reader;
pub mod secrets;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use self::admin::Admin;
use self::app::App;
use self::cache::Cache;
use self::database::Database;
use self::dingtalk::DingTalk;
use self::directory::Directory;
use self::events::Events;
use self::fault::Faults;
use self::forward_auth::ForwardAuth;
use self::http::Http;
use self::jsapi::Jsapi;
use self::limits::Limits;
use self::log::Log;
use self::reader::{Read, Reader};
use self::secrets::Secrets;
use self::tokens::Tokens;

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[http]`
    pub http: Http,
    /// `[database]`
    pub database: Database,
    /// `[cache]`
    pub cache: Cache,
    /// `[dingtalk]`, less the micro-app that it names: that one is in `apps`.
    pub dingtalk: DingTalk,
    /// Every micro-app by name, [`app::DEFAULT_APP`] among them.
    pub apps: BTreeMap<String, App>,
    /// `[jsapi]`
    pub jsapi: Jsapi,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[forward_auth]`
    pub forward_auth: ForwardAuth,
    /// `[secrets]`
    pub secrets: Secrets,
    /// `[directory]`
    pub directory: Directory,
    /// `[events]`
    pub events: Events,
    /// `[limits]`
    pub limits: Limits,
    /// `[admin]`
    pub admin: Admin,
    /// `[log]`
    pub log: Log,
}

/// What settings are read for: that decides which of them have to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The whole service: all of `dingtalk.*`, and the master key with a database server.
    Serve,
    /// Work on our own database: `dingtalk.corp_id`. Micro-apps that are not complete are left out.
    Maintain,
    /// Work on the signing keys: as for `Maintain`, and the master key with a database server.
    Keys,
    /// The demo, which brings its own company: nothing. `dingtalk.corp_id` may be empty and `apps` lack the default.
    Demo,
}

impl Settings {
    /// Reads the built-in defaults, over them the file, over that the environment of this process.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, or that the file itself cannot be read.
    pub fn load(file: Option<&Path>, purpose: Purpose) -> Result<Self, Faults> {
        let (text, env) = process::sources(file).map_err(Faults)?;
        Self::from_sources(text.as_deref(), &env, purpose, &process::read_text)
    }

    /// The same from a file's text and given variables; `read_file` fetches the files that hold secrets.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them; a file that is not TOML is told alone.
    pub fn from_sources(
        file: Option<&str>,
        env: &[(String, String)],
        purpose: Purpose,
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let given = layers::gather(file, env, &mut faults).map_err(|fault| Faults(vec![fault]))?;
        let mut reader = Reader::new(given, faults, read_file);
        let settings = settings(&mut reader, purpose);
        match (settings, reader.finish()) {
            (Ok(settings), faults) if faults.is_empty() => Ok(settings),
            (_, faults) => Err(Faults(faults)),
        }
    }
}

/// Reads all sections before it lets go of the first faulty one, as each section does with its keys: one run of the
/// program names all faults.
fn settings(r: &mut Reader<'_>, purpose: Purpose) -> Read<Settings> {
    let http = http::read(r);
    let public_url = http.as_ref().map(|http| &http.public_url).map_err(|noted| *noted);
    let database = database::read(r);
    let cache = cache::read(r);
    let dingtalk = dingtalk::read(r, purpose != Purpose::Demo);
    let origins = jsapi::origins(r, public_url);
    let apps = app::read(r, &origins, purpose == Purpose::Serve);
    let jsapi = jsapi::read(r);
    let tokens = tokens::read(r, public_url);
    let forward_auth = forward_auth::read(r);
    let several = database.as_ref().is_ok_and(Database::is_server);
    let secrets = secrets::read(r, several && matches!(purpose, Purpose::Serve | Purpose::Keys));
    let directory = directory::read(r);
    let events = events::read(r);
    let limits = limits::read(r);
    let admin = admin::read(r);
    let log = log::read(r);
    Ok(Settings {
        http: http?,
        database: database?,
        cache: cache?,
        dingtalk: dingtalk?,
        apps: apps?,
        jsapi: jsapi?,
        tokens: tokens?,
        forward_auth: forward_auth?,
        secrets: secrets?,
        directory: directory?,
        events: events?,
        limits: limits?,
        admin: admin?,
        log: log?,
    })
}
