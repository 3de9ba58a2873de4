//! Settings: what they are, where they come from, and every fault in them at once.

mod check;
pub mod fault;
mod layers;
mod process;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Origin, Url};

use self::fault::Faults;
use self::reader::{Read, Reader};

/// The name of the micro-app under `[dingtalk]`.
pub const DEFAULT_APP: &str = "default";

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
    /// Every micro-app by name, [`DEFAULT_APP`] among them.
    pub apps: BTreeMap<String, App>,
    /// `[jsapi]`
    pub jsapi: Jsapi,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[secrets]`
    pub secrets: Secrets,
    /// `[events]`
    pub events: Events,
    /// `[limits]`
    pub limits: Limits,
    /// `[admin]`
    pub admin: Admin,
    /// `[log]`
    pub log: Log,
}

/// Where we listen, and how the world sees us.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port to bind; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address under which browsers and applications reach us.
    pub public_url: Url,
    /// Peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads; 0 takes one a core.
    pub workers: usize,
}

/// The store of what may not be lost.
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://…`, `postgres://…` or `mysql://…`; may carry a password.
    pub url: SecretString,
    /// The most connections that this instance keeps open (SQLite: readers).
    pub max_connections: u32,
}

/// The store of what may be lost.
#[derive(Debug, Clone)]
pub struct Cache {
    /// `memory:`, `redis://…` or `rediss://…`; may carry a password.
    pub url: SecretString,
}

/// The platform and the company on it.
#[derive(Debug, Clone)]
pub struct DingTalk {
    /// The company (企业 CorpId).
    pub corp_id: String,
    /// Host of the old API family.
    pub oapi_url: Url,
    /// Host of the new API family.
    pub api_url: Url,
    /// Host of the sign-in page for browsers.
    pub login_url: Url,
    /// How long one call may take before it counts as lost.
    pub timeout: Duration,
}

/// One micro-app of the company.
#[derive(Debug, Clone)]
pub struct App {
    /// AppKey, also called Client ID.
    pub app_key: String,
    /// AppSecret, also called Client Secret.
    pub app_secret: SecretString,
    /// AgentId, as text: that is how `dd.config` wants it.
    pub agent_id: String,
    /// Origins of the pages that may sign in and have their URL signed.
    pub allowed_origins: Vec<Origin>,
}

/// How pages are signed.
#[derive(Debug, Clone)]
pub struct Jsapi {
    /// The digest of `dd.config`'s signature.
    pub digest: Digest,
}

/// Digest of the `dd.config` signature; both are seen in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1, as the original documentation has it.
    Sha1,
    /// SHA-256, as the current sample has it.
    Sha256,
}

/// The tokens that we issue.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `iss` of every token.
    pub issuer: String,
    /// Life of an access token.
    pub access_ttl: Duration,
    /// Life of a refresh token, counted anew at each refresh.
    pub refresh_ttl: Duration,
    /// Signature of access tokens.
    pub algorithm: Algorithm,
    /// Domain of our session cookie; none: the host of `public_url` alone.
    pub cookie_domain: Option<String>,
}

/// Signature algorithms, by their JOSE names (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// What encrypts signing keys at rest.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Any text of 32 characters or more; none with SQLite means: made beside the database.
    pub master_key: Option<SecretString>,
}

/// How DingTalk tells us of changes.
#[derive(Debug, Clone)]
pub struct Events {
    /// Off, by callback or by Stream mode.
    pub mode: EventsMode,
    /// Token of the callback subscription.
    pub token: Option<SecretString>,
    /// The callback's 43-character AES key.
    pub aes_key: Option<SecretString>,
    /// App key or corp id; none: either is accepted.
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

/// Bounds on what strangers may do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rejected auth codes a minute and source address, over all instances.
    pub rejected_codes_per_minute: u32,
}

/// Who may administer.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Employees who are administrators from the start.
    pub userids: Vec<String>,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
    /// Filter directives, as in `info` or `dingtalk_sso=debug,sqlx=warn`.
    pub filter: String,
}

/// Forms of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
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

// Each function below reads all keys of its section before it lets go of the first faulty one, so that one run of
// the program names all faults.

