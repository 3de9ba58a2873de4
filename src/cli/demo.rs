//! `demo`: the whole product in one process, with nothing to set up.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
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
            let page = if listen.ip().is_unspecified() {
                SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port()))
            } else {
                listen
            };
            settings.http.listen = listen;
            settings.http.public_url = Url::parse(&format!("http://{page}"))?;
            settings.tokens.issuer = format!("http://{page}");
        }
        let folder = Folder::new(self.data);
        settings.database.url = SecretString::from(format!("sqlite://{}", folder.path.join("sso.db").display()));
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
        let running = app::start(&settings, clock, true, Some(demo))
            .await
            .map_err(|cause| name_taken_address(cause, settings.http.listen))?;
        let page = settings.http.public_url.as_str().trim_end_matches('/');
        say(format!("\n  Open this page       {page}/"));
        say(format!("  API documentation    {page}/docs/"));
        say(format!("  Simulated DingTalk   {}\n", simulator.url()));
        say(if folder.kept {
            format!("  Everything is kept in {}. Stop with Ctrl-C.\n", folder.path.display())
        } else {
            "  Nothing is kept. Stop with Ctrl-C.\n".to_owned()
        });
        let outcome = running.until_signal().await;
        simulator.stop().await;
        Ok(outcome?)
    }
}

/// Where database and keys are; it goes with the demo, unless it was named.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn new(named: Option<PathBuf>) -> Self {
        let kept = named.is_some();
        let path = named.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("dingtalk-sso-demo-{}", uuid::Uuid::new_v4().simple()))
        });
        Self { path, kept }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Says what to do where the reason is that somebody listens there already.
fn name_taken_address(cause: anyhow::Error, listen: SocketAddr) -> anyhow::Error {
    let taken = cause
        .downcast_ref::<io::Error>()
        .is_some_and(|cause| cause.kind() == io::ErrorKind::AddrInUse);
    if taken {
        anyhow::anyhow!(
            "another program listens at {listen}; end it, or name a free port, as in: demo --listen 127.0.0.1:8765"
        )
    } else {
        cause
    }
}
