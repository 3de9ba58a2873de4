//! `simulate`: the simulated DingTalk alone.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;

use super::Failure;
use super::output::say;
use crate::app;
use crate::clock::Clock;
use crate::simulator::{Options, Simulator};

/// Options of `simulate`.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// How many people the company has.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    people: u32,
    /// The company's CorpId; without it that of the demo, as with the credentials of the app.
    #[arg(long, value_name = "ID")]
    corp_id: Option<String>,
    /// AppKey of the micro-app, its client id for the browser login too.
    #[arg(long, value_name = "KEY")]
    app_key: Option<String>,
    /// AppSecret of the micro-app.
    #[arg(long, value_name = "SECRET")]
    app_secret: Option<String>,
    /// AgentId of the micro-app.
    #[arg(long, value_name = "ID")]
    agent_id: Option<String>,
    /// A callback address of the browser login, or an origin for all addresses there; may be given several times.
    /// Without it any is accepted.
    #[arg(long, value_name = "URL")]
    redirect_uri: Vec<String>,
}

impl Simulate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let demo = Options::demo(self.listen, Clock::default());
        let options = Options {
            people: usize::try_from(self.people)?,
            corp_id: self.corp_id.unwrap_or(demo.corp_id),
            app_key: self.app_key.unwrap_or(demo.app_key),
            app_secret: self.app_secret.unwrap_or(demo.app_secret),
            agent_id: self.agent_id.unwrap_or(demo.agent_id),
            redirect_uris: self.redirect_uri,
            ..demo
        };
        let settings = format!(
            "SSO_DINGTALK__CORP_ID={} SSO_DINGTALK__APP_KEY={} SSO_DINGTALK__APP_SECRET={} SSO_DINGTALK__AGENT_ID={}",
            options.corp_id, options.app_key, options.app_secret, options.agent_id
        );
        let simulator = Simulator::start(options).await.context("--listen")?;
        let url = simulator.url();
        say(format!("Simulated DingTalk at {url}; stop with Ctrl-C. For `serve`:"));
        say(format!(
            "  {settings} SSO_DINGTALK__OAPI_URL={url} SSO_DINGTALK__API_URL={url} SSO_DINGTALK__LOGIN_URL={url}"
        ));
        app::signal().await;
        simulator.stop().await;
        Ok(())
    }
}
