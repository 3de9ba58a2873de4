//! `simulate`: the simulated DingTalk alone.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;

use super::Failure;
use super::output::say;
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
}

impl Simulate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut options = Options::demo(self.listen, Clock::default());
        options.people = usize::try_from(self.people)?;
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
        tokio::signal::ctrl_c().await?;
        simulator.stop().await;
        Ok(())
    }
}
