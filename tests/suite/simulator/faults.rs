//! Faults on purpose, and the counting of calls.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::platform::{Platform, said};
use crate::harness::Harness;
use crate::stored::stored;

#[rstest::rstest]
#[case("system_busy", json!(-1), json!(null))]
#[case("api_qps", json!(88), json!("90002"))]
#[case("app_qps", json!(88), json!("90018"))]
#[case("month_quota", json!(88), json!("90020"))]
#[case("ip_not_allowed", json!(88), json!("60020"))]
#[case("permission_missing", json!(88), json!("60011"))]
#[case("bad_token", json!(88), json!("40014"))]
#[tokio::test]
async fn a_fault_of_the_old_family_comes_in_its_shape_as_often_as_asked(
    #[case] kind: &str,
    #[case] errcode: Value,
    #[case] sub_code: Value,
) {
    let platform = Platform::start().await;
    let path = "/topapi/v2/user/get";
    platform
        .post("/_/faults", &json!({"path": path, "kind": kind, "times": 1}))
        .await;
    let met = platform.topapi(path, json!({"userid": "manager01"})).await;
    assert_eq!((&met["errcode"], &met["sub_code"]), (&errcode, &sub_code), "{met}");
    assert_eq!(
        platform.topapi(path, json!({"userid": "manager01"})).await["errcode"],
        0
    );
    assert_eq!(platform.get("/_/calls").await.body[path], 2);
}

#[rstest::rstest]
#[case("system_busy", 503, "serviceBusy")]
#[case("api_qps", 403, "Forbidden.AccessDenied.QpsLimitForApi")]
#[case("app_qps", 403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi")]
#[case("month_quota", 403, "Forbidden.AccessDenied.ApiCountLimitForOrg")]
#[case("ip_not_allowed", 403, "Forbidden.AccessDenied.IpNotInWhiteList")]
#[case("permission_missing", 403, "Forbidden.AccessDenied.AccessTokenPermissionDenied")]
#[case("bad_token", 400, "InvalidAuthentication")]
#[case("too_many_requests", 429, "systemBusy")]
#[tokio::test]
async fn a_fault_of_the_new_family_comes_with_its_status(#[case] kind: &str, #[case] status: u16, #[case] code: &str) {
    let platform = Platform::start().await;
    platform.post("/_/faults", &json!({"path": "*", "kind": kind})).await;
    let met = platform.post("/v1.0/oauth2/accessToken", &json!({})).await;
    assert_eq!((met.status, &met.body["code"]), (status, &json!(code)));
}

