//! What an administrator changes in the simulated company.

use reqwest::Method;
use serde_json::json;

use super::platform::{Platform, said};

#[tokio::test]
async fn whoever_leaves_and_comes_back_is_the_same_person() {
    let platform = Platform::start().await;
    let get = || platform.topapi("/topapi/v2/user/get", json!({"userid": "user00009"}));
    let before = get().await["result"].clone();
    assert_eq!(
        platform.post("/_/employees/user00009/leave", &json!({})).await.status,
        204
    );
    assert_eq!(get().await["errcode"], 60121);
    assert_eq!(
        platform.post("/_/employees/user00009/leave", &json!({})).await.status,
        404
    );
    assert_eq!(
        platform.post("/_/employees/user00009/rejoin", &json!({})).await.status,
        204
    );
    assert_eq!(get().await["result"], before);
}

#[tokio::test]
async fn every_change_of_the_company_is_told_once() {
    let platform = Platform::start().await;
    let changed = platform
        .post("/_/employees/user00002", &json!({"title": "架构师", "mobile": null}))
        .await;
    assert_eq!(changed.status, 204);
    let user = platform
        .topapi("/topapi/v2/user/get", json!({"userid": "user00002"}))
        .await["result"]
        .clone();
    assert_eq!((&user["title"], user.get("mobile")), (&json!("架构师"), None));
    assert_eq!(
        platform
            .post("/_/employees/user00002", &json!({"tittle": "x"}))
            .await
            .status,
        400
    );
    assert_eq!(
        platform
            .post("/_/employees/user00002", &json!({"userid": "x"}))
            .await
            .status,
        400
    );
    platform
        .post("/_/departments", &json!({"dept_id": 7, "name": "七", "parent_id": 1}))
        .await;
    platform.post("/_/departments/7", &json!({"name": "柒"})).await;
    assert_eq!(
        platform
            .topapi("/topapi/v2/department/get", json!({"dept_id": 7}))
            .await["result"]["name"],
        "柒"
    );
    let gone = said(platform.request(Method::DELETE, "/_/departments/7")).await;
    assert_eq!(gone.status, 204);
    assert_eq!(
        platform
            .topapi("/topapi/v2/department/get", json!({"dept_id": 7}))
            .await["errcode"],
        60003
    );
    platform.post("/_/employees/user00003/leave", &json!({})).await;
    platform.post("/_/employees/user00003/rejoin", &json!({})).await;
    let told = platform.get("/_/changes").await.body;
    let told: Vec<&str> = told
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["event_type"].as_str())
        .collect();
    assert_eq!(
        told,
        [
            "user_modify_org",
            "org_dept_create",
            "org_dept_modify",
            "org_dept_remove",
            "user_leave_org",
            "user_add_org"
        ]
    );
    assert_eq!(
        platform.get("/_/changes?after=5").await.body.as_array().map(Vec::len),
        Some(1)
    );
}
