//! The rooms of another instance, opened in the process of the test.

use std::sync::Arc;

use dingtalk_sso::cache::Cache;
use dingtalk_sso::clients::Clients;
use dingtalk_sso::clock::Clock;
use dingtalk_sso::config::Settings;
use dingtalk_sso::database::Database;
use dingtalk_sso::dingtalk::DingTalk;
use dingtalk_sso::directory::Directory;
use dingtalk_sso::tokens::Tokens;
use dingtalk_sso::tokens::seal::Sealer;

/// What another instance works with, over the same database and platform.
pub(crate) struct Elsewhere {
    pub(crate) database: Database,
    pub(crate) dingtalk: DingTalk,
    pub(crate) directory: Directory,
}

impl Elsewhere {
    pub(crate) async fn open(settings: &Settings, clock: Clock) -> Self {
        let database = Database::open(&settings.database).await.expect("the database");
        let dingtalk = DingTalk::new(&settings.dingtalk, &settings.apps, None, clock.clone()).expect("the platform");
        let directory = Directory::open(settings, database.clone(), dingtalk.clone(), clock);
        Self {
            directory: directory.await.expect("the directory"),
            database,
            dingtalk,
        }
    }
}

/// An access token of a business application that acts for itself.
pub(crate) async fn client_token(settings: &Settings, clock: Clock, scope: &str) -> String {
    let database = Database::open(&settings.database).await.expect("the database");
    let cache = Cache::open(&settings.cache, clock.clone()).await.expect("the cache");
    let sealer = Sealer::open(&settings.secrets, &settings.database).expect("the master key");
    let clients = Clients::open(database.clone(), settings.dingtalk.corp_id.clone(), clock.clone()).await;
    let clients = clients.expect("the clients");
    let tokens = Tokens::open(settings, Arc::new(sealer), database, cache, clients, clock).await;
    let tokens = tokens.expect("the tokens");
    let session = tokens.open_own_session("reports", scope.to_owned()).await;
    let pair = tokens.issue(&session.expect("a session"), None);
    pair.expect("a token").access_token
}
