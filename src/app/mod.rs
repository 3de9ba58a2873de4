//! Puts the rooms together, binds, and serves until told to stop.

mod cross_origin;
mod pages;
mod rooms;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, get, web};
use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Database;
use crate::error::Error;
use crate::http::meters::Meters;
use crate::http::{self, TrustedProxies};
use crate::{openapi, telemetry};
use cross_origin::Callers;
use rooms::Rooms;

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
    let stop = CancellationToken::new();
    let Rooms {
        database,
        clients,
        mounts,
        events,
    } = Rooms::open(settings, clock, migrate, &stop).await?;
    let metrics = telemetry::count();
    let proxies = Data::new(TrustedProxies(settings.http.trusted_proxies.clone().into()));
    let origins: Arc<[String]> = settings
        .apps
        .values()
        .flat_map(|app| app.allowed_origins.iter().map(url::Origin::ascii_serialization))
        .collect();
    let callers = Callers { origins, clients };
    let meters = Meters::default();
    let document = Data::new(openapi::Served::default());
    let mut server = HttpServer::new(move || {
        let meters = meters.clone();
        let app = App::new()
            .app_data(proxies.clone())
            .app_data(Data::new(metrics.clone()))
            .app_data(document.clone())
            .wrap(from_fn(move |request, next| {
                http::around(meters.clone(), request, next)
            }))
            .wrap(callers.clone().answers())
            .configure(|service| mounts.iter().for_each(|mount| mount(service)))
            .configure(pages::routes)
            .service(show_metrics)
            .service(web::redirect("/docs", "docs/"))
            .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("../openapi.json")))
            .service(show_document)
            .default_service(
                web::to(nothing_here)
                    .wrap(callers.clone().preflights())
                    .wrap(from_fn(cross_origin::tell_refusal)),
            );
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
    let bound = server
        .bind(settings.http.listen)
        .with_context(|| format!("http.listen: {} cannot be bound", settings.http.listen));
    let server = match bound {
        Ok(server) => server,
        Err(cause) => {
            // The rooms are at work already: whoever removes their files next must not find them writing.
            stop.cancel();
            let _ = events.await;
            database.close().await;
            return Err(cause);
        }
    };
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

/// Whatever no route answers: no such path, or one that answers to other methods.
async fn nothing_here(request: HttpRequest, document: Data<openapi::Served>) -> Result<HttpResponse, Error> {
    let pattern = request.resource_map().match_pattern(request.path());
    let pattern = pattern.ok_or(Error::NotFound)?;
    Err(Error::MethodNotAllowed {
        allow: document.methods_of(&pattern).to_owned(),
    })
}

#[get("/openapi.json")]
async fn show_document(document: Data<openapi::Served>) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(document.json()?))
}

#[get("/metrics")]
async fn show_metrics(metrics: Data<Option<PrometheusHandle>>) -> Result<HttpResponse, Error> {
    let metrics = metrics.as_ref().as_ref().ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(metrics.render()))
}
