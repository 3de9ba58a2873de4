//! The directory as a whole: a sync brings it in line with DingTalk, and keeps what was decided here.

mod failures;
mod runs;
mod scale;

use std::time::{Duration, Instant};

use dingtalk_sso::directory::reread::Reread;
use dingtalk_sso::directory::sync::Wanted;
use dingtalk_sso::directory::sync::report::SyncError;
use dingtalk_sso::directory::sync::run::{Cause, State};
use dingtalk_sso::directory::sync::sync_change::{Kind, What};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::harness::Harness;
use crate::stored::stored;
use runs::{LOOK, WRITE, run, sync};

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
async fn people_of_another_company_in_the_same_tables_are_left_alone() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    // The same people there, and as many whom nobody knows here.
    for userid in ["userid", "REPLACE(userid, 'user', 'another')"] {
        let sql = format!(
            "INSERT INTO employees (corp_id, userid, name, avatar, position, disabled, created_at, updated_at) \
             SELECT 'dinganother', {userid}, 'Another', avatar, position, disabled, created_at, updated_at \
             FROM employees WHERE corp_id <> 'dinganother' AND userid LIKE 'user%'"
        );
        let written = elsewhere.database.reader().execute_unprepared(&sql).await;
        assert!(written.expect("rows").rows_affected() > 200);
    }
    let before = stored(&elsewhere).await;
    let report = sync(&elsewhere, WRITE).await;
    assert!(!report.stopped);
    assert_eq!((report.counts.left, report.counts.changed), (0, 0));
    assert_eq!(stored(&elsewhere).await, before);
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
    sso.company("employees/user00010", json!({"name": "新名字"})).await;
    sso.company("departments/100", json!({"parent_id": 20, "name": "技术院"}))
        .await;
    sso.advance_s(1);
    let looked = sync(&elsewhere, LOOK).await;
    assert_eq!(
        (looked.counts.left, looked.counts.changed, looked.counts.joined),
        (1, 3, 0)
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
    assert_eq!(of("user00010").expect("a change").detail, "name");
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
    sso.command(&["role", "grant", "user00021", "lead"]).await;
    assert_eq!(holders(&sso).await["admin"], json!(["manager01", "user00001"]));
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
    assert_eq!(holders(&sso).await["lead"], json!(["user00021"]));
    assert_eq!(
        holders(&sso).await["finance"],
        json!(["user00020"]),
        "which allows nothing here"
    );
    let table = sso.command(&["role", "list"]).await;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1], ["admin", "admin", "manager01", "user00001"]);
    assert_eq!(rows[2], ["lead", "team:read", "user00021"]);
}

/// Who holds which role, as `role list` tells.
async fn holders(sso: &Harness) -> Value {
    let roles: Value = serde_json::from_str(&sso.command(&["role", "list", "--json"]).await).expect("JSON");
    let rows = roles.as_array().expect("a list");
    rows.iter()
        .map(|role| {
            (
                role["name"].as_str().expect("a name").to_owned(),
                role["holders"].clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn what_another_sync_has_done_since_is_not_done_again() {
    // No service is started, which would sync by itself.
    let sso = Harness::prepared(&[("DIRECTORY__SYNC_EVERY_S", "3600")]).await;
    sso.command(&["migrate", "up"]).await;
    let (one, other) = (sso.elsewhere().await, sso.elsewhere().await);
    let wanted = sso.clock.now();
    sync(&one, WRITE).await;
    let by_event = Wanted {
        cause: Cause::Event,
        since: Some(wanted),
        ..WRITE
    };
    let by_schedule = Wanted {
        cause: Cause::Schedule,
        ..WRITE
    };
    for wanted in [by_event, by_schedule] {
        let outcome = run(&other, wanted).await;
        assert!(matches!(outcome, Err(SyncError::Done(State::Done))), "{outcome:?}");
    }
    sso.advance_s(3600);
    let later = Wanted {
        since: Some(sso.clock.now()),
        ..by_event
    };
    assert!(run(&other, later).await.is_ok());
    assert!(run(&one, WRITE).await.is_ok(), "an administrator is not told to wait");
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

#[tokio::test]
async fn every_department_of_a_large_company_is_known_after_a_start() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sync(&elsewhere, WRITE).await;
    let few = elsewhere.directory.departments.tree().ids().count();
    // Each with each: more than one statement reads, and no multiple of it.
    let sql = "INSERT INTO departments (corp_id, id, name, parent_id, root_id, path, updated_at) \
               SELECT one.corp_id, one.id * 10000000000 + other.id, one.name, 1, 1, '/', one.updated_at \
               FROM departments one, departments other";
    let written = elsewhere.database.reader().execute_unprepared(sql).await;
    let many = usize::try_from(written.expect("rows").rows_affected()).expect("a number");
    assert!(many > 1_000 && !(few + many).is_multiple_of(500), "{few} and {many}");
    let again = sso.elsewhere().await;
    assert_eq!(again.directory.departments.tree().ids().count(), few + many);
}
