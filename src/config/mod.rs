//! Settings: what they are, where they come from, and every fault in them at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::{Origin, Url};

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
