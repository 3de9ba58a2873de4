//! What becomes of people and departments when DingTalk is read again.

use std::time::{Duration, Instant};

use dingtalk_sso::dingtalk::ids::UserId;
use dingtalk_sso::directory::profile::Profile;
use dingtalk_sso::directory::reread::Reread;
use serde_json::json;

use crate::harness::Harness;

/// Within this every instance knows.
const SOON: Duration = Duration::from_secs(2);

/// A service at which user00007 has signed in and holds a role.
async fn with_a_reporter() -> (Harness, i64) {
    let sso = Harness::start().await;
    let entry = sso.log_in("user00007").await;
    sso.command(&["role", "set", "reporter", "report:read"]).await;
    sso.command(&["role", "grant", "user00007", "reporter"]).await;
    (sso, entry.body["id"].as_i64().expect("an id"))
}

/// Has a person join, or come back.
async fn join(sso: &Harness, userid: &str, unionid: &str) {
    let person = json!({"userid": userid, "name": "何芳", "dept_id_list": [100], "unionid": unionid});
    sso.company("employees", person).await;
}

#[tokio::test]
async fn a_leaver_found_out_by_one_instance_is_out_on_the_others_within_two_seconds() {
    let (sso, id) = with_a_reporter().await;
    let entry = sso.log_in("user00007").await;
    assert_eq!(sso.me(&entry.text("token")).await.status, 200);
    sso.company("employees/user00007/leave", json!({})).await;
    let elsewhere = sso.elsewhere().await;
    let found = elsewhere
        .directory
        .reread
        .employee("user00007")
        .await
        .expect("a reading");
    let begin = Instant::now();
    assert_eq!(found, Reread::Left);
    while sso.me(&entry.text("token")).await.status == 200 {
        assert!(begin.elapsed() < SOON, "still valid");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sso.refresh(&entry.text("refreshToken")).await.code(), 1114);
    let again = elsewhere
        .directory
        .reread
        .employee("user00007")
        .await
        .expect("a reading");
    assert_eq!(again, Reread::Unchanged);

    join(&sso, "user00007", "unionuser00007iE").await;
    let back = sso.log_in("user00007").await;
    assert_eq!((back.status, back.body["id"].as_i64()), (200, Some(id)));
    assert_eq!(back.body["roles"], json!(["reporter"]));
    assert_eq!(sso.me(&entry.text("token")).await.code(), 1114);
}

#[tokio::test]
async fn a_person_who_returns_under_another_userid_is_the_same_employee() {
    let (sso, id) = with_a_reporter().await;
    sso.company("employees/user00007/leave", json!({})).await;
    let elsewhere = sso.elsewhere().await;
    let found = elsewhere.directory.reread.employee("user00007").await;
    assert_eq!(found.expect("a reading"), Reread::Left);
    join(&sso, "another", "unionuser00007iE").await;
    let found = elsewhere.directory.reread.employee("another").await;
    assert_eq!(found.expect("a reading"), Reread::Returned);
    let back = sso.log_in("another").await;
    assert_eq!((back.status, back.body["id"].as_i64()), (200, Some(id)));
    assert_eq!(back.body["roles"], json!(["reporter"]));
}

#[tokio::test]
async fn a_leavers_userid_does_not_bring_their_roles_to_another_person() {
    let (sso, id) = with_a_reporter().await;
    sso.company("employees/user00007/leave", json!({})).await;
    let elsewhere = sso.elsewhere().await;
    let found = elsewhere.directory.reread.employee("user00007").await;
    assert_eq!(found.expect("a reading"), Reread::Left);
    join(&sso, "user00007", "union-of-somebody-else").await;
    let other = sso.log_in("user00007").await;
    assert_eq!(other.status, 200);
    assert_ne!(other.body["id"].as_i64(), Some(id));
    assert_eq!(other.body["roles"], json!([]));
}

#[tokio::test]
async fn what_was_read_before_somebody_left_does_not_bring_them_back() {
    let (sso, _) = with_a_reporter().await;
    let elsewhere = sso.elsewhere().await;
    let userid = UserId::new("user00007").expect("a userid");
    let contact = elsewhere.dingtalk.employee_profile("default", &userid).await;
    let profile = Profile::from(contact.expect("a profile"));
    sso.company("employees/user00007/leave", json!({})).await;
    let found = elsewhere.directory.reread.employee("user00007").await;
    assert_eq!(found.expect("a reading"), Reread::Left);
    let transaction = elsewhere.database.begin().await.expect("a transaction");
    let admitted = elsewhere.directory.admission.admit(&transaction, &[profile]).await;
    assert!(!admitted.expect("an employee")["user00007"].may_sign_in());
}

#[tokio::test]
async fn a_platform_that_does_not_answer_makes_nobody_leave() {
    let (sso, _) = with_a_reporter().await;
    let entry = sso.log_in("user00007").await;
    let elsewhere = sso.elsewhere().await;
    for kind in [
        "http500",
        "html",
        "system_busy",
        "bad_token",
        "ip_not_allowed",
        "reset_after",
    ] {
        sso.company(
            "faults",
            json!({"path": "/topapi/v2/user/get", "kind": kind, "times": 9}),
        )
        .await;
        let found = elsewhere.directory.reread.employee("user00007").await;
        assert!(found.is_err(), "{kind}: {found:?}");
        sso.no_more_faults().await;
    }
    assert_eq!(sso.me(&entry.text("token")).await.status, 200);
}

#[tokio::test]
async fn a_department_that_moves_takes_everything_below_it_along() {
    let sso = Harness::start().await;
    assert_eq!(sso.log_in("manager01").await.body["departRootId"], 10);
    sso.company(
        "departments",
        json!({"dept_id": 100, "name": "技术院", "parent_id": 20}),
    )
    .await;
    let elsewhere = sso.elsewhere().await;
    let reread = &elsewhere.directory.reread;
    assert_eq!(reread.department(100).await.expect("a reading"), Reread::Changed);
    assert_eq!(reread.department(100).await.expect("a reading"), Reread::Unchanged);
    let begin = Instant::now();
    loop {
        let entry = sso.log_in("manager01").await;
        if entry.body["departRootId"] == 20 {
            assert_eq!(
                entry.body["departments"][0]["path"],
                json!([{"id": 20, "name": "上海分公司"}, {"id": 100, "name": "技术院"}])
            );
            break;
        }
        assert!(begin.elapsed() < SOON, "the other instance does not see it: {entry:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
