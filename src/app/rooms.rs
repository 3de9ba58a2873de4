//! Opens every room with what it leans on, and sets going what works by itself.

use std::sync::Arc;

use actix_web::web::ServiceConfig;
use anyhow::{Context as _, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::authorize::{self, Authorize};
use crate::cache::Cache;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::config::Settings;
use crate::database::Database;
use crate::dingtalk::DingTalk;
use crate::dingtalk::vault::Vault;
use crate::directory::{self, Directory};
use crate::events::{self, Events, Foundations};
use crate::exchange::{self, Exchange};
use crate::forward_auth::{self, ForwardAuth};
use crate::health::{self, Health};
use crate::jsapi::{self, Jsapi};
use crate::login::{self, Login};
use crate::tokens::cookie::CookieForm;
use crate::tokens::seal::Sealer;
use crate::tokens::{self, Tokens};

/// The routes of one room, with the data that they lean on.
type Mount = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// The open rooms, as far as whoever binds the address needs them.
pub(super) struct Rooms {
    pub(super) database: Database,
    pub(super) clients: Clients,
    pub(super) mounts: Vec<Mount>,
    /// What is waited for before the database is closed.
    pub(super) events: JoinHandle<()>,
}

impl Rooms {
    /// Opens the rooms from the cellar up; what works by itself ends with `stop`.
    ///
    /// # Errors
    /// When the database does not answer, its keys do not open, or two audiences have one name.
    pub(super) async fn open(
        settings: &Settings,
        clock: Clock,
        migrate: bool,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let database = Database::open(&settings.database).await?;
        if migrate {
            database
                .migrate_up(None)
                .await
                .context("the schema cannot be brought up to date")?;
        } else {
            database.expect_schema().await?;
        }
        let cache = Cache::open(&settings.cache, clock.clone()).await?;
        let sealer = Arc::new(Sealer::open(&settings.secrets, &settings.database)?);
        let corp_id = settings.dingtalk.corp_id.clone();
        let clients = Clients::open(database.clone(), corp_id, clock.clone()).await?;
        check_names(settings, &clients)?;
        let vault = Vault::new(cache.clone(), Arc::clone(&sealer));
        let tokens = Tokens::open(
            settings,
            Arc::clone(&sealer),
            database.clone(),
            cache.clone(),
            clients.clone(),
            clock.clone(),
        )
        .await?;
        let dingtalk = DingTalk::new(&settings.dingtalk, &settings.apps, Some(vault), clock.clone())?;
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
        let callbacks = events.callbacks();
        let notes = events.notes();
        let jsapi = Jsapi::new(settings, dingtalk.clone(), clock.clone());
        let login = Login::new(
            database.clone(),
            cache.clone(),
            dingtalk.clone(),
            directory.clone(),
            tokens.clone(),
            jsapi.clone(),
            settings.limits.rejected_codes_per_minute,
        );
        let authorize = Authorize::new(
            settings,
            cache.clone(),
            sealer,
            login.clone(),
            tokens.clone(),
            clients.clone(),
            clock.clone(),
        )?;
        tokio::spawn(clients.clone().follow(stop.clone()));
        tokio::spawn(tokens.clone().follow(stop.clone()));
        tokio::spawn(directory.departments.clone().follow(stop.clone()));
        tokio::spawn(directory.sync.clone().follow(stop.clone()));
        tokio::spawn(tokens.deliveries().clone().run(stop.clone()));
        tokio::spawn(async move { dingtalk.warm_up().await });
        let events = tokio::spawn(events.run(stop.clone()));

        let exchange = Exchange {
            clients: clients.clone(),
            tokens: tokens.clone(),
            login: login.clone(),
            clock,
        };
        let forward_auth = ForwardAuth {
            tokens: tokens.clone(),
            login: login.clone(),
            authorize: authorize.clone(),
        };
        let health = Health {
            database: database.clone(),
            cache,
            notes,
        };
        let cookies = CookieForm::new(settings);
        // A request is compared with one route after the other: those come first that are asked for most, those that
        // are compared by an expression last.
        let mounts: Vec<Mount> = vec![
            Arc::new(forward_auth::http::routes(forward_auth, cookies.clone())),
            Arc::new(jsapi::http::routes(jsapi)),
            Arc::new(exchange::http::routes(exchange)),
            Arc::new(login::http::routes(login)),
            Arc::new(tokens::http::routes(tokens)),
            Arc::new(authorize::http::routes(authorize, cookies)),
            Arc::new(events::http::routes(callbacks)),
            Arc::new(directory::http::routes(directory)),
            Arc::new(health::routes(health)),
        ];
        Ok(Self {
            database,
            clients,
            mounts,
            events,
        })
    }
}

/// Makes sure that no micro-app is called as a client is: `aud` would name both, and each could end the other's sessions.
fn check_names(settings: &Settings, clients: &Clients) -> anyhow::Result<()> {
    let known = clients.known();
    match settings.apps.keys().find(|name| known.contains_key(*name)) {
        Some(name) => bail!(
            "apps.{name}: an application is registered under that name (`client show {name}`), and the tokens of one \
             would be taken for the other's; call the micro-app otherwise, or remove the application"
        ),
        None => Ok(()),
    }
}
