//! Runs of a sync on another instance, and what is stored afterwards.

use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::{Progress, Report, SyncError};
use dingtalk_sso::directory::sync::run::Cause;
use serde_json::json;
use tokio::sync::watch;

use crate::elsewhere::Elsewhere;
use crate::harness::Harness;

/// What only looks.
pub(super) const LOOK: Wanted = Wanted {
    cause: Cause::Command,
    dry_run: true,
    yes: false,
    since: None,
};
/// What writes.
pub(super) const WRITE: Wanted = Wanted { dry_run: false, ..LOOK };
/// What writes whatever comes.
pub(super) const BELIEVE: Wanted = Wanted { yes: true, ..WRITE };

pub(super) async fn run(elsewhere: &Elsewhere, wanted: Wanted) -> Result<Report, SyncError> {
    elsewhere
        .directory
        .sync
        .run(wanted, &watch::Sender::new(Progress::default()))
        .await
}

pub(super) async fn sync(elsewhere: &Elsewhere, wanted: Wanted) -> Report {
    run(elsewhere, wanted).await.expect("a sync")
}

/// Lets `numbers` of people leave the simulated company.
pub(super) async fn leave(sso: &Harness, numbers: std::ops::Range<usize>) {
    for number in numbers {
        sso.company(&format!("employees/user{number:05}/leave"), json!({}))
            .await;
    }
}
