//! `demo`: the whole product in one process, with nothing to set up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::output::say;
use super::{Failure, settings};
use crate::clock::Clock;
use crate::config::Purpose;
use crate::config::app::{App, DEFAULT_APP};
use crate::config::events::EventsMode;
use crate::simulator::{Options, Simulator};
use crate::{app, telemetry};

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to listen; over `http.listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Keep database and keys in this folder; without it nothing is kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let mut settings = settings(config, Purpose::Demo)?;
        let _log = telemetry::init(&settings.log);
        let clock = Clock::default();
        let company = Options::demo(SocketAddr::from(([127, 0, 0, 1], 0)), clock.clone());
        let (corp_id, app_key, app_secret, agent_id) = (
            company.corp_id.clone(),
            company.app_key.clone(),
            company.app_secret.clone(),
            company.agent_id.clone(),
        );
        let simulator = Simulator::start(company)
            .await
            .context("the simulated DingTalk cannot listen")?;

        if let Some(listen) = self.listen {
            settings.http.listen = listen;
            settings.http.public_url = Url::parse(&format!("http://{listen}"))?;
            settings.tokens.issuer = format!("http://{listen}");
        }
        let folder = match &self.data {
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("dingtalk-sso-demo-{}", uuid::Uuid::new_v4().simple())),
        };
        settings.database.url = SecretString::from(format!("sqlite://{}", folder.join("sso.db").display()));
        settings.cache.url = SecretString::from("memory:");
        settings.dingtalk.corp_id = corp_id;
        settings.dingtalk.oapi_url = Url::parse(&simulator.url())?;
        settings.dingtalk.api_url = Url::parse(&simulator.url())?;
        settings.dingtalk.login_url = Url::parse(&simulator.url())?;
        let port = settings.http.listen.port();
        let hosts = [settings.http.public_url.to_string(), format!("http://localhost:{port}")];
        let allowed_origins = hosts
            .iter()
            .map(|host| Url::parse(host).map(|url| url.origin()))
            .collect::<Result<_, _>>()?;
        let app = App {
            app_key,
            app_secret: SecretString::from(app_secret),
            agent_id,
            allowed_origins,
        };
        settings.apps.insert(DEFAULT_APP.to_owned(), app);
        settings.events.mode = EventsMode::Stream;

        let routes = simulator.demo_routes();
        let demo: app::DemoRoutes = Arc::new(move |service| routes(service));
        let running = app::start(&settings, clock, true, Some(demo)).await?;
        let page = settings.http.public_url.as_str().trim_end_matches('/').to_owned();
        say(format!("\n  The demo micro-app   {page}/"));
        say(format!("  API documentation    {page}/docs/"));
        say(format!("  Simulated DingTalk   {}", simulator.url()));
        say(match &self.data {
            Some(folder) => format!("  Everything is kept in {}; stop with Ctrl-C.\n", folder.display()),
            None => "  Nothing is kept; stop with Ctrl-C.\n".to_owned(),
        });
        let outcome = running.until_signal().await;
        simulator.stop().await;
        if self.data.is_none() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        Ok(outcome?)
    }
}