fn settings(r: &mut Reader<'_>, purpose: Purpose) -> Read<Settings> {
    let http = http(r);
    let public_url = http.as_ref().map(|http| &http.public_url).map_err(|noted| *noted);
    let database = database(r);
    let cache = r.checked_secret("cache.url", check::cache, A_CACHE);
    let cache = r.needed("cache.url", A_CACHE, cache);
    let dingtalk = dingtalk(r, purpose);
    let origins = r.list("jsapi.allowed_origins", check::origin, AN_ORIGIN);
    let origins = origins.and_then(|list| {
        if list.is_empty() {
            Ok(vec![public_url?.origin()])
        } else {
            Ok(list)
        }
    });
    let apps = apps(r, &origins, purpose);
    let digest = r.choice("jsapi.digest", &[("sha1", Digest::Sha1), ("sha256", Digest::Sha256)]);
    let tokens = tokens(r, public_url);
    let secrets = secrets(r, purpose, database.as_ref().is_ok_and(Database::is_server));
    let events = events(r);
    let rejected_codes_per_minute = r.number("limits.rejected_codes_per_minute", 1..=1_000_000);
    let userids = r.list(
        "admin.userids",
        check::userid,
        "write userids as DingTalk's admin console shows them",
    );
    let format = r.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let filter = r.checked("log.filter", check::log_filter, A_FILTER);
    let filter = r.needed("log.filter", A_FILTER, filter);
    Ok(Settings {
        http: http?,
        database: database?,
        cache: Cache { url: cache?.into() },
        dingtalk: dingtalk?,
        apps: apps?,
        jsapi: Jsapi { digest: digest? },
        tokens: tokens?,
        secrets: secrets?,
        events: events?,
        limits: Limits {
            rejected_codes_per_minute: rejected_codes_per_minute?,
        },
        admin: Admin { userids: userids? },
        log: Log {
            format: format?,
            filter: filter?,
        },
    })
}

fn http(r: &mut Reader<'_>) -> Read<Http> {
    let listen = r.checked("http.listen", check::socket, AN_ADDRESS);
    let listen = r.needed("http.listen", AN_ADDRESS, listen);
    let public_url = r.checked("http.public_url", check::base_url, A_URL);
    let trusted_proxies = r.list("http.trusted_proxies", check::network, "write 10.0.0.1 or 10.0.0.0/8");
    let workers = r.number("http.workers", 0..=1024);
    let listen = listen?;
    let public_url = match public_url? {
        Some(url) => url,
        None => check::local_url(listen).map_err(|wrong| r.fault("http.listen", wrong, AN_ADDRESS))?,
    };
    Ok(Http {
        listen,
        public_url,
        trusted_proxies: trusted_proxies?,
        workers: workers?,
    })
}

fn database(r: &mut Reader<'_>) -> Read<Database> {
    let url = r.checked_secret("database.url", check::database, A_DATABASE);
    let url = r.needed("database.url", A_DATABASE, url);
    let max_connections = r.number("database.max_connections", 1..=1000);
    Ok(Database {
        url: url?.into(),
        max_connections: max_connections?,
    })
}

impl Database {
    /// Whether the database is a server, which several instances may share.
    #[must_use]
    pub fn is_server(&self) -> bool {
        !self.url.expose_secret().starts_with("sqlite:")
    }
}

fn dingtalk(r: &mut Reader<'_>, purpose: Purpose) -> Read<DingTalk> {
    let corp_id = r.word("dingtalk.corp_id", 128);
    let corp_id = match purpose {
        Purpose::Demo => corp_id.map(Option::unwrap_or_default),
        _ => r.needed(
            "dingtalk.corp_id",
            "write the CorpId from the developer console's home page",
            corp_id,
        ),
    };
    let [oapi_url, api_url, login_url] = ["oapi_url", "api_url", "login_url"].map(|host| {
        let key = format!("dingtalk.{host}");
        let url = r.checked(&key, check::base_url, A_URL);
        r.needed(&key, A_URL, url)
    });
    let timeout = r.number("dingtalk.timeout_ms", 100..=60_000).map(Duration::from_millis);
    Ok(DingTalk {
        corp_id: corp_id?,
        oapi_url: oapi_url?,
        api_url: api_url?,
        login_url: login_url?,
        timeout: timeout?,
    })
}

fn apps(r: &mut Reader<'_>, origins: &Read<Vec<Origin>>, purpose: Purpose) -> Read<BTreeMap<String, App>> {
    let (mut apps, mut keys) = (BTreeMap::new(), BTreeSet::new());
    let mut result = Ok(());
    let sections = r.apps().into_iter().map(|name| (format!("apps.{name}"), name));
    for (section, name) in iter::once(("dingtalk".to_owned(), DEFAULT_APP.to_owned())).chain(sections) {
        match app(r, &section, purpose == Purpose::Serve, origins, &mut keys) {
            Ok(app) => apps.extend(app.map(|app| (name, app))),
            Err(noted) => result = Err(noted),
        }
    }
    result.map(|()| apps)
}

