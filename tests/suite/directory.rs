//! What becomes of people and departments when DingTalk is read again.

use std::time::{Duration, Instant};

use dingtalk_sso::dingtalk::ids::UserId;
use dingtalk_sso::directory::profile::Profile;
use dingtalk_sso::directory::reread::Reread;
use reqwest::Method;
use serde_json::json;

use crate::harness::Harness;

/// Within this every instance knows.
const SOON: Duration = Duration::from_secs(2);

/// A service that has not seen by then what a command stored will not see it at all.
const PATIENCE: Duration = Duration::from_secs(20);

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
    let admitted = elsewhere.directory.admission.admit(&transaction, &[&profile]).await;
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
        sso.clear_faults().await;
    }
    assert_eq!(sso.me(&entry.text("token")).await.status, 200);
}

#[tokio::test]
async fn what_dingtalk_does_not_show_is_not_asked_for_at_every_login() {
    let sso = Harness::start().await;
    sso.company("visible-range", json!({"departments": [100], "userids": []}))
        .await;
    let asked = async || sso.calls("/topapi/v2/department/get").await;
    let entry = sso.log_in("manager01").await;
    assert_eq!(entry.text("departName"), "单点登录小队");
    assert_eq!(entry.body["departRootId"], json!(null), "its branch is not to be seen");
    let first = asked().await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    assert_eq!(asked().await, first);
    sso.company("visible-range", json!({})).await;
    sso.advance_s(60);
    assert_eq!(sso.log_in("manager01").await.body["departRootId"], 10);
    assert!(asked().await > first);
}

#[tokio::test]
async fn an_instance_that_comes_second_in_learning_of_a_department_knows_it_at_once() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    for instance in [&sso, &other] {
        let entry = instance.log_in("manager01").await;
        assert_eq!(entry.text("departName"), "单点登录小队");
        assert_eq!(entry.body["departRootId"], 10);
    }
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

