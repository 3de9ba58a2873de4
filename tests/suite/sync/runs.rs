//! Runs of a sync on another instance, and what is stored afterwards.

use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::{Progress, Report, SyncError};
use dingtalk_sso::directory::sync::run::Cause;
use sea_orm::{FromQueryResult as _, JsonValue, Statement};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::elsewhere::Elsewhere;
use crate::harness::Harness;

/// What only looks.
pub(super) const LOOK: Wanted = Wanted {
    cause: Cause::Command,
    dry_run: true,
    yes: false,
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

/// Everything that is stored of the company, with the moment of its last change.
pub(super) async fn stored(elsewhere: &Elsewhere) -> Vec<Value> {
    let reader = elsewhere.database.reader();
    let mut rows = Vec::new();
    for sql in [
        "SELECT * FROM departments ORDER BY id",
        "SELECT * FROM employees ORDER BY id",
        "SELECT * FROM memberships ORDER BY employee_id, rank",
        "SELECT * FROM mapped_grants ORDER BY employee_id, role",
    ] {
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        rows.extend(JsonValue::find_by_statement(statement).all(reader).await.expect("rows"));
    }
    rows
}

/// Lets `numbers` of people leave the simulated company.
pub(super) async fn leave(sso: &Harness, numbers: std::ops::Range<usize>) {
    for number in numbers {
        sso.company(&format!("employees/user{number:05}/leave"), json!({}))
            .await;
    }
}
