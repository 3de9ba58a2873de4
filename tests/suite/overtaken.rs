//! What is stored while DingTalk is being read is not undone by what was read before.

use std::time::{Duration, Instant};

use dingtalk_sso::dingtalk::ids::UserId;
use dingtalk_sso::directory::profile::Profile;
use dingtalk_sso::directory::reread::Reread;
use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::{Progress, Report, SyncError};
use dingtalk_sso::directory::sync::run::{Cause, State};
use serde_json::json;
use tokio::sync::watch;

use crate::elsewhere::Elsewhere;
use crate::harness::Harness;

const MEMBERS: &str = "/topapi/v2/user/list";
const PROFILE: &str = "/topapi/v2/user/get";

async fn sync(instance: &Elsewhere) -> Result<Report, SyncError> {
    let wanted = Wanted {
        cause: Cause::Command,
        dry_run: false,
        yes: false,
        since: None,
    };
    instance
        .directory
        .sync
        .run(wanted, &watch::Sender::new(Progress::default()))
        .await
}

/// Waits until the platform was asked so often.
async fn until_asked(sso: &Harness, path: &str, times: u64) {
    let began = Instant::now();
    while sso.calls(path).await < times {
        assert!(began.elapsed() < Duration::from_secs(20), "{path} is not asked for");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_sync_that_another_instance_took_over_writes_nothing_more() {
    let sso = Harness::with(&[("DIRECTORY__CALLS_PER_SECOND", "30")]).await;
    let (one, other) = (sso.elsewhere().await, sso.elsewhere().await);
    let first = async { sync(&one).await };
    let second = async {
        until_asked(&sso, MEMBERS, 20).await;
        // The first one is not heard of for too long.
        sso.advance_s(20);
        sync(&other).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(first, Err(SyncError::Overtaken)), "{first:?}");
    assert_eq!(second.expect("a sync").counts.joined, 300);
    let runs = other.directory.sync.history(9).await.expect("the history");
    assert_eq!((runs.len(), runs[0].state), (1, State::Done), "{runs:?}");
    assert_eq!(sso.store().await.count("sync_stages").await, 0);
}

#[tokio::test]
async fn whoever_is_back_before_a_sync_marks_them_left_stays() {
    let sso = Harness::with(&[("DINGTALK__TIMEOUT_MS", "8000")]).await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere).await.expect("a sync");
    for userid in ["user00007", "user00008"] {
        sso.company(&format!("employees/{userid}/leave"), json!({})).await;
    }
    // The answer about one of the two is late, and both are marked after it.
    let slow = json!({"path": PROFILE, "kind": "delay", "delay_ms": 2000, "after": 1, "times": 1});
    sso.company("faults", slow).await;
    let asked = sso.calls(PROFILE).await + 2;
    let meanwhile = async {
        until_asked(&sso, PROFILE, asked).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for userid in ["user00007", "user00008"] {
            sso.company(&format!("employees/{userid}/rejoin"), json!({})).await;
            sso.company(&format!("employees/{userid}"), json!({"title": "回来"}))
                .await;
        }
        let found = elsewhere.directory.reread.employee("user00007").await;
        assert_eq!(found.expect("a reading"), Reread::Changed);
    };
    let (report, ()) = tokio::join!(sync(&elsewhere), meanwhile);
    assert_eq!(report.expect("a sync").counts.left, 0);
    let employee = elsewhere.directory.employee("user00007").await.expect("the database");
    assert_eq!(employee.expect("a record").left_at, None);
}

#[tokio::test]
async fn a_login_that_read_before_an_event_did_does_not_undo_what_that_brought() {
    let sso = Harness::start().await;
    sso.log_in("user00007").await;
    let elsewhere = sso.elsewhere().await;
    let userid = UserId::new("user00007").expect("a userid");
    let contact = elsewhere.dingtalk.employee_profile("default", &userid).await;
    let early = Profile::from(contact.expect("a profile"));
    let moved = json!({"title": "新职位", "dept_id_list": [200]});
    sso.company("employees/user00007", moved).await;
    sso.advance_s(1);
    let found = elsewhere.directory.reread.employee("user00007").await;
    assert_eq!(found.expect("a reading"), Reread::Changed);
    let transaction = elsewhere.database.begin().await.expect("a transaction");
    let admitted = elsewhere.directory.admission.admit(&transaction, &[&early]).await;
    let employee = &admitted.expect("an employee")["user00007"];
    assert_eq!(
        (employee.position.as_str(), employee.main_department()),
        ("新职位", Some(200))
    );
    transaction.commit().await.expect("a commit");
    let stored = elsewhere.directory.employee("user00007").await.expect("the database");
    assert_eq!(stored.expect("a record").position, "新职位");
}

#[tokio::test]
async fn a_department_of_the_visible_range_that_is_no_more_stops_no_sync() {
    let sso = Harness::start().await;
    sso.company("visible-range", json!({"departments": [10, 20, 999], "userids": []}))
        .await;
    let elsewhere = sso.elsewhere().await;
    let report = sync(&elsewhere).await.expect("a sync");
    assert!(report.counts.employees > 50, "{report:?}");
}
