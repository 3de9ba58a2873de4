//! Any single call of a sync may fail in any way: nobody is disabled, nothing is blanked, and the next run completes.

use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::{Progress, Report, SyncError};
use dingtalk_sso::directory::sync::run::{Cause, State};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::elsewhere::Elsewhere;
use crate::harness::Harness;
use crate::stored::stored;

/// The calls that a sync makes.
const PATHS: [&str; 5] = [
    "/auth/scopes",
    "/topapi/v2/department/get",
    "/topapi/v2/department/listsub",
    "/topapi/v2/user/list",
    "/topapi/v2/user/get",
];
/// What each of them can come to.
const KINDS: [&str; 6] = [
    "http500",
    "html",
    "reset_after",
    "truncated",
    "system_busy",
    "permission_missing",
];
/// People of the small company: more than a page, in one department of four.
const PEOPLE: usize = 140;
const KEPT: [i64; 4] = [1, 10, 100, 100_000];

async fn sync(elsewhere: &Elsewhere) -> Result<Report, SyncError> {
    let wanted = Wanted {
        cause: Cause::Command,
        dry_run: false,
        yes: false,
        since: None,
    };
    elsewhere
        .directory
        .sync
        .run(wanted, &watch::Sender::new(Progress::default()))
        .await
}

/// A service that knows a small company.
async fn with_a_small_company() -> (Harness, Elsewhere) {
    let sso = Harness::of(PEOPLE, &[]).await;
    let people = sso.simulated("employees").await;
    for person in people.as_array().expect("people") {
        let path = format!("employees/{}/move", person["userid"].as_str().expect("a userid"));
        sso.company(&path, json!({"dept_id_list": [100]})).await;
    }
    let departments = sso.simulated("departments").await;
    let ids = departments.as_array().expect("departments").iter();
    for id in ids.filter_map(|department| department["dept_id"].as_i64()) {
        if !KEPT.contains(&id) {
            sso.control(Method::DELETE, &format!("departments/{id}"), &Value::Null)
                .await;
        }
    }
    let elsewhere = sso.elsewhere().await;
    let report = sync(&elsewhere).await.expect("a sync");
    assert_eq!((report.counts.departments, report.counts.employees), (4, 140));
    (sso, elsewhere)
}

/// Two people leave and one has another title: so much a sync has to do each time.
async fn something_happens(sso: &Harness, turn: usize) {
    sso.advance_s(3700);
    for number in [2 * turn + 10, 2 * turn + 11] {
        sso.company(&format!("employees/user{number:05}/leave"), json!({}))
            .await;
    }
    sso.company("employees/user00005", json!({"title": format!("第{turn}")}))
        .await;
}

/// Lets each call fail in turn.
async fn every_call_fails_once(kind: &str) {
    let (sso, elsewhere) = with_a_small_company().await;
    let mut calls: Vec<(&str, u64)> = Vec::new();
    let mut before = Vec::new();
    for path in PATHS {
        before.push(sso.calls(path).await);
    }
    something_happens(&sso, 0).await;
    sync(&elsewhere).await.expect("a sync");
    for (path, before) in PATHS.into_iter().zip(before) {
        let made = sso.calls(path).await - before;
        assert!(made > 0, "{path} is not called");
        calls.extend((0..made).map(|number| (path, number)));
    }
    // Scopes, the root, four departments, five pages, two leavers.
    assert_eq!(calls.len(), 13, "{calls:?}");
    for (turn, (path, number)) in (1..).zip(calls) {
        something_happens(&sso, turn).await;
        let before = stored(&elsewhere).await;
        sso.company("faults", json!({"path": path, "kind": kind, "after": number}))
            .await;
        assert!(sync(&elsewhere).await.is_err(), "{kind} {path} {number}");
        assert_eq!(stored(&elsewhere).await, before, "{kind} {path} {number}");
        let runs = elsewhere.directory.sync.history(1).await.expect("the history");
        assert_eq!(runs[0].state, State::Failed, "{kind} {path} {number}");
        sso.clear_faults().await;
        let next = sync(&elsewhere).await.expect("a sync").counts;
        assert_eq!(
            (next.changed, next.left, next.joined),
            (1, 2, 0),
            "{kind} {path} {number}"
        );
    }
}

#[tokio::test]
async fn whichever_call_fails_and_however_nobody_is_touched_and_the_next_run_completes() {
    join_all(KINDS.map(every_call_fails_once)).await;
}
