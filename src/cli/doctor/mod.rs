//! `doctor`: asks the real platform, database and cache, and says what is wrong and what to do.

mod finding;
mod platform;
mod settings;
mod stores;

use std::path::Path;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;

use super::Failure;
use super::output::say;
use finding::{Finding, State};

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// What machines read.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether nothing failed.
    healthy: bool,
    checks: &'a [Finding],
}

impl Doctor {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        let (findings, settings_fit) = examine(config).await;
        let failed = findings.iter().filter(|finding| finding.state == State::Failed).count();
        if self.json {
            let report = Report {
                healthy: failed == 0,
                checks: &findings,
            };
            say(serde_json::to_string_pretty(&report)?);
        } else {
            let width = findings
                .iter()
                .map(|finding| finding.label().len())
                .max()
                .unwrap_or_default();
            for finding in &findings {
                say(finding.line(width));
            }
        }
        let summary = anyhow!("{failed} of {} checks", findings.len());
        match failed {
            0 => Ok(()),
            _ if settings_fit => Err(Failure::Failed(summary)),
            _ => Err(Failure::SettingsTold(summary)),
        }
    }
}

/// Every check, whatever the others find; and whether the settings would do for `serve`.
async fn examine(config: Option<&Path>) -> (Vec<Finding>, bool) {
    let (mut findings, settings) = settings::read(config);
    let settings_fit = findings.iter().all(|finding| finding.state == State::Ok);
    let Some(settings) = settings else {
        let rest = ["database", "cache", "DingTalk"];
        findings.extend(rest.map(|check| Finding::skipped(check, "the settings")));
        return (findings, settings_fit);
    };
    findings.extend(settings::examine(&settings));
    let (database, cache, platform) = tokio::join!(
        stores::database(&settings),
        stores::cache(&settings),
        platform::examine(&settings)
    );
    findings.extend(database);
    findings.push(cache);
    findings.extend(platform);
    (findings, settings_fit)
}
