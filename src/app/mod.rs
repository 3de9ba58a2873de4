//! Puts the rooms together, binds, and serves until told to stop.

mod pages;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, get, web};
use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_swagger_ui::SwaggerUi;

use crate::cache::Cache;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Database;
use crate::dingtalk::DingTalk;
use crate::directory::{self, Directory};
use crate::error::Error;
use crate::events::{self, Events, Foundations};
use crate::health::{self, Health};
use crate::http::{self, TrustedProxies};
use crate::jsapi::{self, Jsapi};
use crate::login::{self, Login};
use crate::tokens::seal::Sealer;
use crate::tokens::{self, Tokens};
use crate::{openapi, telemetry};

/// Seconds that requests under way are given when the service stops.
const DRAIN_S: u64 = 10;

/// A service that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
    handle: ServerHandle,
    stop: CancellationToken,
    events: JoinHandle<()>,
    database: Database,
}

/// Routes that only the demo has, among them its page at `/`.
pub type DemoRoutes = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// Starts the service: migrates, unless told not to, opens every room and binds.
///
/// # Errors
/// When the database does not answer, its keys do not open, or the address is taken.
pub async fn start(
    settings: &Settings,
    clock: Clock,
    migrate: bool,
    demo: Option<DemoRoutes>,
) -> anyhow::Result<Running> {
    let database = Database::open(&settings.database).await?;
    if migrate {
        database
            .migrate_up(None)
            .await
            .context("the schema cannot be brought up to date")?;
    }
    let cache = Cache::open(&settings.cache, clock.clone()).await?;
    let dingtalk = DingTalk::new(&settings.dingtalk, &settings.apps, cache.clone(), clock.clone())?;
    let sealer = Arc::new(Sealer::open(&settings.secrets, &settings.database)?);
    let corp_id = settings.dingtalk.corp_id.clone();
    let clients = Clients::open(database.clone(), corp_id, clock.clone()).await?;
    let tokens = Tokens::open(
        settings,
        sealer,
        database.clone(),
        cache.clone(),
        clients.clone(),
        clock.clone(),
    )
    .await?;
    let directory = Directory::open(settings, database.clone(), dingtalk.clone(), clock.clone()).await?;
    let foundations = Foundations {
        database: database.clone(),
        cache: cache.clone(),
        dingtalk: dingtalk.clone(),
        directory: directory.clone(),
        tokens: tokens.clone(),
        clock: clock.clone(),
    };
    let events = Events::new(settings, foundations)?;
    let jsapi = Jsapi::new(settings, dingtalk.clone(), clock);
    let login = Login::new(
        database.clone(),
        cache.clone(),
        dingtalk.clone(),
        directory.clone(),
        tokens.clone(),
        jsapi.clone(),
        settings.limits.rejected_codes_per_minute,
    );
    let callbacks = events::http::routes(events.callbacks());
    let notes = events.notes();
    let stop = CancellationToken::new();
    let events = in_background(&clients, &tokens, &directory, dingtalk, events, &stop);

    let metrics = telemetry::count();
    let login = login::http::routes(login);
    let directory = directory::http::routes(directory);
    let jsapi = jsapi::http::routes(jsapi);
    let tokens = tokens::http::routes(tokens);
    let health = health::routes(Health {
        database: database.clone(),
        cache,
        notes,
    });
    let proxies = Data::new(TrustedProxies(settings.http.trusted_proxies.clone().into()));
    let origins = origins(settings);
    let mut server = HttpServer::new(move || {
        let app = App::new()
            .app_data(proxies.clone())
            .app_data(Data::new(metrics.clone()))
            .wrap(from_fn(http::around))
            .wrap(cors(Arc::clone(&origins)))
            .configure(login.clone())
            .configure(directory.clone())
            .configure(jsapi.clone())
            .configure(tokens.clone())
            .configure(callbacks.clone())
            .configure(health.clone())
            .configure(pages::routes)
            .service(show_metrics)
            .service(web::redirect("/docs", "/docs/"))
            .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", openapi::document()))
            .default_service(web::to(nothing_here));
        match demo.clone() {
            Some(demo) => app.configure(pages::demo_page).configure(move |service| demo(service)),
            None => app,
        }
    })
    .shutdown_timeout(DRAIN_S)
    .disable_signals();
    if settings.http.workers > 0 {
        server = server.workers(settings.http.workers);
    }
    let server = server
        .bind(settings.http.listen)
        .with_context(|| format!("http.listen: {} cannot be bound", settings.http.listen))?;
    let address = server.addrs().first().copied().context("no address was bound")?;
    let server = server.run();
    let handle = server.handle();
    Ok(Running {
        address,
        server: tokio::spawn(server),
        handle,
        stop,
        events,
        database,
    })
}

/// The origins of every app's pages.
fn origins(settings: &Settings) -> Arc<[String]> {
    settings
        .apps
        .values()
        .flat_map(|app| app.allowed_origins.iter().map(url::Origin::ascii_serialization))
        .collect()
}

/// Starts what goes on beside the requests; answers the one that is waited for when the service stops.
fn in_background(
    clients: &Clients,
    tokens: &Tokens,
    directory: &Directory,
    dingtalk: DingTalk,
    events: Events,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(clients.clone().follow(stop.clone()));
    tokio::spawn(tokens.clone().follow(stop.clone()));
    tokio::spawn(directory.departments.clone().follow(stop.clone()));
    tokio::spawn(directory.sync.clone().follow(stop.clone()));
    tokio::spawn(tokens.deliveries().clone().run(stop.clone()));
    tokio::spawn(async move { dingtalk.warm_up().await });
    tokio::spawn(events.run(stop.clone()))
}

impl Running {
    /// Serves until SIGTERM or SIGINT, then lets requests under way end.
    ///
    /// # Errors
    /// When the server fails by itself.
    pub async fn until_signal(mut self) -> anyhow::Result<()> {
        tokio::select! {
            ended = &mut self.server => ended??,
            () = signal() => {
                tracing::info!("stopping: no new connections, requests under way end");
                self.stop().await;
            }
        }
        Ok(())
    }

    /// Stops: requests under way end, then the database is closed.
    pub async fn stop(self) {
        self.stop.cancel();
        self.handle.stop(true).await;
        // What is being worked off is done before the database goes.
        let _ = self.events.await;
        self.database.close().await;
    }
}

/// Ends when the process is told to stop, by SIGTERM or SIGINT.
pub async fn signal() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => _ = terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// Pages of the apps' origins may call us from their browser, without cookies.
fn cors(origins: Arc<[String]>) -> Cors {
    Cors::default()
        .allowed_origin_fn(move |origin, _| origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
        .allowed_methods(["GET", "POST"])
        .allowed_headers(["authorization", "content-type"])
        .expose_headers(["retry-after", "x-request-id"])
        .block_on_origin_mismatch(false)
        .max_age(3600)
}

async fn nothing_here() -> Result<HttpResponse, Error> {
    Err(Error::NotFound)
}

#[get("/metrics")]
async fn show_metrics(metrics: Data<Option<PrometheusHandle>>) -> Result<HttpResponse, Error> {
    let metrics = metrics.as_ref().as_ref().ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(metrics.render()))
}
