//! The simulated DingTalk of a run, and what a company's people do there.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::load::{self, Connection, Request};
use crate::process::{self, Process};

/// The two calls that a login needs: whose code it is, and who that is.
const CALLS: [&str; 2] = ["/topapi/v2/user/getuserinfo", "/topapi/v2/user/get"];

/// How many auth codes are asked for at once.
const ASKING: usize = 16;

/// The platform.
pub(crate) struct Platform {
    pub(crate) at: SocketAddr,
    /// What `serve` must be told of it, as the simulator itself says.
    pub(crate) settings: Vec<(String, String)>,
    /// The userids of everybody.
    pub(crate) people: Vec<String>,
    _process: Process,
}

impl Platform {
    /// Starts it on `cores`, with a company of so many people.
    pub(crate) async fn start(binary: &Path, people: u32, cores: Option<&str>, log: &Path) -> anyhow::Result<Self> {
        let at = process::free_address()?;
        let (listen, people) = (at.to_string(), people.to_string());
        let arguments = ["simulate", "--listen", &listen, "--people", &people];
        let mut process = Process::start(binary, &arguments, &[], cores, log)?;
        process
            .until_it_answers(at, "/_/calls")
            .await
            .context("the simulator")?;
        // It answers a moment before it tells of itself.
        let told = process.line_with("SSO_").await.context("the simulator")?;
        let settings = told
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .filter(|(name, _)| name.starts_with("SSO_"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let employees: Vec<Value> = read(at, &load::get("/_/employees", None)).await?;
        let people = employees.iter().filter_map(|one| one["userid"].as_str());
        Ok(Self {
            at,
            settings,
            people: people.map(str::to_owned).collect(),
            _process: process,
        })
    }

    /// Fresh auth codes, of one person after another.
    pub(crate) async fn auth_codes(&self, count: usize) -> anyhow::Result<Vec<String>> {
        self.auth_codes_of(self.people.len(), count).await
    }

    /// The same, of the first so many people alone.
    pub(crate) async fn auth_codes_of(&self, people: usize, count: usize) -> anyhow::Result<Vec<String>> {
        let people = self.people.iter().take(people).cycle().take(count);
        let errands = people.map(|userid| vec![load::post("/_/auth-codes", &json!({"userid": userid}))]);
        let codes = load::each(self.at, errands.collect(), ASKING, Duration::ZERO, |body| {
            let answer: Value = serde_json::from_slice(body).unwrap_or_default();
            answer
                .get("code")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        });
        Ok(codes.await?.faultless()?.kept)
    }

    /// Lets each of a login's two calls wait for so long, until told otherwise.
    pub(crate) async fn delay(&self, by: Duration) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.at).await?;
        for path in CALLS {
            let delay_ms = u64::try_from(by.as_millis())?;
            let fault = json!({"path": path, "kind": "delay", "delay_ms": delay_ms});
            connection.exchange(&load::post("/_/faults", &fault)).await?;
        }
        Ok(())
    }

    /// The time that the two calls take without us: the median and the 99th percentile.
    pub(crate) async fn bare_calls(&self, count: usize, at_once: usize, spread: Duration) -> anyhow::Result<[f64; 2]> {
        let token = self.app_access_token().await?;
        let codes = self.auth_codes(count).await?;
        let [by_code, by_user] = CALLS.map(|path| format!("{path}?access_token={token}"));
        let errands = codes.iter().zip(self.people.iter().cycle()).map(|(code, userid)| {
            vec![
                load::post(&by_code, &json!({"code": code})),
                load::post(&by_user, &json!({"userid": userid})),
            ]
        });
        let run = load::each(self.at, errands.collect(), at_once, spread, drop_body)
            .await?
            .faultless()?;
        Ok([run.within(0.5), run.within(0.99)].map(|time| time.as_secs_f64() * 1e3))
    }

    /// An access token of the micro-app.
    pub(crate) async fn app_access_token(&self) -> anyhow::Result<String> {
        let setting = |name: &str| {
            let found = self.settings.iter().find(|(known, _)| known == name);
            found
                .map(|(_, value)| value.clone())
                .with_context(|| format!("the simulator does not name {name}"))
        };
        let credentials = json!({
            "appKey": setting("SSO_DINGTALK__APP_KEY")?, "appSecret": setting("SSO_DINGTALK__APP_SECRET")?,
        });
        let answer: Value = read(self.at, &load::post("/v1.0/oauth2/accessToken", &credentials)).await?;
        let token = answer.get("accessToken").and_then(Value::as_str);
        token.map(str::to_owned).context("no app access token")
    }
}

/// Keeps nothing of an answer.
pub(crate) fn drop_body(_: &[u8]) {}

/// Reads one answer.
pub(crate) async fn read<T: DeserializeOwned>(from: SocketAddr, request: &Request) -> anyhow::Result<T> {
    let mut connection = Connection::open(from).await?;
    Ok(serde_json::from_slice(connection.exchange(request).await?)?)
}
