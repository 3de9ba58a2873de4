//! `serve`: the real thing, from its settings.

use std::path::Path;

use clap::Args;

use super::{Failure, settings};
use crate::clock::Clock;
use crate::config::Purpose;
use crate::{app, telemetry};

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Leave the schema as it is.
    #[arg(long)]
    no_migrate: bool,
}

impl Serve {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let settings = settings(config, Purpose::Serve)?;
        let _log = telemetry::init(&settings.log);
        let running = app::start(&settings, Clock::default(), !self.no_migrate, None).await?;
        tracing::info!(address = %running.address, public_url = %settings.http.public_url, "serving");
        Ok(running.until_signal().await?)
    }
}
