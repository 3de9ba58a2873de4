//! Brings a simulator, a database of its own and the whole service; its methods are what a user does.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use chrono::TimeDelta;
use dingtalk_sso::app::{self, Running};
use dingtalk_sso::cache::Cache;
use dingtalk_sso::clients::Clients;
use dingtalk_sso::clock::Clock;
use dingtalk_sso::config::{Purpose, Settings};
use dingtalk_sso::database::Database;
use dingtalk_sso::dingtalk::DingTalk;
use dingtalk_sso::directory::Directory;
use dingtalk_sso::simulator::{Options, Simulator};
use dingtalk_sso::tokens::Tokens;
use dingtalk_sso::tokens::seal::Sealer;
use reqwest::Method;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// The page that signs in.
pub(crate) const PAGE: &str = "https://page.example/app";

/// A whole service.
pub(crate) struct Harness {
    pub(crate) clock: Clock,
    env: Vec<(String, String)>,
    settings: Settings,
    simulator: Simulator,
    address: SocketAddr,
    running: Option<Running>,
    client: reqwest::Client,
    _folder: TempDir,
}

/// What another instance works with.
pub(crate) struct Elsewhere {
    pub(crate) database: Database,
    pub(crate) dingtalk: DingTalk,
    pub(crate) directory: Directory,
}

/// A status with its body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The number of our error.
    pub(crate) fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or_default()
    }

    /// A text of the body.
    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the tests run is no setting of the service"
)]
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether instances see one another's cache, and may share a database.
pub(crate) fn is_for_several_instances() -> bool {
    given("TEST_DATABASE_URL").is_some() && given("TEST_CACHE_URL").is_some()
}

