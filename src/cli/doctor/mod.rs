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
        let findings = examine(config).await;
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
        if failed == 0 {
            Ok(())
        } else {
            Err(anyhow!("{failed} of {} checks", findings.len()).into())
        }
    }
}

/// Every check, whatever the others find.
async fn examine(config: Option<&Path>) -> Vec<Finding> {
    let (mut findings, settings) = settings::read(config);
    let Some(settings) = settings else {
        let rest = ["database", "cache", "DingTalk"];
        findings.extend(rest.map(|check| Finding::skipped(check, "the settings")));
        return findings;
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
    findings
}
