//! Reads again what an event concerns: the event itself is only a hint.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::notice::Object;
use crate::directory::Directory;
use crate::directory::reread::Reread;
use crate::directory::sync::Wanted;
use crate::directory::sync::report::SyncError;
use crate::directory::sync::run::Cause;
use crate::error::Error;
use crate::tokens::Tokens;

/// How long a sync is waited for. A longer one goes on by itself, and after the end of this process where it was.
const SYNC_LIMIT: Duration = Duration::from_secs(10);

/// Whoever reads objects again. Clones share everything.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) directory: Directory,
    pub(super) tokens: Tokens,
}

impl Handler {
    /// Reads an object again; answers what became of it, for the log.
    pub(super) async fn handle(&self, object: &Object) -> Result<&'static str, Error> {
        let outcome = match object {
            Object::Employee(userid) => self.directory.reread.employee(userid.as_str()).await?,
            Object::Department(id) => self.directory.reread.department(id.0).await?,
            Object::Company => return self.sync().await,
        };
        Ok(match outcome {
            Reread::Unchanged => "unchanged",
            Reread::Changed => "changed",
            Reread::Left => {
                self.tokens.sessions().look_for_ended().await;
                "left"
            }
            Reread::Returned => "returned",
            Reread::Gone => "gone",
        })
    }

    /// Reads everything. While another sync is under way, which may have read already what has changed, the event waits.
    async fn sync(&self) -> Result<&'static str, Error> {
        let sync = self.directory.sync.clone();
        let running = tokio::spawn(async move {
            let wanted = Wanted {
                cause: Cause::Event,
                dry_run: false,
                yes: false,
            };
            let outcome = sync.run(wanted, &watch::Sender::default()).await;
            match &outcome {
                Ok(report) if report.stopped => tracing::error!(
                    "too many employees have left to believe it: nothing is written; see `sync --dry-run`, then `sync --yes`"
                ),
                Ok(_) | Err(SyncError::Busy) => {}
                Err(cause) => tracing::warn!(%cause, "the sync did not come to its end"),
            }
            outcome
        });
        match timeout(SYNC_LIMIT, running).await {
            Err(_elapsed) => Ok("sync under way"),
            Ok(Ok(Ok(report))) => Ok(if report.stopped { "sync stopped" } else { "synced" }),
            Ok(Ok(Err(cause))) => Err(Error::Unavailable(cause.into())),
            Ok(Err(cause)) => Err(Error::Internal(cause.into())),
        }
    }
}
