//! The record of syncs: which one to go on with, how each ended, and what it changed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::lease::Lease;
use super::run::{self, Cause, Counts, Run, State};
use super::snapshot::Snapshot;
use super::stage;
use super::sync_change::{self, SyncChange};
use crate::database;
use crate::directory::roster::Roster;
use crate::error::Error;

/// What was read within this time is read on from, not anew.
const RESUMED_WITHIN: TimeDelta = TimeDelta::hours(1);
/// How long runs are remembered.
const KEPT_FOR: TimeDelta = TimeDelta::days(90);
/// How long after a failure the schedule tries again.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

/// The record of one company's syncs.
#[derive(Clone)]
pub(super) struct Journal(Arc<Roster>);

impl Journal {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self(roster)
    }

    /// The last runs, the latest first.
    pub(super) async fn history(&self, most: u64) -> Result<Vec<Run>, Error> {
        let rows = run::latest(self.0.database.reader(), &self.0.corp_id, most);
        Ok(database::within_limit(rows).await?.into_iter().map(Run::from).collect())
    }

    /// What a run changed.
    pub(super) async fn changes(&self, run: Uuid) -> Result<Vec<SyncChange>, Error> {
        let rows = database::within_limit(sync_change::of_run(self.0.database.reader(), run)).await?;
        Ok(rows.into_iter().map(SyncChange::from).collect())
    }

    /// How the last run ended that began at a moment or later; none where there is none that came to its end.
    pub(super) async fn ended_since(&self, moment: DateTime<Utc>) -> Result<Option<State>, Error> {
        let run = run::ended_since(self.0.database.reader(), &self.0.corp_id, moment);
        Ok(database::within_limit(run).await?.map(|run| run.state))
    }

    /// Whether the schedule wants a run now: the last good one is too old, or the last one did not come to its end.
    pub(super) async fn is_due(&self, every: TimeDelta) -> Result<bool, Error> {
        let now = self.0.clock.now();
        Ok(match self.history(1).await?.pop() {
            None => true,
            Some(run) => match run.state {
                State::Running => true,
                State::Done | State::Stopped => now - run.started_at >= every,
                State::Failed => now - run.ended_at.unwrap_or(run.started_at) >= every.min(AGAIN_AFTER),
            },
        })
    }

    /// The run to go on with: the last one where it was stopped or failed a short while ago, and did not begin before
    /// `since`; else a new one.
    pub(super) async fn begin(&self, cause: Cause, since: Option<DateTime<Utc>>) -> Result<Uuid, Error> {
        let roster = &*self.0;
        let now = roster.clock.now();
        let last = self.history(1).await?.pop();
        let open = last.filter(|run| matches!(run.state, State::Running | State::Failed));
        let goes_on =
            |run: &Run| now - run.started_at < RESUMED_WITHIN && since.is_none_or(|since| run.started_at >= since);
        let beginning = roster.database.transact(async |transaction| match &open {
            Some(run) if goes_on(run) => {
                run::resume(transaction, run.id).await?;
                Ok(run.id)
            }
            open => {
                if let Some(run) = open {
                    stage::delete(transaction, run.id).await?;
                    let failure = if run.failure.is_empty() {
                        "stopped without a word"
                    } else {
                        &run.failure
                    };
                    let ended_at = run.ended_at.unwrap_or(now);
                    run::end(transaction, run.id, State::Failed, run.counts, failure, ended_at).await?;
                }
                let id = Uuid::now_v7();
                run::insert(transaction, id, &roster.corp_id, cause, now).await?;
                Ok(id)
            }
        });
        beginning.await
    }

    /// Adds up what a run has read before it was stopped; nothing where that cannot be read any more, since another
    /// version may have written it.
    pub(super) async fn recall(&self, run: Uuid) -> Result<Snapshot, Error> {
        let mut snapshot = Snapshot::default();
        for number in 0.. {
            let stage = database::within_limit(stage::find(self.0.database.reader(), run, number)).await?;
            let Some(stage) = stage else {
                break;
            };
            for line in stage.steps.lines() {
                if let Err(cause) = snapshot.recall(line) {
                    tracing::warn!(%cause, "what was read before the sync stopped is not understood: it reads anew");
                    return Ok(Snapshot::default());
                }
            }
        }
        Ok(snapshot)
    }

    /// Notes how a run ended, and forgets what is old. What was read is needed only where the run failed. False if the
    /// lease is another's, who goes on with the run.
    pub(super) async fn end(
        &self,
        run: Uuid,
        lease: &Lease,
        state: State,
        counts: Counts,
        failure: &str,
    ) -> Result<bool, Error> {
        let roster = &*self.0;
        let now = roster.clock.now();
        let ending = roster.database.transact(async |transaction| {
            if !lease.hold(transaction).await? {
                return Ok(false);
            }
            run::end(transaction, run, state, counts, failure, now).await?;
            if state != State::Failed {
                stage::delete(transaction, run).await?;
            }
            let old = run::before(transaction, &roster.corp_id, now - KEPT_FOR).await?;
            for run in &old {
                stage::delete(transaction, *run).await?;
            }
            sync_change::delete(transaction, &old).await?;
            run::delete(transaction, &old).await?;
            Ok(true)
        });
        ending.await
    }
}
