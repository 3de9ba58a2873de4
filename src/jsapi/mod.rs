//! Signs a page's URL so that `dd.config` accepts it.

pub mod http;
pub mod page_url;
pub mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config;
use crate::dingtalk::DingTalk;
use crate::dingtalk::error::DingTalkError;
use crate::error::Error;
use page_url::{Origins, PageUrl};

/// Signs pages for the micro-apps of one company. Clones share everything.
#[derive(Clone)]
pub struct Jsapi(Arc<House>);

struct House {
    dingtalk: DingTalk,
    corp_id: Arc<str>,
    apps: BTreeMap<String, App>,
    digest: config::jsapi::Digest,
    clock: Clock,
}

/// A micro-app, and where its pages are.
struct App {
    agent_id: Arc<str>,
    origins: Origins,
}

/// What `dd.config` takes (dingtalk-api, section 2.5).
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedConfig {
    /// The URL as it was signed.
    pub url: String,
    /// Any text; new for each signature.
    pub nonce_str: String,
    /// The micro-app.
    #[schema(value_type = String)]
    pub agent_id: Arc<str>,
    /// Seconds since 1970.
    pub time_stamp: i64,
    /// The company.
    #[schema(value_type = String)]
    pub corp_id: Arc<str>,
    /// Lower-case hex.
    pub signature: String,
}

impl App {
    fn of(settings: &config::app::App) -> Self {
        Self {
            agent_id: settings.agent_id.as_str().into(),
            origins: settings.allowed_origins.iter().cloned().collect(),
        }
    }
}

impl Jsapi {
    /// Signs for the micro-apps of `settings`.
    #[must_use]
    pub fn new(settings: &config::Settings, dingtalk: DingTalk, clock: Clock) -> Self {
        Self(Arc::new(House {
            dingtalk,
            corp_id: settings.dingtalk.corp_id.as_str().into(),
            apps: settings
                .apps
                .iter()
                .map(|(name, app)| (name.clone(), App::of(app)))
                .collect(),
            digest: settings.jsapi.digest,
            clock,
        }))
    }

    /// Reads a page's URL and checks that its origin is one of the app's. Spends nothing.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for no URL or no such app, [`Error::UrlNotAllowed`] for a foreign page.
    pub fn page(&self, app: &str, url: &str) -> Result<PageUrl, Error> {
        self.app(app)?.origins.page(url).map_err(|fault| fault.answer("url"))
    }

    /// Signs a page. With a ticket at hand nobody is asked.
    ///
    /// # Errors
    /// [`Error::JsapiTicket`], [`Error::DingTalkAccessToken`] or [`Error::DingTalkUnavailable`] when no ticket is to
    /// be had.
    pub async fn config(&self, app: &str, page: PageUrl) -> Result<SignedConfig, Error> {
        let house = &*self.0;
        let ticket = match house.dingtalk.known_jsapi_ticket(app) {
            Some(ticket) => ticket,
            None => house.dingtalk.jsapi_ticket(app).await.map_err(no_ticket)?,
        };
        let time_stamp = house.clock.unix_seconds();
        let nonce_str = Uuid::new_v4().simple().to_string();
        let signature = signature::sign(
            house.digest,
            ticket.reveal(),
            &nonce_str,
            time_stamp,
            page.signed_text(),
        );
        Ok(SignedConfig {
            url: page.into_signed_text(),
            nonce_str,
            agent_id: Arc::clone(&self.app(app)?.agent_id),
            time_stamp,
            corp_id: Arc::clone(&house.corp_id),
            signature,
        })
    }

    fn app(&self, name: &str) -> Result<&App, Error> {
        self.0
            .apps
            .get(name)
            .ok_or_else(|| Error::InvalidRequest("app: no micro-app of this name is configured".into()))
    }
}

fn no_ticket(cause: DingTalkError) -> Error {
    match cause {
        DingTalkError::AppToken { .. } => Error::DingTalkAccessToken(cause.into()),
        DingTalkError::Unavailable { .. } | DingTalkError::Throttled { .. } => Error::DingTalkUnavailable {
            retry_after: Duration::from_secs(2),
            code_reusable: None,
            cause: cause.into(),
        },
        _ => Error::JsapiTicket(cause.into()),
    }
}
