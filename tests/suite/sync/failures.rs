//! No failure of a sync makes the directory worse: whatever breaks in the middle, and whoever else syncs.

use std::time::{Duration, Instant};

use dingtalk_sso::directory::sync::report::{Report, SyncError};
use dingtalk_sso::directory::sync::run::State;
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use super::runs::{BELIEVE, LOOK, WRITE, leave, run, sync};
use crate::harness::Harness;
use crate::stored::stored;

#[tokio::test]
async fn whichever_call_fails_nobody_is_touched_and_the_next_run_completes() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let paths = [
        "/auth/scopes",
        "/topapi/v2/department/get",
        "/topapi/v2/department/listsub",
        "/topapi/v2/user/list",
        "/topapi/v2/user/get",
    ];
    let mut calls = Vec::new();
    let mut counted = Vec::new();
    for path in paths {
        counted.push(sso.calls(path).await);
    }
    leave(&sso, 9..10).await;
    sync(&elsewhere, WRITE).await;
    for (path, before) in paths.into_iter().zip(counted) {
        calls.extend((0..sso.calls(path).await - before).map(|after| (path, after)));
    }
    assert!(calls.len() > 80, "{calls:?}");
    for (turn, (path, after)) in calls.into_iter().enumerate() {
        // What was read an hour ago is not read on from: every call is made anew.
        sso.advance_s(3700);
        let way = if turn % 2 == 1 { "leave" } else { "rejoin" };
        sso.company(&format!("employees/user00009/{way}"), json!({})).await;
        sso.company("employees/user00012", json!({"title": format!("第{turn}")}))
            .await;
        // Somebody is asked for by userid only where somebody is missing.
        let leavers = i32::from(path == "/topapi/v2/user/get");
        if leavers == 1 {
            sso.company("employees/user00010/leave", json!({})).await;
        }
        let before = stored(&elsewhere).await;
        let fault = json!({"path": path, "kind": "permission_missing", "times": 1, "after": after});
        sso.company("faults", fault).await;
        assert!(run(&elsewhere, WRITE).await.is_err(), "{path} {after}");
        assert_eq!(stored(&elsewhere).await, before, "{path} {after}");
        let next = sync(&elsewhere, WRITE).await.counts;
        assert_eq!(
            (next.changed, next.left + next.returned, next.joined),
            (1, 1 + leavers, 0),
            "{path} {after}"
        );
    }
}

#[rstest::rstest]
#[case("http500")]
#[case("html")]
#[case("truncated")]
#[case("reset_after")]
#[case("bad_token")]
#[tokio::test]
async fn a_platform_that_breaks_down_in_the_middle_changes_nothing(#[case] kind: &str) {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let before = stored(&elsewhere).await;
    leave(&sso, 5..9).await;
    sso.company(
        "faults",
        json!({"path": "/topapi/v2/user/list", "kind": kind, "after": 20}),
    )
    .await;
    assert!(run(&elsewhere, WRITE).await.is_err());
    assert_eq!(stored(&elsewhere).await, before);
    sso.clear_faults().await;
    let runs = elsewhere.directory.sync.history(1).await.expect("runs");
    assert_eq!(runs[0].state, State::Failed);
    assert_eq!(sync(&elsewhere, WRITE).await.counts.left, 4);
}

#[tokio::test]
async fn too_many_leavers_are_not_believed_without_a_word() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    leave(&sso, 10..20).await;
    assert_eq!(sync(&elsewhere, WRITE).await.counts.left, 10);
    leave(&sso, 20..50).await;
    let before = stored(&elsewhere).await;
    let stopped = sync(&elsewhere, WRITE).await;
    assert!(stopped.stopped && stopped.changes.len() > 10, "{stopped:?}");
    let met = (
        stopped.counts.departments,
        stopped.counts.employees,
        stopped.counts.left,
    );
    assert_eq!(met, (41, 260, 0), "what it has read, and that nothing was written");
    assert_eq!(stored(&elsewhere).await, before);
    let shown = sso.refused(&["sync"]).await;
    // It asks for several at once and no longer than it has to, so that any of them may be among those shown.
    assert!(
        shown.matches("60121").count() > 10 && shown.contains("--yes"),
        "{shown}"
    );
    let looked = sync(&elsewhere, LOOK).await;
    assert_eq!((looked.stopped, looked.counts.left), (true, 30));
    assert_eq!(stored(&elsewhere).await, before);
    assert_eq!(sync(&elsewhere, BELIEVE).await.counts.left, 30);
    assert_eq!(
        elsewhere.directory.sync.history(9).await.expect("runs")[1].state,
        State::Stopped
    );
}

#[tokio::test]
async fn a_sync_that_was_killed_goes_on_where_it_was() {
    let sso = Harness::start().await;
    let mut slow = sso.spawn(&["sync"], &[("DIRECTORY__CALLS_PER_SECOND", "20")]);
    let begin = Instant::now();
    while sso.calls("/topapi/v2/user/list").await < 25 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the sync does not begin");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What was read is stored every two seconds.
    tokio::time::sleep(Duration::from_millis(300)).await;
    slow.kill().await.expect("a process to kill");
    let calls = sso.calls("/topapi/v2/user/list").await;
    // The lease of a dead holder is over soon.
    sso.advance_s(20);
    let elsewhere = sso.elsewhere().await;
    let report = sync(&elsewhere, WRITE).await;
    let all = u64::try_from(report.counts.departments).expect("a count");
    let again = sso.calls("/topapi/v2/user/list").await - calls;
    assert!(again < all, "{again} of {all} calls were made again");
    assert_eq!(report.counts.joined, 300);
    let runs = elsewhere.directory.sync.history(9).await.expect("runs");
    assert_eq!((runs.len(), runs[0].state), (1, State::Done));
}

#[tokio::test]
async fn what_another_version_has_read_is_read_anew() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    let fault = json!({"path": "/topapi/v2/user/list", "kind": "permission_missing", "after": 20});
    sso.company("faults", fault).await;
    assert!(run(&elsewhere, WRITE).await.is_err());
    sso.clear_faults().await;
    let reader = elsewhere.database.reader();
    let sql = r#"UPDATE sync_stages SET steps = '{"m":{"u":"user00001","n":"张三"}}'"#;
    let written = reader.execute_unprepared(sql).await.expect("rows");
    assert!(written.rows_affected() > 0);
    assert_eq!(sync(&elsewhere, WRITE).await.counts.joined, 300);
}

#[tokio::test]
async fn one_instance_syncs_at_a_time() {
    let sso = Harness::with(&[("DIRECTORY__CALLS_PER_SECOND", "40")]).await;
    let (one, other) = (sso.elsewhere().await, sso.elsewhere().await);
    let (first, second) = tokio::join!(run(&one, WRITE), run(&other, WRITE));
    let busy = |outcome: &Result<Report, SyncError>| matches!(outcome, Err(SyncError::Busy));
    assert!(busy(&first) != busy(&second), "{first:?} {second:?}");
    assert!(first.is_ok() || second.is_ok());
}

#[tokio::test]
async fn a_sync_stays_within_its_budget_and_obeys_a_throttling_platform() {
    let sso = Harness::with(&[("DIRECTORY__CALLS_PER_SECOND", "18")]).await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let rates = sso.simulated("rates").await;
    for path in ["/topapi/v2/user/list", "/topapi/v2/department/listsub"] {
        assert!(rates[path]["most_per_second"].as_u64() <= Some(20), "{rates}");
    }
    sso.company("rates", json!({"per_second": 6})).await;
    assert_eq!(sync(&elsewhere, WRITE).await.counts.employees, 300);
}
