//! The directory as a whole: a sync brings it in line with DingTalk, and no failure makes it worse.

use std::time::{Duration, Instant};

use dingtalk_sso::dingtalk::DingTalk;
use dingtalk_sso::dingtalk::ids::DepartmentId;
use dingtalk_sso::directory::reread::Reread;
use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::{Progress, Report, SyncError};
use dingtalk_sso::directory::sync::run::{Cause, State};
use dingtalk_sso::directory::sync::sync_change::{Kind, What};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::elsewhere::Elsewhere;
use crate::harness::Harness;
use crate::stored::stored;

/// What only looks.
const LOOK: Wanted = Wanted {
    cause: Cause::Command,
    dry_run: true,
    yes: false,
    since: None,
};
/// What writes.
const WRITE: Wanted = Wanted { dry_run: false, ..LOOK };
/// What writes whatever comes.
const BELIEVE: Wanted = Wanted { yes: true, ..WRITE };

async fn run(elsewhere: &Elsewhere, wanted: Wanted) -> Result<Report, SyncError> {
    elsewhere
        .directory
        .sync
        .run(wanted, &watch::Sender::new(Progress::default()))
        .await
}

async fn sync(elsewhere: &Elsewhere, wanted: Wanted) -> Report {
    run(elsewhere, wanted).await.expect("a sync")
}

/// Lets `numbers` of people leave the simulated company.
async fn leave(sso: &Harness, numbers: std::ops::Range<usize>) {
    for number in numbers {
        sso.company(&format!("employees/user{number:05}/leave"), json!({}))
            .await;
    }
}

#[tokio::test]
async fn a_sync_brings_everybody_and_a_second_one_writes_nothing() {
    let sso = Harness::start().await;
    let id = sso.log_in("user00007").await.body["id"].clone();
    let elsewhere = sso.elsewhere().await;
    let report = sync(&elsewhere, WRITE).await;
    let company = sso.simulated("company").await;
    assert_eq!(i64::from(report.counts.employees), company["people"]);
    assert_eq!(i64::from(report.counts.departments), company["departments"]);
    assert_eq!(report.counts.joined + 1, report.counts.employees);
    let before = stored(&elsewhere).await;
    sso.advance_s(60);
    let second = sync(&elsewhere, WRITE).await.counts;
    assert_eq!(
        (second.joined, second.changed, second.left, second.departments_changed),
        (0, 0, 0, 0)
    );
    assert_eq!(stored(&elsewhere).await, before);
    let again = sso.log_in("user00007").await;
    assert_eq!(again.body["id"], id);
    assert_eq!(stored(&elsewhere).await, before, "a login after a sync changes nothing");
}

#[tokio::test]
async fn a_sync_follows_moves_renamings_leavers_and_returns() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let id = sso.log_in("user00007").await.body["id"].clone();
    sso.company("employees/user00007/leave", json!({})).await;
    sso.company("employees/user00008/move", json!({"dept_id_list": [20]}))
        .await;
    sso.company("employees/user00009", json!({"title": "新职位"})).await;
    sso.company("departments/100", json!({"parent_id": 20, "name": "技术院"}))
        .await;
    sso.advance_s(1);
    let looked = sync(&elsewhere, LOOK).await;
    assert_eq!(
        (looked.counts.left, looked.counts.changed, looked.counts.joined),
        (1, 2, 0)
    );
    assert_eq!(sso.log_in("user00008").await.status, 200);

    let report = sync(&elsewhere, WRITE).await;
    let run = report.run.expect("a run");
    let changes = elsewhere.directory.sync.changes(run).await.expect("changes");
    let of = |subject: &str| changes.iter().find(|change| change.subject == subject).cloned();
    let left = of("user00007").expect("a leaver");
    assert_eq!((left.kind, left.change), (Kind::Employee, What::Left));
    assert!(left.detail.starts_with("60121"), "{left:?}");
    assert_eq!(of("user00009").expect("a change").detail, "position");
    assert_eq!(of("100").expect("a department").detail, "name, parent, branch, path");
    let moved = sso.log_in("manager01").await;
    let begin = Instant::now();
    while sso.log_in("manager01").await.body["departRootId"] != 20 {
        assert!(begin.elapsed() < Duration::from_secs(2), "{moved:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sso.company("employees/user00007/rejoin", json!({})).await;
    assert_eq!(sync(&elsewhere, WRITE).await.counts.returned, 1);
    assert_eq!(sso.log_in("user00007").await.body["id"], id);
    let shown = sso.command(&["sync", "history", "--json"]).await;
    let runs: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        (runs[0]["state"].as_str(), runs[0]["returned"].as_i64()),
        (Some("done"), Some(1))
    );
}

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
    assert_eq!(stored(&elsewhere).await, before);
    let shown = sso.refused(&["sync"]).await;
    assert!(shown.contains("user00021") && shown.contains("--yes"), "{shown}");
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

#[tokio::test]
async fn whoever_is_outside_the_visible_range_has_not_left() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let before = stored(&elsewhere).await;
    sso.company("visible-range", json!({"departments": [10], "userids": ["user00003"]}))
        .await;
    let report = sync(&elsewhere, WRITE).await;
    assert!(report.counts.employees < 300);
    assert_eq!(stored(&elsewhere).await, before);
    let found = elsewhere.directory.reread.employee("user00101").await;
    assert_eq!(found.expect("a reading"), Reread::Unchanged);
}