/// The micro-app of a section; none where it is not complete and need not be.
fn app(
    r: &mut Reader<'_>,
    section: &str,
    needed: bool,
    origins: &Read<Vec<Origin>>,
    keys: &mut BTreeSet<String>,
) -> Read<Option<App>> {
    let [key, secret, agent, own] =
        ["app_key", "app_secret", "agent_id", "allowed_origins"].map(|k| format!("{section}.{k}"));
    let mut app_key = r.word(&key, 128);
    let mut app_secret = r.secret_word(&secret, 256);
    let mut agent_id = r.word(&agent, 64);
    if needed {
        app_key = r
            .needed(
                &key,
                "write the app's Client ID (AppKey) from the developer console",
                app_key,
            )
            .map(Some);
        app_secret = r
            .needed(&secret, "write the app's Client Secret (AppSecret)", app_secret)
            .map(Some);
        agent_id = r
            .needed(&agent, "write the app's AgentId from the developer console", agent_id)
            .map(Some);
    }
    if let Ok(Some(text)) = &app_key
        && !keys.insert(text.clone())
    {
        let wrong = "is the app key of another micro-app too";
        app_key = Err(r.fault(&key, wrong, "give each micro-app its own, or drop one"));
    }
    // The default micro-app has its origins under [jsapi].
    let own = if section == "dingtalk" {
        Ok(Vec::new())
    } else {
        r.list(&own, check::origin, AN_ORIGIN)
    };
    let (app_key, app_secret, agent_id, own) = (app_key?, app_secret?, agent_id?, own?);
    let allowed_origins = if own.is_empty() { origins.clone()? } else { own };
    Ok((|| {
        Some(App {
            app_key: app_key?,
            app_secret: app_secret?,
            agent_id: agent_id?,
            allowed_origins,
        })
    })())
}

fn tokens(r: &mut Reader<'_>, public_url: Read<&Url>) -> Read<Tokens> {
    let issuer = r.checked("tokens.issuer", check::issuer, A_URL);
    let access_ttl_s = r.number("tokens.access_ttl_s", 60..=86_400);
    let refresh_ttl_s = r.number("tokens.refresh_ttl_s", access_ttl_s.unwrap_or(60)..=31_536_000);
    let algorithms = [
        ("ES256", Algorithm::Es256),
        ("EdDSA", Algorithm::EdDsa),
        ("RS256", Algorithm::Rs256),
    ];
    let algorithm = r.choice("tokens.algorithm", &algorithms);
    let cookie_domain = r.word("tokens.cookie_domain", 253);
    let public_url = public_url?;
    let cookie_domain = cookie_domain?.map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
    if let Some(domain) = &cookie_domain
        && !check::covers(domain, public_url.host_str().unwrap_or_default())
    {
        let instead = "write that host, or a domain above it as in example.com";
        return Err(r.fault(
            "tokens.cookie_domain",
            "does not cover the host of http.public_url",
            instead,
        ));
    }
    Ok(Tokens {
        issuer: issuer?.unwrap_or_else(|| public_url.as_str().trim_end_matches('/').to_owned()),
        access_ttl: Duration::from_secs(access_ttl_s?),
        refresh_ttl: Duration::from_secs(refresh_ttl_s?),
        algorithm: algorithm?,
        cookie_domain,
    })
}

fn secrets(r: &mut Reader<'_>, purpose: Purpose, server: bool) -> Read<Secrets> {
    const INSTEAD: &str = "write any text of 32 characters or more, the same for all instances";
    let mut master_key = r.checked_secret("secrets.master_key", check::master_key, INSTEAD);
    if server && matches!(purpose, Purpose::Serve | Purpose::Keys) {
        master_key = r.needed("secrets.master_key", INSTEAD, master_key).map(Some);
    }
    Ok(Secrets {
        master_key: master_key?,
    })
}

fn events(r: &mut Reader<'_>) -> Read<Events> {
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

const A_URL: &str = "write http://HOST or https://HOST, with a port or path where needed";
const AN_ADDRESS: &str = "write an address and a port, as in 127.0.0.1:8080";
const AN_ORIGIN: &str = "write https://HOST or https://HOST:PORT, nothing behind it";
const A_DATABASE: &str = "write sqlite://FILE, postgres://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME";
const A_CACHE: &str = "write memory:, redis://HOST:PORT or rediss://HOST:PORT";
const A_FILTER: &str = "write a level, or directives as in info,sqlx=warn";
