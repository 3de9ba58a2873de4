//! Brings a simulator, a database of its own and the whole service; its methods are what a user does.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use dingtalk_sso::app::{self, Running};
use dingtalk_sso::clock::Clock;
use dingtalk_sso::config::{Purpose, Settings};
use dingtalk_sso::simulator::{Options, Simulator};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;
use uuid::Uuid;

use crate::answer::Answer;
use crate::elsewhere::{self, Elsewhere};
use crate::process::{self, Output, Process};
use crate::store::Store;
use crate::surroundings::{database, given};

/// The page that signs in.
pub(crate) const PAGE: &str = "https://page.example/app";

/// A whole service: one instance of it, the platform that it talks to, and a user at its door.
pub(crate) struct Harness {
    pub(crate) clock: Clock,
    env: Vec<(String, String)>,
    simulator: Arc<Simulator>,
    service: Service,
    client: reqwest::Client,
    folder: Arc<TempDir>,
}

/// How the instance runs.
enum Service {
    /// In the process of the test, whose clock it shares.
    Here(Running),
    /// The real binary, by the real time.
    Process(Process),
    /// Not yet.
    Unstarted,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with further settings.
    pub(crate) async fn with(more: &[(&str, &str)]) -> Self {
        Self::prepared(more).await.begun().await
    }

    /// Starts the real binary, as an administrator does, with further settings.
    pub(crate) async fn process(more: &[(&str, &str)]) -> Self {
        let mut sso = Self::prepared(more).await;
        sso.start_process().await;
        sso
    }

    /// Starts with a company of so many people.
    pub(crate) async fn of(people: usize, more: &[(&str, &str)]) -> Self {
        Self::prepared_for(people, more).await.begun().await
    }

    /// Company, database and settings; no service yet.
    pub(crate) async fn prepared(more: &[(&str, &str)]) -> Self {
        Self::prepared_for(300, more).await
    }

    async fn prepared_for(people: usize, more: &[(&str, &str)]) -> Self {
        let clock = Clock::default();
        let folder = TempDir::new().expect("a folder");
        let mut company = Options::demo(([127, 0, 0, 1], 0).into(), clock.clone());
        company.people = people;
        // What the platform lends is kept under the app's secret and the platform's address, in one cache for all tests:
        // a simulator may get the port of a former one.
        company.app_secret = format!("{}-{}", company.app_secret, Uuid::new_v4());
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
            ("DINGTALK__TIMEOUT_MS", "5000".to_owned()),
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
        #[expect(clippy::disallowed_methods, reason = "this client is the user's, not the service's")]
        let client = reqwest::Client::new();
        let mut sso = Self {
            clock,
            env,
            simulator: Arc::new(simulator),
            service: Service::Unstarted,
            client,
            folder: Arc::new(folder),
        };
        for (name, value) in more {
            sso.set(name, value);
        }
        sso
    }

