//! The service that is measured: the release binary's `serve`, on a core of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::load::{self, Connection, Request, Run};
use crate::platform::{Platform, drop_body};
use crate::process::{self, Process};

/// The page that signs in.
const PAGE: &str = "https://page.example/app?from=work#top";

/// The service.
pub(crate) struct Service {
    pub(crate) at: SocketAddr,
    pub(crate) process: Process,
    /// From the start of the process to its first answer.
    pub(crate) first_answer: Duration,
}

impl Service {
    /// Starts it over `database`, a URL, with further settings.
    pub(crate) async fn start(
        binary: &Path,
        platform: &Platform,
        database: &str,
        more: &[(&str, &str)],
        core: Option<&str>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let at = process::free_address()?;
        let own = [
            ("HTTP__LISTEN", at.to_string()),
            ("DATABASE__URL", database.to_owned()),
            ("SECRETS__MASTER_KEY", "no secret, but long enough for one".to_owned()),
            ("JSAPI__ALLOWED_ORIGINS", "https://page.example".to_owned()),
        ];
        let mut settings = platform.settings.clone();
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        settings.extend(
            own.into_iter()
                .chain(more)
                .map(|(name, value)| (format!("SSO_{name}"), value)),
        );
        let mut process = Process::start(binary, &["serve"], &settings, core, log)?;
        let first_answer = process
            .until_it_answers(at, "/health/live")
            .await
            .context("the service")?;
        Ok(Self {
            at,
            process,
            first_answer,
        })
    }

    /// Signs so many in, as many at once as are told; tells of failures.
    pub(crate) async fn try_to_log_in(
        &self,
        platform: &Platform,
        count: usize,
        at_once: usize,
        spread: Duration,
    ) -> anyhow::Result<Run<()>> {
        let codes = platform.auth_codes(count).await?;
        let errands = codes.iter().map(|code| vec![login(code)]).collect();
        load::each(self.at, errands, at_once, spread, drop_body).await
    }

    /// The same, where a failure is an error.
    pub(crate) async fn log_in(
        &self,
        platform: &Platform,
        count: usize,
        at_once: usize,
        spread: Duration,
    ) -> anyhow::Result<Run<()>> {
        let run = self.try_to_log_in(platform, count, at_once, spread).await?;
        run.faultless().with_context(|| self.process.last_words())
    }

    /// Signs everybody in once.
    pub(crate) async fn know_everybody(&self, platform: &Platform) -> anyhow::Result<()> {
        let everybody = platform.people.len();
        self.log_in(platform, everybody, 16, Duration::ZERO).await.map(drop)
    }

    /// An access token of somebody.
    pub(crate) async fn access_token(&self, platform: &Platform) -> anyhow::Result<String> {
        let codes = platform.auth_codes(1).await?;
        let code = codes.first().context("no auth code")?;
        let mut connection = Connection::open(self.at).await?;
        let answer: Value = serde_json::from_slice(connection.exchange(&login(code)).await?)?;
        Ok(answer
            .get("token")
            .and_then(Value::as_str)
            .context("no token")?
            .to_owned())
    }
}

/// A login with a code.
pub(crate) fn login(code: &str) -> Request {
    load::post("/v1/login", &json!({"authCode": code, "url": PAGE}))
}

/// Asks for a signed config.
pub(crate) fn signed_config() -> Request {
    load::post("/v1/jsapi/config", &json!({"url": PAGE}))
}