#[tokio::test]
async fn labels_and_administrators_bring_roles_and_take_nothing_that_was_granted_here() {
    let sso = Harness::with(&[
        ("DIRECTORY__ADMIN_ROLE", "admin"),
        ("DIRECTORY__LABEL_ROLES", "主管=lead, 财务=finance"),
    ])
    .await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let roles = async |userid: &str| {
        let employee = elsewhere.directory.employee(userid).await.expect("the database");
        employee.expect("an employee").roles
    };
    assert_eq!(roles("manager01").await, ["admin"]);
    assert_eq!(sso.log_in("user00020").await.body["roles"], json!(["lead"]));
    sso.command(&["role", "set", "lead", "team:read"]).await;
    sso.command(&["role", "grant", "user00020", "lead"]).await;
    sso.advance_s(10);
    sso.company(
        "employees/user00020",
        json!({"role_list": [{"id": 7, "name": "财务", "group_name": "职务"}]}),
    )
    .await;
    let before = stored(&elsewhere).await;
    assert_eq!(
        sync(&elsewhere, WRITE).await.counts.changed,
        0,
        "a list names no labels"
    );
    assert_eq!(stored(&elsewhere).await, before);
    let found = elsewhere.directory.reread.employee("user00020").await;
    assert_eq!(found.expect("a reading"), Reread::Changed);
    assert_eq!(roles("user00020").await, ["finance", "lead"]);
    sso.command(&["role", "revoke", "user00020", "lead"]).await;
    sso.command(&["role", "revoke", "user00020", "finance"]).await;
    assert_eq!(roles("user00020").await, ["finance"]);
}

#[tokio::test]
async fn the_schedule_syncs_by_itself() {
    let sso = Harness::with(&[("DIRECTORY__SYNC_EVERY_S", "3600")]).await;
    let elsewhere = sso.elsewhere().await;
    let begin = Instant::now();
    loop {
        let runs = elsewhere.directory.sync.history(1).await.expect("runs");
        if runs.first().is_some_and(|run| run.state == State::Done) {
            assert_eq!(runs[0].cause, Cause::Schedule);
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{runs:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        elsewhere
            .directory
            .employee("user00101")
            .await
            .expect("the database")
            .is_some()
    );
}

#[tokio::test]
async fn what_was_decided_here_survives_a_sync() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    sso.command(&["employee", "disable", "user00012"]).await;
    sso.company("employees/user00012", json!({"title": "别的"})).await;
    sso.advance_s(5);
    let shown = sso.command(&["sync"]).await;
    assert!(shown.contains("1 different"), "{shown}");
    let employee = elsewhere.directory.employee("user00012").await.expect("the database");
    let employee = employee.expect("an employee");
    assert!(employee.disabled && employee.position == "别的");
}

/// The most memory that a process has used, in MiB, and how long it ran.
async fn measured(mut process: tokio::process::Child) -> (u64, Duration) {
    let begin = Instant::now();
    let status = format!("/proc/{}/status", process.id().expect("a process"));
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            peak = line
                .split_whitespace()
                .nth(1)
                .and_then(|kib| kib.parse().ok())
                .unwrap_or(peak);
        }
        if let Ok(ended) = tokio::time::timeout(Duration::from_millis(20), process.wait()).await {
            assert!(ended.expect("an end").success());
            return (peak / 1024, begin.elapsed());
        }
    }
}

/// The calls that a sync needs, and nothing else, with as many under way.
async fn bare_calls(dingtalk: &DingTalk) -> (usize, usize, Duration) {
    let begin = Instant::now();
    let (mut departments, mut level) = (Vec::new(), vec![DepartmentId::ROOT]);
    while !level.is_empty() {
        let below = stream::iter(level.clone())
            .map(|id| async move { dingtalk.sub_departments("default", id).await.expect("departments") })
            .buffer_unordered(16)
            .collect::<Vec<_>>();
        departments.append(&mut level);
        level = below
            .await
            .into_iter()
            .flatten()
            .map(|department| department.id)
            .collect();
    }
    let pages = stream::iter(departments.clone())
        .map(|id| async move {
            let (mut members, mut cursor) = (0, Some(0));
            while let Some(at) = cursor {
                let page = dingtalk.department_members("default", id, at).await.expect("members");
                members += page.list.len();
                cursor = page.next_cursor.filter(|_| page.has_more);
            }
            members
        })
        .buffer_unordered(16);
    let members = pages.fold(0, |sum, members| async move { sum + members }).await;
    (departments.len(), members, begin.elapsed())
}

#[tokio::test]
#[ignore = "measures: run it by itself, on a release build, with --nocapture"]
#[expect(clippy::print_stderr, reason = "it is the measurement that is wanted")]
async fn a_hundred_thousand_people_are_synced_in_little_time_and_memory() {
    let sso = Harness::of(100_000, &[]).await;
    let elsewhere = sso.elsewhere().await;
    let (departments, memberships, bare) = bare_calls(&elsewhere.dingtalk).await;
    eprintln!("bare calls: {departments} departments, {memberships} memberships, {bare:?}");
    for which in ["first", "second"] {
        let (peak, took) = measured(sso.spawn(&["sync", "--json"], &[])).await;
        let ratio = took.as_secs_f64() / bare.as_secs_f64();
        eprintln!("{which} sync: {took:?}, {ratio:.2} times the bare calls, {peak} MiB at the most");
        let counts = elsewhere.directory.sync.history(1).await.expect("runs")[0].counts;
        eprintln!("{counts:?}");
    }
}