/// An empty database: a file of its own, or a new one on the given server.
async fn database(folder: &TempDir) -> String {
    let Some(server) = given("TEST_DATABASE_URL") else {
        return format!("sqlite://{}", folder.path().join("sso.db").display());
    };
    let name = format!("t{}", Uuid::new_v4().simple());
    let connection = sea_orm::Database::connect(&server)
        .await
        .expect("the given database server");
    connection
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a new database");
    let mut url = url::Url::parse(&server).expect("TEST_DATABASE_URL");
    url.set_path(&name);
    url.into()
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with further settings.
    pub(crate) async fn with(more: &[(&str, &str)]) -> Self {
        Self::of(300, more).await
    }

    /// The same for a company of so many people.
    pub(crate) async fn of(people: usize, more: &[(&str, &str)]) -> Self {
        let clock = Clock::default();
        let folder = TempDir::new().expect("a folder");
        let mut company = Options::demo(([127, 0, 0, 1], 0).into(), clock.clone());
        company.people = people;
        let named = [
            ("DINGTALK__CORP_ID", company.corp_id.clone()),
            ("DINGTALK__APP_KEY", company.app_key.clone()),
            ("DINGTALK__APP_SECRET", company.app_secret.clone()),
            ("DINGTALK__AGENT_ID", company.agent_id.clone()),
        ];
        let simulator = Simulator::start(company).await.expect("the simulator");
        let fixed = [
            ("HTTP__LISTEN", "127.0.0.1:0".to_owned()),
            ("HTTP__PUBLIC_URL", "https://sso.example".to_owned()),
            ("HTTP__WORKERS", "2".to_owned()),
            ("DATABASE__URL", database(&folder).await),
            ("SECRETS__MASTER_KEY", "a master key for tests, long enough".to_owned()),
            ("DINGTALK__OAPI_URL", simulator.url()),
            ("DINGTALK__API_URL", simulator.url()),
            ("JSAPI__ALLOWED_ORIGINS", "https://page.example".to_owned()),
            ("DINGTALK__TIMEOUT_MS", "1000".to_owned()),
            ("DIRECTORY__SYNC_EVERY_S", "0".to_owned()),
            ("DIRECTORY__CALLS_PER_SECOND", "10000".to_owned()),
        ];
        let mut env: Vec<(String, String)> = named
            .into_iter()
            .chain(fixed)
            .map(|(name, value)| (format!("SSO_{name}"), value))
            .collect();
        if let Some(cache) = given("TEST_CACHE_URL") {
            env.push(("SSO_CACHE__URL".to_owned(), cache));
        }
        env.extend(
            more.iter()
                .map(|(name, value)| (format!("SSO_{name}"), (*value).to_owned())),
        );
        let read_file = |path: &std::path::Path| std::fs::read_to_string(path);
        let settings = Settings::from_sources(None, &env, Purpose::Serve, &read_file).expect("settings");
        let running = app::start(&settings, clock.clone(), true, None)
            .await
            .expect("the service");
        #[expect(clippy::disallowed_methods, reason = "this client is the user's, not the service's")]
        let client = reqwest::Client::new();
        Self {
            clock,
            env,
            settings,
            simulator,
            address: running.address,
            running: Some(running),
            client,
            _folder: folder,
        }
    }

    /// Moves the time of service and platform.
    pub(crate) fn advance_s(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Another instance's directory, over the same database and platform.
    pub(crate) async fn elsewhere(&self) -> Elsewhere {
        let settings = &self.settings;
        let database = Database::open(&settings.database).await.expect("the database");
        let cache = Cache::open(&settings.cache, self.clock.clone())
            .await
            .expect("the cache");
        let dingtalk =
            DingTalk::new(&settings.dingtalk, &settings.apps, cache, self.clock.clone()).expect("the platform");
        let directory = Directory::open(settings, database.clone(), dingtalk.clone(), self.clock.clone());
        Elsewhere {
            directory: directory.await.expect("the directory"),
            database,
            dingtalk,
        }
    }

    /// An access token of a business application that acts for itself.
    pub(crate) async fn client_token(&self, scope: &str) -> String {
        let settings = &self.settings;
        let database = Database::open(&settings.database).await.expect("the database");
        let cache = Cache::open(&settings.cache, self.clock.clone())
            .await
            .expect("the cache");
        let sealer = Sealer::open(&settings.secrets, &settings.database).expect("the master key");
        let corp_id = settings.dingtalk.corp_id.clone();
        let clients = Clients::open(database.clone(), corp_id, self.clock.clone()).await;
        let clients = clients.expect("the clients");
        let clock = self.clock.clone();
        let tokens = Tokens::open(settings, Arc::new(sealer), database, cache, clients, clock).await;
        let tokens = tokens.expect("the tokens");
        let session = tokens.open_own_session("reports", scope.to_owned()).await;
        let pair = tokens.issue(&session.expect("a session"), None);
        pair.expect("a token").access_token
    }

    /// Starts another instance over the same database, cache and platform.
    pub(crate) async fn another(&self) -> Running {
        let running = app::start(&self.settings, self.clock.clone(), false, None).await;
        running.expect("another instance")
    }

    /// Stops the service; the platform goes on.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Host and port of the service.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where the service is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks a control path of the platform in any way.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/_/{path}", self.simulator.url());
        let response = self.client.request(method, url).json(body).send().await;
        response.expect("the simulator").json().await.unwrap_or(Value::Null)
    }

    /// Does something to the simulated company.
    pub(crate) async fn company(&self, path: &str, body: Value) -> Value {
        let response = self
            .client
            .post(format!("{}/_/{path}", self.simulator.url()))
            .json(&body)
            .send()
            .await;
        response.expect("the simulator").json().await.unwrap_or(Value::Null)
    }

    /// Has the platform work as it should again.
    pub(crate) async fn no_more_faults(&self) {
        let request = self.client.delete(format!("{}/_/faults", self.simulator.url()));
        request.send().await.expect("the simulator");
    }

    /// What the simulated company says of itself.
    pub(crate) async fn look(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}/_/{path}", self.simulator.url()));
        let response = request.send().await.expect("the simulator");
        response.json().await.expect("JSON")
    }

    /// How often the platform was asked for `path`.
    pub(crate) async fn calls(&self, path: &str) -> u64 {
        let response = self
            .client
            .get(format!("{}/_/calls", self.simulator.url()))
            .send()
            .await;
        let calls: Value = response.expect("the simulator").json().await.expect("counts");
        calls[path].as_u64().unwrap_or_default()
    }

    pub(crate) async fn auth_code(&self, userid: &str) -> String {
        let answer = self.company("auth-codes", json!({"userid": userid})).await;
        answer["code"].as_str().expect("a code").to_owned()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: String) -> Answer {
        let url = format!("http://{}{path}", self.address);
        answer(self.client.post(url).body(body)).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        answer(
            self.client
                .get(format!("http://{}{path}", self.address))
                .bearer_auth(token),
        )
        .await
    }

    /// Gets what may be known already: status and entity tag.
    pub(crate) async fn get_unless(&self, path: &str, token: &str, tag: &str) -> (u16, String) {
        let request = self.client.get(format!("http://{}{path}", self.address));
        let request = request.bearer_auth(token).header("if-none-match", tag);
        let response = request.send().await.expect("an answer");
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
        (response.status().as_u16(), tag.unwrap_or_default().to_owned())
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.post("/v1/login", json!({"authCode": code, "url": PAGE})).await
    }

    pub(crate) async fn log_in(&self, userid: &str) -> Answer {
        let code = self.auth_code(userid).await;
        self.redeem(&code).await
    }

    pub(crate) async fn me(&self, token: &str) -> Answer {
        self.get("/v1/me", token).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/v1/token/refresh", json!({"refreshToken": refresh_token}))
            .await
    }

    pub(crate) async fn log_out(&self, token: &str) -> Answer {
        answer(
            self.client
                .post(format!("http://{}/v1/logout", self.address))
                .bearer_auth(token),
        )
        .await
    }

    /// Runs a command that is to fail; answers its exit code and what it said.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.binary(arguments).output().await.expect("the binary");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap_or_default(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Starts a command of the binary with further settings.
    pub(crate) fn process(&self, arguments: &[&str], more: &[(&str, &str)]) -> tokio::process::Child {
        let more = more.iter().map(|(name, value)| (format!("SSO_{name}"), *value));
        let mut binary = self.binary(arguments);
        binary.envs(more).kill_on_drop(true);
        binary.spawn().expect("the binary")
    }

    /// Starts the service as a process of its own, which ends with its handle; its log is to be read.
    pub(crate) fn serve(&self) -> tokio::process::Child {
        let mut binary = self.binary(&["serve"]);
        binary.stdout(Stdio::piped()).kill_on_drop(true);
        binary.spawn().expect("the binary")
    }

    fn binary(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut binary = tokio::process::Command::new(env!("CARGO_BIN_EXE_dingtalk-sso"));
        binary
            .args(arguments)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        binary
    }

    /// Runs a command of the binary beside the service, as an administrator does.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let output = self.binary(arguments).output().await.expect("the binary");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer {
        status: response.status().as_u16(),
        body: response.json().await.unwrap_or(Value::Null),
    }
}
