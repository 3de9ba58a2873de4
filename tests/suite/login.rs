//! Signing in by an auth code.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Harness, PAGE};

#[tokio::test]
async fn an_auth_code_becomes_an_employee_a_token_and_a_config_that_verifies() {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    assert_eq!(entry.status, 200, "{entry:?}");
    assert_eq!(entry.text("name"), "张三");
    assert_eq!(entry.text("departName"), "单点登录小队");
    assert_eq!(entry.body["departRootId"], 10);
    assert_eq!(entry.text("company"), "永昌集团");
    assert_eq!(
        entry.body["departments"][0]["path"],
        json!([{"id": 10, "name": "重庆分公司"}, {"id": 100, "name": "技术中心"}])
    );
    let verdict = sso.company("jsapi/verify", entry.body["config"].clone()).await;
    assert_eq!(verdict, json!({"ok": true, "digest": "sha1"}));
    let me = sso.me(&entry.text("token")).await;
    assert_eq!((me.status, me.text("userId")), (200, "manager01".to_owned()));
    assert!(me.body.get("token").is_none() && me.body.get("config").is_none());
}

#[tokio::test]
async fn an_auth_code_is_good_once() {
    let sso = Harness::start().await;
    let code = sso.auth_code("manager01").await;
    assert_eq!(sso.redeem(&code).await.status, 200);
    let second = sso.redeem(&code).await;
    assert_eq!((second.status, second.code()), (401, 1103));
}

#[tokio::test]
async fn a_bad_request_spends_no_code() {
    let sso = Harness::start().await;
    let code = sso.auth_code("manager01").await;
    for url in [
        "https://page.example@evil.example/",
        "https://page.example.evil.example/",
        "http://page.example/",
        "https://page.example:444/",
    ] {
        let refused = sso.post("/v1/login", json!({"authCode": code, "url": url})).await;
        assert!([1101, 1109].contains(&refused.code()), "{url}: {refused:?}");
    }
    for body in [
        json!({"authCode": code}).to_string(),
        json!({"authCode": 7, "url": PAGE}).to_string(),
        json!({"authCode": "", "url": PAGE}).to_string(),
        json!({"authCode": code, "url": PAGE, "app": "none"}).to_string(),
        "[".repeat(60_000),
        " ".repeat(70_000),
        String::new(),
    ] {
        let refused = sso.post_text("/v1/login", body).await;
        assert_eq!((refused.status, refused.code()), (400, 1101), "{refused:?}");
        assert!(!refused.text("request_id").is_empty());
    }
    assert_eq!(sso.calls("/topapi/v2/user/getuserinfo").await, 0);
    assert_eq!(sso.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn odd_places_in_the_company_are_answered() {
    let sso = Harness::start().await;
    sso.company("departments", json!({"dept_id": 901, "name": "甲", "parent_id": 902}))
        .await;
    sso.company("departments", json!({"dept_id": 902, "name": "乙", "parent_id": 901}))
        .await;
    for (userid, departments) in [
        ("root", json!([1])),
        ("two", json!([100, 20])),
        ("circle", json!([901])),
        ("lost", json!([777])),
        ("none", json!([])),
    ] {
        sso.company("employees", json!({"userid": userid, "name": "<b>\u{0}名", "dept_id_list": departments, "main": if userid == "two" { json!(20) } else { json!(null) }})).await;
    }
    let root = sso.log_in("root").await;
    assert_eq!(
        (root.body["departRootId"].as_i64(), root.body["departId"].as_i64()),
        (Some(1), Some(1))
    );
    assert_eq!(root.text("name"), "<b>名");
    let two = sso.log_in("two").await;
    assert_eq!(two.body["departId"], 20);
    assert_eq!(two.body["departments"].as_array().map(Vec::len), Some(2));
    let circle = sso.log_in("circle").await;
    assert_eq!((circle.status, circle.body["departRootId"].is_null()), (200, true));
    assert_eq!(circle.text("departName"), "甲");
    assert_eq!(sso.log_in("lost").await.status, 200);
    assert_eq!(sso.log_in("none").await.status, 200);
}

#[tokio::test]
async fn a_thousand_first_logins_at_once_are_kept_apart() {
    let sso = Harness::with(&[("DINGTALK__TIMEOUT_MS", "30000")]).await;
    let userids: Vec<String> = (0..1000).map(|number| format!("user{:05}", number % 299 + 1)).collect();
    let mut codes = Vec::new();
    for userid in &userids {
        codes.push(sso.auth_code(userid).await);
    }
    let entries = join_all(codes.iter().map(|code| sso.redeem(code))).await;
    let mut ids = HashSet::new();
    for (userid, entry) in userids.iter().zip(&entries) {
        assert_eq!(entry.status, 200, "{entry:?}");
        assert_eq!(&entry.text("userId"), userid);
        ids.insert((entry.body["id"].as_i64(), userid));
    }
    assert_eq!(ids.len(), 299);
    assert_eq!(sso.calls("/v1.0/oauth2/accessToken").await, 1);
    assert_eq!(sso.calls("/v1.0/oauth2/jsapiTickets").await, 1);
    // Each department once, however many of its people come at the same time.
    assert!(sso.calls("/topapi/v2/department/get").await <= 41);
}

#[tokio::test]
async fn a_doubled_call_gets_the_same_answer() {
    let sso = Harness::start().await;
    sso.log_in("user00001").await;
    sso.company(
        "faults",
        json!({"path": "/topapi/v2/user/get", "kind": "delay", "delay_ms": 300}),
    )
    .await;
    let code = sso.auth_code("manager01").await;
    let (one, other) = tokio::join!(sso.redeem(&code), sso.redeem(&code));
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(one.text("token"), other.text("token"));
}

#[tokio::test]
async fn rejected_codes_are_limited_and_good_ones_are_not() {
    let sso = Harness::with(&[("LIMITS__REJECTED_CODES_PER_MINUTE", "3"), ("CACHE__URL", "memory:")]).await;
    for number in 0..3 {
        assert_eq!(sso.redeem(&format!("unknown{number}")).await.code(), 1103);
    }
    let fourth = sso.redeem("unknown4").await;
    assert_eq!((fourth.status, fourth.code()), (429, 1110));
    assert_eq!(sso.log_in("manager01").await.status, 200);
}