/// A service whose directory is in line with the company, and a token that reads it.
async fn with_a_reader() -> (Harness, String) {
    let sso = Harness::start().await;
    sso.command(&["sync"]).await;
    let token = sso.client_token("directory:read").await;
    let begin = Instant::now();
    while sso.get("/v1/departments/100", &token).await.status != 200 {
        assert!(
            begin.elapsed() < PATIENCE,
            "the service does not see what the command has stored"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (sso, token)
}

#[tokio::test]
async fn the_directory_is_read_by_whoever_has_the_scope_and_nobody_else() {
    let (sso, token) = with_a_reader().await;
    let other = sso.client_token("openid profile").await;
    let page = sso.log_in("manager01").await.text("token");
    for path in [
        "/v1/departments",
        "/v1/departments/100",
        "/v1/employees",
        "/v1/employees/manager01",
    ] {
        assert_eq!(sso.get(path, &token).await.status, 200, "{path}");
        for wrong in [&other, &page] {
            let refused = sso.get(path, wrong).await;
            assert_eq!((refused.status, refused.code()), (403, 1115), "{path}");
            let challenge = refused.header("www-authenticate");
            assert_eq!(challenge, "Bearer error=\"insufficient_scope\"");
        }
        assert_eq!(sso.get(path, "nonsense").await.code(), 1114);
    }
    let manager = sso.get("/v1/employees/manager01", &token).await.body;
    assert_eq!(
        manager["departments"],
        json!([{"id": 100_000, "name": "单点登录小队", "leader": true}])
    );
    assert_eq!(
        (&manager["name"], &manager["departId"]),
        (&json!("张三"), &json!(100_000))
    );
    let members: Vec<&String> = manager.as_object().expect("an object").keys().collect();
    assert_eq!(
        members,
        [
            "avatar",
            "departId",
            "departments",
            "disabled",
            "id",
            "name",
            "position",
            "roles",
            "userId"
        ]
    );
    let text = manager.to_string();
    assert!(!text.contains("13900000000") && !text.contains("@mail"), "{text}");
    let department = sso.get("/v1/departments/100000", &token).await.body;
    assert_eq!(
        department,
        json!({"id": 100_000, "name": "单点登录小队", "parentId": 100, "rootId": 10, "rootName": "重庆分公司",
               "path": [{"id": 10, "name": "重庆分公司"}, {"id": 100, "name": "技术中心"}]})
    );
    for path in [
        "/v1/departments/77",
        "/v1/departments/x",
        "/v1/employees/nobody",
        "/v1/employees/%00",
    ] {
        assert_eq!(sso.get(path, &token).await.code(), 1116, "{path}");
    }
}

#[tokio::test]
async fn pages_of_employees_are_whole_while_people_come_and_go() {
    let (sso, token) = with_a_reader().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = sso.get(&format!("/v1/employees?limit=70{cursor}"), &token).await.body;
        seen.extend(
            page["employees"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| one["userId"].clone()),
        );
        let Some(next) = page["nextCursor"].as_i64() else {
            break;
        };
        cursor = format!("&cursor={next}");
        if seen.len() == 70 {
            sso.company("employees/manager01/leave", json!({})).await;
            join(&sso, "latecomer", "unionlatecomer").await;
            sso.command(&["sync"]).await;
        }
    }
    let all: std::collections::HashSet<String> = seen.iter().map(ToString::to_string).collect();
    assert_eq!((seen.len(), all.len()), (301, 301));
    let team = sso.get("/v1/employees?department=100000&limit=500", &token).await.body;
    let team: Vec<&str> = team["employees"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["userId"].as_str())
        .collect();
    assert!(team.contains(&"user00001") && !team.contains(&"manager01"), "{team:?}");
}

#[tokio::test]
async fn employees_are_found_by_a_part_of_their_chinese_name_whatever_is_asked() {
    let (sso, token) = with_a_reader().await;
    let find = async |query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let page = sso.get(&format!("/v1/employees?limit=500&query={query}"), &token).await;
        let found = page.body["employees"].as_array().map(Vec::len);
        (page.status, found.unwrap_or_default())
    };
    assert_eq!(find("张三").await, (200, 1));
    assert!(find("文博").await.1 > 5);
    assert_eq!(find("user0010").await, (200, 10));
    for nothing in ["%", "_", "!", "'", "\\", "a%b_", "%张", "\"; DROP TABLE employees; --"] {
        assert_eq!(find(nothing).await, (200, 0), "{nothing}");
    }
    assert_eq!(find("").await.0, 400);
    assert_eq!(find("张\0").await.0, 400);
    assert_eq!(find(&"张".repeat(65)).await.0, 400);
    for wrong in ["limit=0", "limit=501", "limit=x", "cursor=x", "department=x"] {
        assert_eq!(
            sso.get(&format!("/v1/employees?{wrong}"), &token).await.code(),
            1101,
            "{wrong}"
        );
    }
}

/// Gets what may be known already: status and entity tag.
async fn get_unless(sso: &Harness, path: &str, token: &str, tag: &str) -> (u16, String) {
    let request = sso.request(Method::GET, path).bearer_auth(token);
    let answer = sso.send(request.header("if-none-match", tag)).await;
    (answer.status, answer.header("etag").to_owned())
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let (sso, token) = with_a_reader().await;
    for path in ["/v1/departments", "/v1/employees/user00007", "/v1/employees?limit=5"] {
        let (status, tag) = get_unless(&sso, path, &token, "\"none\"").await;
        assert_eq!(status, 200);
        assert_eq!(get_unless(&sso, path, &token, &tag).await, (304, tag.clone()));
        assert_eq!(get_unless(&sso, path, &token, &format!("\"a\", W/{tag}")).await.0, 304);
    }
    let (_, tag) = get_unless(&sso, "/v1/employees/user00007", &token, "").await;
    sso.company("employees/user00007", json!({"title": "新职位"})).await;
    sso.command(&["sync"]).await;
    let (status, new) = get_unless(&sso, "/v1/employees/user00007", &token, &tag).await;
    assert_eq!(status, 200);
    assert_ne!(new, tag);
}
