//! A DingTalk in small: the simulated company that demo, tests and benchmarks sign in to.

mod api;
pub mod apps;
mod avatar;
mod call;
mod change;
mod company;
mod control;
mod department;
mod events;
mod fault;
mod grants;
mod html;
mod misbehaviour;
mod oauth_page;
mod person;
mod platform;
mod scans;
mod scope;
mod seed;
mod state;
mod traffic;
mod wire;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer, web};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use apps::MicroApp;
use state::{Shared, State, lock};

/// How long an idle connection is kept: longer than any client of ours keeps one, so that none breaks in use.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What is simulated, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The company.
    pub corp_id: String,
    /// AppKey of its first micro-app.
    pub app_key: String,
    /// `AppSecret` of that.
    pub app_secret: String,
    /// `AgentId` of that.
    pub agent_id: String,
    /// Further micro-apps of the company.
    pub further_apps: Vec<MicroApp>,
    /// Callback addresses that are registered for the browser login: whole ones, or origins. None means any.
    pub redirect_uris: Vec<String>,
    /// Departments that the apps may see, with all below them. None means the whole company.
    pub visible_departments: Vec<i64>,
    /// How many people work there.
    pub people: usize,
    /// By which codes, tokens and tickets end.
    pub clock: Clock,
}

impl Options {
    /// The company of the demo: 300 people.
    #[must_use]
    pub fn demo(listen: SocketAddr, clock: Clock) -> Self {
        Self {
            listen,
            corp_id: "dingdemo0001".to_owned(),
            app_key: "dingdemoappkey".to_owned(),
            app_secret: "demo-app-secret".to_owned(),
            agent_id: "77001".to_owned(),
            further_apps: Vec::new(),
            redirect_uris: Vec::new(),
            visible_departments: Vec::new(),
            people: 300,
            clock,
        }
    }

    fn state(self) -> State {
        let first = MicroApp {
            app_key: self.app_key,
            app_secret: self.app_secret,
            agent_id: self.agent_id,
        };
        let apps = std::iter::once(first).chain(self.further_apps).collect();
        let company = seed::company(self.people);
        let mut state = State::new(self.corp_id, apps, &self.visible_departments, company, self.clock);
        state.redirect_uris = self.redirect_uris;
        state
    }
}

/// A simulator that runs.
pub struct Simulator {
    address: SocketAddr,
    handle: ServerHandle,
    state: Shared,
    stop: CancellationToken,
}

impl Simulator {
    /// Binds and answers from then on.
    ///
    /// # Errors
    /// When the address cannot be bound.
    #[expect(clippy::unused_async, reason = "it needs the runtime that an async caller has")]
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listen = options.listen;
        let state = Data::new(Mutex::new(options.state()));
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .configure(control::routes)
                .configure(events::control::routes)
                .configure(oauth_page::routes)
                .default_service(web::to(platform::answer))
        })
        .workers(1)
        .keep_alive(KEEP_ALIVE)
        .disable_signals()
        .bind(listen)?;
        let address = server
            .addrs()
            .first()
            .copied()
            .ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        lock(&state).base = format!("http://{address}");
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        let stop = CancellationToken::new();
        tokio::spawn(events::callback::run(state.clone(), stop.clone()));
        Ok(Self {
            address,
            handle,
            state,
            stop,
        })
    }

    /// Its base URL, for both families.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the demo's page asks of it, to be mounted in the demo's own service.
    pub fn demo_routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + Sync + use<> {
        let state = self.state.clone();
        move |service| {
            service.app_data(state.clone());
            control::demo_routes(service);
        }
    }

    /// Stops at once.
    pub async fn stop(self) {
        self.stop.cancel();
        self.handle.stop(false).await;
    }
}
