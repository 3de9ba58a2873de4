//! A DingTalk in small: the simulated company that demo, tests and benchmarks sign in to.

mod company;
mod control;
mod platform;
mod state;

use std::net::SocketAddr;
use std::sync::Mutex;

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer, web};

use crate::clock::Clock;
use state::State;

/// What is simulated, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The company.
    pub corp_id: String,
    /// AppKey of its one micro-app.
    pub app_key: String,
    /// `AppSecret` of that.
    pub app_secret: String,
    /// `AgentId` of that.
    pub agent_id: String,
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
            people: 300,
            clock,
        }
    }
}

/// A simulator that runs.
pub struct Simulator {
    address: SocketAddr,
    handle: ServerHandle,
    state: Data<Mutex<State>>,
}

impl Simulator {
    /// Binds and answers from then on.
    ///
    /// # Errors
    /// When the address cannot be bound.
    #[expect(clippy::unused_async, reason = "it needs the runtime that an async caller has")]
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listen = options.listen;
        let state = Data::new(Mutex::new(State::new(options)));
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .configure(control::routes)
                .default_service(web::to(platform::answer))
        })
        .workers(1)
        .disable_signals()
        .bind(listen)?;
        let address = server
            .addrs()
            .first()
            .copied()
            .ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, handle, state })
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
        self.handle.stop(false).await;
    }
}
