//! `demo`: the whole product in one process, with nothing to set up.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::output::say;
use super::{Failure, settings};
use crate::clock::Clock;
use crate::config::app::{App, DEFAULT_APP};
use crate::config::events::EventsMode;
use crate::config::{Purpose, Settings};
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
        let page = settings.http.public_url.as_str().trim_end_matches('/').to_owned();
        let company = Options {
            redirect_uris: vec![format!("{page}/oauth2/callback")],
            ..Options::demo(SocketAddr::from(([127, 0, 0, 1], 0)), clock.clone())
        };
        let (corp_id, app_key, app_secret, agent_id) = (
            company.corp_id.clone(),
            company.app_key.clone(),
            company.app_secret.clone(),
            company.agent_id.clone(),
        );
        let simulator = Simulator::start(company)
            .await
            .context("the simulated DingTalk cannot listen")?;

        let folder = Folder::new(self.data)?;
        settings.database.url = SecretString::from(format!("sqlite://{}", folder.path.join("sso.db").display()));
        settings.cache.url = SecretString::from("memory:");
        settings.dingtalk.corp_id = corp_id;
        settings.dingtalk.oapi_url = Url::parse(&simulator.url())?;
        settings.dingtalk.api_url = Url::parse(&simulator.url())?;
        settings.dingtalk.login_url = Url::parse(&simulator.url())?;
        settings.jsapi.script_url = Url::parse(&format!("{page}/demo/dd.js"))?;
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
        let file = folder.keep_settings(&settings)?;
        say(format!("\n  Open this page       {page}/"));
        say(format!("  API documentation    {page}/docs/"));
        say(format!("  OpenID issuer        {}", settings.tokens.issuer));
        say(format!(
            "  Add an application   dingtalk-sso --config {} client add ID --redirect-uri URI",
            file.display()
        ));
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

/// Where database, keys and settings are; it goes with the demo, unless it was named.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn new(named: Option<PathBuf>) -> io::Result<Self> {
        let kept = named.is_some();
        let path = named.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("dingtalk-sso-demo-{}", uuid::Uuid::new_v4().simple()))
        });
        // The commands that read the settings may be run in another folder.
        let path = std::path::absolute(path)?;
        Ok(Self { path, kept })
    }

    /// Writes down what the other commands need to work on the running demo; answers the file.
    fn keep_settings(&self, settings: &Settings) -> anyhow::Result<PathBuf> {
        let file = self.path.join("dingtalk-sso.toml");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        options
            .open(&file)
            .and_then(|mut handle| handle.write_all(written(settings)?.as_bytes()))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Settings as a file: those by which the demo differs from a service that nobody has set anything for.
fn written(settings: &Settings) -> io::Result<String> {
    use std::fmt::Write as _;

    let (dingtalk, app) = (&settings.dingtalk, settings.apps.get(DEFAULT_APP));
    let text = |url: &Url| url.as_str().to_owned();
    let secret = |secret: &SecretString| secret.expose_secret().to_owned();
    let sections = [
        (
            "http",
            vec![
                ("listen", settings.http.listen.to_string()),
                ("public_url", text(&settings.http.public_url)),
            ],
        ),
        ("database", vec![("url", secret(&settings.database.url))]),
        (
            "dingtalk",
            vec![
                ("corp_id", dingtalk.corp_id.clone()),
                ("app_key", app.map(|app| app.app_key.clone()).unwrap_or_default()),
                ("app_secret", app.map(|app| secret(&app.app_secret)).unwrap_or_default()),
                ("agent_id", app.map(|app| app.agent_id.clone()).unwrap_or_default()),
                ("oapi_url", text(&dingtalk.oapi_url)),
                ("api_url", text(&dingtalk.api_url)),
                ("login_url", text(&dingtalk.login_url)),
            ],
        ),
        ("jsapi", vec![("script_url", text(&settings.jsapi.script_url))]),
        ("tokens", vec![("issuer", settings.tokens.issuer.clone())]),
        ("events", vec![("mode", "stream".to_owned())]),
    ];
    let mut file = "# Written by `demo` at each start, for the other commands of dingtalk-sso.\n".to_owned();
    for (section, keys) in sections {
        let _ = writeln!(file, "\n[{section}]");
        for (key, value) in keys {
            // A string of JSON is one of TOML, with the same escapes.
            let _ = writeln!(file, "{key} = {}", serde_json::to_string(&value)?);
        }
    }
    Ok(file)
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