    /// Sets a setting, before the start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.push((format!("SSO_{name}"), value.to_owned()));
    }

    /// Takes a setting away, before the start.
    pub(crate) fn unset(&mut self, name: &str) {
        self.env.retain(|(known, _)| known.strip_prefix("SSO_") != Some(name));
    }

    /// What a setting says.
    pub(crate) fn setting(&self, name: &str) -> &str {
        let (_, value) = self
            .env
            .iter()
            .rfind(|(known, _)| known.strip_prefix("SSO_") == Some(name))
            .expect("a setting");
        value
    }

    /// Starts what was prepared, within this process.
    pub(crate) async fn begun(mut self) -> Self {
        let running = app::start(&self.settings(), self.clock.clone(), true, None).await;
        self.service = Service::Here(running.expect("the service"));
        self
    }

    fn settings(&self) -> Settings {
        let read_file = |path: &std::path::Path| std::fs::read_to_string(path);
        Settings::from_sources(None, &self.env, Purpose::Serve, &read_file).expect("settings")
    }

    /// Starts the real binary on what was prepared, or again after it was killed.
    pub(crate) async fn start_process(&mut self) {
        self.service = Service::Process(Process::serve(&self.env).await);
    }

    /// `kill -9` to the process.
    pub(crate) async fn kill(&self) {
        if let Service::Process(process) = &self.service {
            process.kill().await;
        }
    }

    /// What the process has logged so far.
    pub(crate) fn log(&self) -> String {
        match &self.service {
            Service::Process(process) => process.log(),
            Service::Here(_) | Service::Unstarted => String::new(),
        }
    }

    /// Another instance of the same deployment: with the same settings, database, cache and clock.
    pub(crate) async fn second_instance(&self) -> Self {
        let sso = Self {
            clock: self.clock.clone(),
            env: self.env.clone(),
            simulator: Arc::clone(&self.simulator),
            service: Service::Unstarted,
            client: self.client.clone(),
            folder: Arc::clone(&self.folder),
        };
        sso.begun().await
    }

    /// Another instance's rooms, without its service.
    pub(crate) async fn elsewhere(&self) -> Elsewhere {
        Elsewhere::open(&self.settings(), self.clock.clone()).await
    }

    /// An access token of a business application that acts for itself.
    pub(crate) async fn client_token(&self, scope: &str) -> String {
        elsewhere::client_token(&self.settings(), self.clock.clone(), scope).await
    }

    /// The database, past the service.
    pub(crate) async fn store(&self) -> Store {
        Store::open(self.setting("DATABASE__URL")).await
    }

    /// A file or folder of this test's own.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Stops the service; the platform goes on.
    pub(crate) async fn stop(self) {
        if let Service::Here(running) = self.service {
            running.stop().await;
        }
    }

    fn address(&self) -> SocketAddr {
        match &self.service {
            Service::Here(running) => running.address,
            Service::Process(process) => process.address,
            Service::Unstarted => SocketAddr::from(([127, 0, 0, 1], 1)),
        }
    }

    /// Moves the time of service and platform.
    pub(crate) fn advance_s(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Does something to the simulated company.
    pub(crate) async fn company(&self, path: &str, body: Value) -> Value {
        self.control(Method::POST, path, &body).await
    }

    /// Asks a control path of the simulator in any way.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/_/{path}", self.simulator.url());
        let answer = Answer::to(self.client.request(method, url).json(body)).await;
        answer.expect("the simulator").body
    }

    /// Shows a fault at a path of the platform from now on; a `delay` lasts three seconds.
    pub(crate) async fn fault(&self, path: &str, kind: &str) {
        let fault = json!({"path": path, "kind": kind, "delay_ms": 3000});
        let request = self.client.post(format!("{}/_/faults", self.simulator.url()));
        let answer = Answer::to(request.json(&fault)).await.expect("the simulator");
        assert_eq!(answer.status, 204, "the simulator knows no {kind}");
    }

    /// Ends all faults of the platform.
    pub(crate) async fn clear_faults(&self) {
        let request = self.client.delete(format!("{}/_/faults", self.simulator.url()));
        request.send().await.expect("the simulator");
    }

    /// What the simulator tells under a control path.
    pub(crate) async fn simulated(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}/_/{path}", self.simulator.url()));
        Answer::to(request).await.expect("the simulator").body
    }

    /// How often the platform was asked for `path`.
    pub(crate) async fn calls(&self, path: &str) -> u64 {
        self.simulated("calls").await[path].as_u64().unwrap_or_default()
    }

    pub(crate) async fn auth_code(&self, userid: &str) -> String {
        let answer = self.company("auth-codes", json!({"userid": userid})).await;
        answer["code"].as_str().expect("a code").to_owned()
    }

    /// Where a path of the service is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A request to the service, to be completed.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sends it and waits for the answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::to(request).await.expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: String) -> Answer {
        self.send(self.request(Method::POST, path).body(body)).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// Redeems a code; none when the service goes away before its answer.
    pub(crate) async fn try_redeem(&self, code: &str) -> Option<Answer> {
        let body = json!({"authCode": code, "url": PAGE});
        Answer::to(self.request(Method::POST, "/v1/login").body(body.to_string())).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.try_redeem(code).await.expect("an answer")
    }

    pub(crate) async fn log_in(&self, userid: &str) -> Answer {
        let code = self.auth_code(userid).await;
        self.redeem(&code).await
    }

    pub(crate) async fn me(&self, token: &str) -> Answer {
        self.get("/v1/me", token).await
    }

    /// Refreshes; none when the service goes away before its answer.
    pub(crate) async fn try_refresh(&self, refresh_token: &str) -> Option<Answer> {
        let body = json!({"refreshToken": refresh_token});
        Answer::to(self.request(Method::POST, "/v1/token/refresh").body(body.to_string())).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.try_refresh(refresh_token).await.expect("an answer")
    }

    pub(crate) async fn log_out(&self, token: &str) -> Answer {
        self.send(self.request(Method::POST, "/v1/logout").bearer_auth(token))
            .await
    }

    /// The settings of the service, as variables.
    pub(crate) fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Runs a command of the binary beside the service, as an administrator does.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments).await;
        assert_eq!(output.exit, Some(0), "{arguments:?}: {}", output.stderr);
        output.stdout
    }

    /// Starts a command, with further settings, and goes on.
    pub(crate) fn spawn(&self, arguments: &[&str], more: &[(&str, &str)]) -> Child {
        let more = more
            .iter()
            .map(|(name, value)| (format!("SSO_{name}"), (*value).to_owned()));
        let env: Vec<(String, String)> = self.env.iter().cloned().chain(more).collect();
        process::spawn(arguments, &env)
    }

    /// As [`Self::command`], for one that fails; answers all that it said.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments).await;
        assert_eq!(output.exit, Some(1), "{arguments:?}: {}", output.stderr);
        output.stdout + &output.stderr
    }

    /// As [`Self::command`], however it ends.
    pub(crate) async fn output(&self, arguments: &[&str]) -> Output {
        process::run(arguments, &self.env).await
    }
}