#[tokio::test]
async fn faults_that_are_no_answer_leave_the_code_unspent_or_spent_as_they_say() {
    let platform = Platform::start().await;
    let path = "/topapi/v2/user/getuserinfo";
    let token = platform.token().await;
    for (kind, is_spent) in [
        ("html", false),
        ("punished", false),
        ("http500", false),
        ("reset_before", false),
        ("huge", false),
        ("reset_after", true),
        ("truncated", true),
    ] {
        let code = platform.auth_code("manager01").await;
        platform
            .post("/_/faults", &json!({"path": path, "kind": kind, "times": 1}))
            .await;
        let call = || {
            platform
                .request(Method::POST, &format!("{path}?access_token={token}"))
                .json(&json!({"code": code}))
        };
        let met = match call().send().await {
            Ok(response) => response.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        assert!(
            !serde_json::from_str::<Value>(&met).is_ok_and(|body| body.get("errcode").is_some()),
            "{kind}"
        );
        match kind {
            "punished" => assert_eq!(
                met,
                r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"xxx"}"#
            ),
            "html" => assert!(met.starts_with("<!DOCTYPE html>"), "{met}"),
            "huge" => assert!(met.len() > 60_000_000, "{}", met.len()),
            "truncated" => assert!(met.starts_with(r#"{"errcode":0"#), "{met}"),
            "reset_before" | "reset_after" => assert_eq!(met, ""),
            _ => {}
        }
        let second = said(call()).await;
        let expected = if is_spent { 40078 } else { 0 };
        assert_eq!(second.body["errcode"], expected, "{kind}");
    }
}

#[tokio::test]
async fn a_delayed_call_is_not_done_for_one_who_went_away() {
    let platform = Platform::start().await;
    let path = "/topapi/v2/user/getuserinfo";
    let (token, code) = (platform.token().await, platform.auth_code("manager01").await);
    platform
        .post(
            "/_/faults",
            &json!({"path": path, "kind": "delay", "delay_ms": 60_000, "times": 1}),
        )
        .await;
    let call = || {
        platform
            .request(Method::POST, &format!("{path}?access_token={token}"))
            .json(&json!({"code": code}))
    };
    assert!(call().timeout(Duration::from_millis(200)).send().await.is_err());
    assert_eq!(said(call()).await.body["errcode"], 0);
}

#[tokio::test]
async fn too_many_calls_in_a_second_are_throttled_and_counted() {
    let platform = Platform::start().await;
    platform.post("/_/rates", &json!({"per_second": 3})).await;
    let token = platform.token().await;
    let mut throttled = 0;
    for _ in 0..20 {
        let said = platform.get(&format!("/auth/scopes?access_token={token}")).await;
        throttled += u64::from(said.body["errcode"] == json!(90018));
    }
    assert!(throttled > 0);
    let most = platform.get("/_/rates").await.body["/auth/scopes"]["most_per_second"].clone();
    assert!(most.as_u64().is_some_and(|most| most > 3), "{most}");
}

#[tokio::test]
async fn a_registration_of_callbacks_meets_faults_as_every_other_call() {
    let platform = Platform::start().await;
    for path in ["/call_back/register_call_back", "/call_back/update_call_back"] {
        platform
            .post("/_/faults", &json!({"path": path, "kind": "system_busy", "times": 1}))
            .await;
        assert_eq!(platform.topapi(path, json!({})).await["errcode"], -1, "{path}");
        // Then it is read again: nothing is to be called back about, and nothing was registered before.
        let expected = if path.contains("register") { 400_050 } else { 71007 };
        assert_eq!(platform.topapi(path, json!({})).await["errcode"], expected, "{path}");
        assert_eq!(platform.get("/_/calls").await.body[path], 2, "each call counts once");
    }
}

#[tokio::test]
async fn a_page_may_say_that_more_follows_but_not_where() {
    let platform = Platform::start().await;
    let path = "/topapi/v2/user/list";
    platform
        .post(
            "/_/faults",
            &json!({"path": path, "kind": "no_next_cursor", "times": 1}),
        )
        .await;
    let asked = json!({"dept_id": 1, "cursor": 0, "size": 100});
    let mut pages = Vec::new();
    for _ in 0..2 {
        pages.push(platform.topapi(path, asked.clone()).await["result"].clone());
    }
    assert_eq!(pages[0]["list"], pages[1]["list"]);
    assert_eq!(
        [&pages[0]["has_more"], &pages[1]["has_more"]],
        [&json!(true), &json!(false)]
    );
    assert!(pages[0].get("next_cursor").is_none(), "{}", pages[0]);
    // What is no page stays as it is.
    let path = "/topapi/v2/user/get";
    platform
        .post("/_/faults", &json!({"path": path, "kind": "no_next_cursor"}))
        .await;
    let person = platform.topapi(path, json!({"userid": "manager01"})).await;
    assert_eq!(person["result"]["userid"], "manager01");
    assert!(person["result"].get("has_more").is_none(), "{person}");
}

#[tokio::test]
async fn a_sync_that_is_not_told_where_a_list_goes_on_fails_and_disables_nobody() {
    let sso = Harness::start().await;
    let elsewhere = sso.elsewhere().await;
    sso.command(&["sync"]).await;
    let before = stored(&elsewhere).await;
    // To believe the page would be to let somebody go, and with them everybody behind it.
    sso.company("employees/user00007/leave", json!({})).await;
    sso.fault("/topapi/v2/user/list", "no_next_cursor").await;
    let refused = sso.refused(&["sync"]).await;
    assert!(refused.contains("failed"), "{refused}");
    assert_eq!(refused.matches("DingTalk does not answer").count(), 1, "{refused}");
    assert!(!refused.contains("code"), "a sync has none: {refused}");
    assert_eq!(stored(&elsewhere).await, before);
    sso.clear_faults().await;
    sso.command(&["sync"]).await;
    let left = elsewhere.directory.employee("user00007").await.expect("the directory");
    assert!(left.is_some_and(|employee| employee.left_at.is_some()));
}
