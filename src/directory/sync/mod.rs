//! Reads the whole company from DingTalk and brings the directory in line with it.

mod comparing;
mod journal;
pub mod lease;
mod pace;
mod people;
mod reading;
pub mod report;
pub mod run;
mod snapshot;
pub mod stage;
pub mod sync_change;
mod writing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::departments::Departments;
use super::reread::Rereading;
use super::roster::Roster;
use crate::config::directory::Directory;
use crate::database;
use crate::dingtalk::DingTalk;
use crate::error::Error;
use comparing::Compared;
use journal::Journal;
use lease::Lease;
use pace::Pace;
use reading::{Missing, Reading, take};
use report::{Phase, Progress, Report, SyncError};
use run::{Cause, Counts, Run, State};
use snapshot::{Snapshot, Step};
use stage::Stages;
use sync_change::SyncChange;
use writing::Writing;

/// More leavers than this, and more than [`SHARE`] of all, are not believed without a word of the administrator.
const MOST_LEAVERS: usize = 10;
/// One in so many.
const SHARE: usize = 20;
/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Syncs of the directory. Clones share everything.
#[derive(Clone)]
pub struct Sync {
    roster: Arc<Roster>,
    dingtalk: DingTalk,
    departments: Departments,
    reread: Rereading,
    journal: Journal,
    calls_per_second: u32,
    every: Option<Duration>,
}

/// What is wanted of a sync.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Who wants it.
    pub cause: Cause,
    /// Only compare: nothing is written.
    pub dry_run: bool,
    /// Believe it even if very many have left.
    pub yes: bool,
    /// What was read before then does not count; where there is no such moment, a run that was stopped within the
    /// last hour is gone on with.
    pub since: Option<DateTime<Utc>>,
}

/// Whoever is to be marked as left: userid, name, and since when it is known.
type Leavers = Vec<(String, String, DateTime<Utc>)>;

impl Sync {
    pub(super) fn new(
        roster: Arc<Roster>,
        dingtalk: DingTalk,
        departments: Departments,
        reread: Rereading,
        settings: &Directory,
    ) -> Self {
        Self {
            journal: Journal::new(Arc::clone(&roster)),
            roster,
            dingtalk,
            departments,
            reread,
            calls_per_second: settings.calls_per_second,
            every: settings.sync_every,
        }
    }

    /// Reads every department and every member, and then writes what differs. Nothing is written before everything is
    /// read, and nobody is marked as left whom the platform did not disown by their own userid.
    ///
    /// # Errors
    /// [`SyncError`]; what was read until then is kept, and the next run within an hour goes on from there.
    pub async fn run(&self, wanted: Wanted, progress: &watch::Sender<Progress>) -> Result<Report, SyncError> {
        let roster = &*self.roster;
        let Some(lease) = Lease::take(&roster.database, &roster.corp_id, &roster.clock).await? else {
            return Err(SyncError::Busy);
        };
        let outcome = match self.done_before(wanted).await {
            Ok(Some(state)) => Err(SyncError::Done(state)),
            Ok(None) if wanted.dry_run => self.work(wanted, None, progress).await,
            Ok(None) => self.record(wanted, &lease, progress).await,
            Err(cause) => Err(cause.into()),
        };
        lease.release().await;
        outcome
    }

    /// How a run ended that has done what is wanted, between the look at whether it is and the lease.
    async fn done_before(&self, wanted: Wanted) -> Result<Option<State>, Error> {
        match (wanted.cause, wanted.since, self.period()) {
            (Cause::Event, Some(since), _) => self.journal.ended_since(since).await,
            (Cause::Schedule, _, Some(every)) if !self.journal.is_due(every).await? => {
                Ok(self.journal.history(1).await?.pop().map(|run| run.state))
            }
            _ => Ok(None),
        }
    }

