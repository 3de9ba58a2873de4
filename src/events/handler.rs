//! Reads again what an event concerns: the event itself is only a hint.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::timeout;

use super::notice::Object;
use crate::directory::Directory;
use crate::directory::reread::Reread;
use crate::directory::sync::Wanted;
use crate::directory::sync::report::SyncError;
use crate::directory::sync::run::{Cause, State};
use crate::error::Error;
use crate::tokens::Tokens;

/// How long a sync is waited for. A longer one goes on by itself, and the event waits for its end.
const SYNC_LIMIT: Duration = Duration::from_secs(10);

/// What became of an attempt.
pub(super) enum Outcome {
    /// The object was read again; a word for the log.
    Done(&'static str),
    /// A sync is under way: its end is to be waited for.
    Later,
}

/// Whoever reads objects again. Clones share everything.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) directory: Directory,
    pub(super) tokens: Tokens,
}

impl Handler {
    /// Reads an object again, because of what happened until `since`.
    pub(super) async fn handle(&self, object: &Object, since: DateTime<Utc>) -> Result<Outcome, Error> {
        let outcome = match object {
            Object::Employee(userid) => self.directory.reread.employee(userid.as_str()).await?,
            Object::Department(id) => self.directory.reread.department(id.0).await?,
            Object::Company => return self.sync(since).await,
        };
        Ok(Outcome::Done(match outcome {
            Reread::Unchanged => "unchanged",
            Reread::Changed => "changed",
            Reread::Left => {
                self.tokens.sessions().look_for_ended().await;
                "left"
            }
            Reread::Returned => "returned",
            Reread::Gone => "gone",
        }))
    }

    /// Reads everything, unless a sync has done so that began at `since` or later. While another is under way, which
    /// may have read already what has changed, the event waits.
    async fn sync(&self, since: DateTime<Utc>) -> Result<Outcome, Error> {
        if let Some(state) = self.directory.sync.ended_since(since).await? {
            return Ok(Outcome::Done(word(state == State::Stopped)));
        }
        let sync = self.directory.sync.clone();
        let running = tokio::spawn(async move {
            let wanted = Wanted {
                cause: Cause::Event,
                dry_run: false,
                yes: false,
                since: Some(since),
            };
            let outcome = sync.run(wanted, &watch::Sender::default()).await;
            match &outcome {
                Ok(report) if report.stopped => tracing::error!(
                    "too many employees have left to believe it: nothing is written; see `sync --dry-run`, then `sync --yes`"
                ),
                Ok(_) | Err(SyncError::Busy | SyncError::Done(_)) => {}
                Err(cause) => tracing::warn!(%cause, "the sync did not come to its end"),
            }
            outcome
        });
        match timeout(SYNC_LIMIT, running).await {
            Err(_elapsed) => Ok(Outcome::Later),
            Ok(Ok(Err(SyncError::Busy))) => Ok(Outcome::Later),
            Ok(Ok(Err(SyncError::Done(state)))) => Ok(Outcome::Done(word(state == State::Stopped))),
            Ok(Ok(Ok(report))) => Ok(Outcome::Done(word(report.stopped))),
            Ok(Ok(Err(cause))) => Err(Error::Unavailable(cause.into())),
            Ok(Err(cause)) => Err(Error::Internal(cause.into())),
        }
    }
}

const fn word(stopped: bool) -> &'static str {
    if stopped { "sync stopped" } else { "synced" }
}
