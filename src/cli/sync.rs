//! `sync`: the directory, brought in line with DingTalk; and what earlier syncs did.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::employee::directory;
use super::output::{complain, list, say};
use super::{Failure, settings};
use crate::config::Purpose;
use crate::directory::Directory;
use crate::directory::sync::Wanted;
use crate::directory::sync::report::{Phase, Progress, Report, SyncError};
use crate::directory::sync::run::{Cause, Run};
use crate::directory::sync::sync_change::{Kind, SyncChange, What};

/// Changes that are shown to a person.
const SHOWN: usize = 200;
/// Runs that are shown.
const RUNS: u64 = 50;
/// How many seconds another sync is waited for.
const PATIENCE: u32 = 120;

/// Options of `sync`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Sync {
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
    /// Believe it even if more than 5 % of all employees, and more than 10, have left.
    #[arg(long)]
    yes: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    look: Option<Look>,
}

#[derive(Debug, Subcommand)]
enum Look {
    /// The last syncs, or what one of them changed, for whom and why.
    History {
        /// One of them, by its id.
        run: Option<Uuid>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

impl Sync {
    pub(super) async fn run(self, config: Option<&Path>) -> Result<(), Failure> {
        if let Some(Look::History { run, json }) = self.look {
            let directory = directory(&settings(config, Purpose::Maintain)?).await?;
            return match run {
                None => Ok(show_runs(&directory.sync.history(RUNS).await?, json)?),
                Some(run) => Ok(show_changes(&directory.sync.changes(run).await?, json)?),
            };
        }
        let directory = directory(&settings(config, Purpose::Serve)?).await?;
        let report = self.sync(&directory).await?;
        if self.json {
            say(serde_json::to_string_pretty(&report)?);
        } else {
            self.show(&report)?;
        }
        if report.stopped && !self.dry_run {
            let words = "more employees have left than is believed without a word of yours: nothing is written; \
                         if they have, call it again with --yes";
            return Err(Failure::Failed(anyhow::anyhow!(words)));
        }
        Ok(())
    }

    async fn sync(&self, directory: &Directory) -> Result<Report, SyncError> {
        let wanted = Wanted {
            cause: Cause::Command,
            dry_run: self.dry_run,
            yes: self.yes,
            since: None,
        };
        let (told, progress) = watch::channel(Progress::default());
        let bar = tokio::spawn(draw(progress));
        let mut seconds = 0;
        let outcome = loop {
            match directory.sync.run(wanted, &told).await {
                Err(SyncError::Busy) if seconds < PATIENCE => {
                    if seconds == 0 {
                        complain("Another sync is running; this one waits for its end.");
                    }
                    seconds += 1;
                    sleep(Duration::from_secs(1)).await;
                }
                outcome => break outcome,
            }
        };
        drop(told);
        // The bar ends with the channel.
        let _ = bar.await;
        outcome
    }

    fn show(&self, report: &Report) -> Result<(), serde_json::Error> {
        let counts = report.counts;
        if report.stopped || self.dry_run {
            show_changes(report.changes.get(..SHOWN).unwrap_or(&report.changes), false)?;
            if report.changes.len() > SHOWN {
                say(format!(
                    "… and {} more; --json shows all.",
                    report.changes.len() - SHOWN
                ));
            }
        }
        if report.stopped && !self.dry_run {
            return Ok(());
        }
        say(format!(
            "{} departments ({} new or different, {} gone), {} employees ({} new, {} back, {} different, {} left){}",
            counts.departments,
            counts.departments_changed,
            counts.departments_gone,
            counts.employees,
            counts.joined,
            counts.returned,
            counts.changed,
            counts.left,
            if self.dry_run { "; nothing is written." } else { "." }
        ));
        if report.stopped {
            say("So many leavers are not believed without --yes.");
        }
        Ok(())
    }
}

/// Draws how far the sync is, as long as it tells. Where nobody looks, nothing is drawn.
async fn draw(mut progress: watch::Receiver<Progress>) {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    while progress.changed().await.is_ok() {
        let now = *progress.borrow_and_update();
        let (words, done, all) = match now.phase {
            Phase::Reading => ("departments", now.departments_read, now.departments),
            Phase::Confirming => ("asking for those who are missing", 0, 0),
            Phase::Comparing => ("comparing", now.compared, now.employees),
        };
        bar.set_length(u64::try_from(all).unwrap_or_default());
        bar.set_position(u64::try_from(done).unwrap_or_default());
        bar.set_message(format!("{} employees, {words}", now.employees));
    }
    bar.finish_and_clear();
}

fn show_runs(runs: &[Run], json: bool) -> Result<(), serde_json::Error> {
    let head = [
        "RUN",
        "BEGAN",
        "BY",
        "STATE",
        "EMPLOYEES",
        "NEW",
        "BACK",
        "DIFFERENT",
        "LEFT",
        "DEPARTMENTS",
        "FAILURE",
    ];
    list(json, runs, &head, |run| {
        let counts = run.counts;
        vec![
            run.id.to_string(),
            run.started_at.format("%Y-%m-%d %H:%M:%S").to_string(),
            format!("{:?}", run.cause).to_lowercase(),
            format!("{:?}", run.state).to_lowercase(),
            counts.employees.to_string(),
            counts.joined.to_string(),
            counts.returned.to_string(),
            counts.changed.to_string(),
            counts.left.to_string(),
            counts.departments.to_string(),
            run.failure.clone(),
        ]
    })
}

fn show_changes(changes: &[SyncChange], json: bool) -> Result<(), serde_json::Error> {
    list(json, changes, &["WHAT", "ID", "NAME", "CHANGE", "DETAIL"], |change| {
        let kind = match change.kind {
            Kind::Employee => "employee",
            Kind::Department => "department",
        };
        let what = match (change.kind, change.change) {
            (_, What::Joined) => "new",
            (_, What::Returned) => "back",
            (_, What::Changed) => "different",
            (Kind::Employee, What::Left) => "left",
            (Kind::Department, What::Left) => "gone",
        };
        vec![
            kind.to_owned(),
            change.subject.clone(),
            change.name.clone(),
            what.to_owned(),
            change.detail.clone(),
        ]
    })
}