    /// The last runs, the latest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn history(&self, most: u64) -> Result<Vec<Run>, Error> {
        self.journal.history(most).await
    }

    /// What a run changed, for whom and why.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn changes(&self, run: Uuid) -> Result<Vec<SyncChange>, Error> {
        self.journal.changes(run).await
    }

    /// How the last sync ended that began at a moment or later, [`State::Done`] or [`State::Stopped`]; none where none
    /// has come to its end.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn ended_since(&self, moment: DateTime<Utc>) -> Result<Option<State>, Error> {
        self.journal.ended_since(moment).await
    }

    /// Syncs whenever it is time and no other instance does, until told to stop.
    pub async fn follow(self, stop: CancellationToken) {
        let Some(every) = self.period() else {
            return;
        };
        let wanted = Wanted {
            cause: Cause::Schedule,
            dry_run: false,
            yes: false,
            since: None,
        };
        loop {
            let work = async {
                match self.journal.is_due(every).await {
                    Ok(false) => {}
                    Ok(true) => self.run_by_schedule(wanted).await,
                    Err(cause) => tracing::warn!(%cause, "it cannot be seen whether a sync is due"),
                }
                sleep(LOOK_EVERY).await;
            };
            // A sync that is stopped here goes on where it was, at the next start or on another instance.
            tokio::select! {
                () = stop.cancelled() => return,
                () = work => {}
            }
        }
    }

    fn period(&self) -> Option<TimeDelta> {
        TimeDelta::from_std(self.every?).ok()
    }

    async fn run_by_schedule(&self, wanted: Wanted) {
        match self.run(wanted, &watch::Sender::default()).await {
            Ok(report) if report.stopped => tracing::error!(
                leavers = report.changes.len(),
                "too many employees have left to believe it: nothing is written; see `sync --dry-run`, then `sync --yes`"
            ),
            Ok(report) => tracing::info!(counts = ?report.counts, "the directory is in line with DingTalk"),
            Err(SyncError::Busy | SyncError::Done(_)) => {}
            Err(cause) => tracing::warn!(%cause, "the sync did not come to its end"),
        }
    }

    /// Works, and keeps a record of it.
    async fn record(
        &self,
        wanted: Wanted,
        lease: &Lease,
        progress: &watch::Sender<Progress>,
    ) -> Result<Report, SyncError> {
        let run = self.journal.begin(wanted.cause, wanted.since).await?;
        let outcome = self.work(wanted, Some((run, lease)), progress).await;
        let (state, counts, failure) = match &outcome {
            Ok(report) if report.stopped => (State::Stopped, report.counts, String::new()),
            Ok(report) => (State::Done, report.counts, String::new()),
            Err(cause) => (State::Failed, Counts::default(), cause.to_string()),
        };
        if self.journal.end(run, lease, state, counts, &failure).await? {
            outcome
        } else {
            Err(SyncError::Overtaken)
        }
    }

    async fn work(
        &self,
        wanted: Wanted,
        run: Option<(Uuid, &Lease)>,
        progress: &watch::Sender<Progress>,
    ) -> Result<Report, SyncError> {
        let pace = Pace::new(self.calls_per_second);
        let reading = Reading {
            dingtalk: &self.dingtalk,
            pace: &pace,
            clock: &self.roster.clock,
            progress,
        };
        let mut snapshot = Snapshot::default();
        let mut stages = None;
        if let Some((run, lease)) = run {
            snapshot = self.journal.recall(run).await?;
            stages = Some(Stages::open(self.roster.database.clone(), lease, run).await?);
        }
        reading.read(&mut snapshot, &mut stages).await?;
        let Compared { here, missing } = comparing::compare(&self.roster, &mut snapshot.people, progress).await?;
        progress.send_modify(|progress| progress.phase = Phase::Confirming);
        let gone = self.missing_departments(&reading, &mut snapshot, &mut stages).await?;
        let bearable = MOST_LEAVERS.max(here / SHARE);
        let enough = if wanted.yes || wanted.dry_run {
            usize::MAX
        } else {
            bearable
        };
        let mut leavers: Leavers = Vec::new();
        for (userid, name, found) in reading.confirm_people(missing, enough).await? {
            match found {
                Missing::Gone(at) => leavers.push((userid, name, at)),
                Missing::There(profile) => take(&mut snapshot, &mut stages, Step::Member(*profile)).await?,
                Missing::Hidden => {}
            }
        }
        let stopped = leavers.len() > bearable && !wanted.yes;
        if stopped && !wanted.dry_run {
            return Ok(Report {
                run: run.map(|(run, _)| run),
                stopped,
                counts: Counts::met(snapshot.departments.len(), snapshot.people.len()),
                changes: leavers
                    .iter()
                    .map(|(userid, name, _)| writing::left(userid, name))
                    .collect(),
            });
        }
        let mut writing = Writing {
            roster: &self.roster,
            departments: &self.departments,
            progress,
            run,
            notes: here > 0,
            mostly_new: here < snapshot.people.len() / 2,
            counts: Counts::met(snapshot.departments.len(), snapshot.people.len()),
            changes: Vec::new(),
        };
        let overtaken = writing.write(&snapshot, &gone, &leavers).await?;
        if run.is_some() {
            for id in overtaken.departments {
                pace.turn().await;
                self.reread.department(id).await?;
            }
            for userid in overtaken.people {
                pace.turn().await;
                self.reread.employee(&userid).await?;
            }
        }
        Ok(Report {
            run: run.map(|(run, _)| run),
            stopped,
            counts: writing.counts,
            changes: writing.changes,
        })
    }

    /// Departments that are stored and no more there. One that the reading has missed is taken in.
    async fn missing_departments(
        &self,
        reading: &Reading<'_>,
        snapshot: &mut Snapshot,
        stages: &mut Option<Stages<'_>>,
    ) -> Result<Vec<i64>, SyncError> {
        database::within_limit(self.departments.reload()).await?;
        let stored: BTreeSet<i64> = self.departments.tree().ids().collect();
        let mut gone = Vec::new();
        for id in stored {
            if snapshot.departments.contains_key(&id) {
                continue;
            }
            match reading.confirm_department(id).await? {
                Missing::Gone(_) => gone.push(id),
                Missing::There(step) => take(snapshot, stages, *step).await?,
                Missing::Hidden => {}
            }
        }
        Ok(gone)
    }
}
