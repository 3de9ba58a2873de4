//! What the doctor tells an administrator: what is wrong, and what to do.

mod ward;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use tempfile::TempDir;

use crate::harness::Harness;
use ward::{MEMBER, MEMBERS, Report, SCOPES, TOKEN, Ward, run};

#[tokio::test]
async fn what_is_in_order_is_said_so_line_by_line() {
    let ward = Ward::with(&[]);
    let (code, text) = ward.run(&["migrate", "up"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = ward.run(&["doctor"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("ok ")).count(),
        18,
        "{text}"
    );
    assert_eq!(text.lines().count(), 18, "one line each: {text}");
    assert!(text.contains("visible range [default]   the whole company"), "{text}");
    ward.end().await;
}

#[tokio::test]
async fn the_doctor_makes_nothing() {
    let ward = Ward::with(&[]);
    let report = ward.examined().await;
    assert_eq!(report.code, Some(0));
    assert_eq!(report.those("warning"), ["database"]);
    assert_eq!(
        report.those("skipped"),
        ["database clock", "master key", "schema", "writing"]
    );
    assert_eq!(std::fs::read_dir(ward.folder.path()).expect("the folder").count(), 0);
    ward.end().await;
}

#[tokio::test]
async fn a_wrong_secret_is_told_of_the_app_that_has_it() {
    let refusal = r#"{"code":"invalidClientIdOrSecret","message":"无效的clientId或者clientSecret secret-of-the-app"}"#;
    let ward = Ward::with(&[(TOKEN, 400, refusal)]);
    let report = ward.examined().await;
    assert_eq!(report.code, Some(1));
    assert_eq!(report.those("failed"), ["app secret default"]);
    assert!(report.said["app secret default"].contains("凭证与基础信息"));
    assert!(report.said["members default"].contains("needs the app access token"));
    assert!(
        report.said["clock"].starts_with("ok"),
        "the others are asked all the same"
    );
    ward.end().await;
}

#[tokio::test]
async fn each_micro_app_is_asked_for() {
    let mut ward = Ward::with(&[]);
    for (name, value) in [
        ("APP_KEY", "dingother"),
        ("APP_SECRET", "other-of-the-app"),
        ("AGENT_ID", "77002"),
    ] {
        ward.set(&format!("APPS__REPORTS__{name}"), value);
    }
    let report = ward.examined().await;
    assert!(report.said["app secret default"].starts_with("ok"));
    assert!(report.said["members reports"].starts_with("ok"));
    ward.end().await;
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_told_as_dingtalk_saw_it() {
    const BY_OLD: &str = r#"{"errcode":60020,"errmsg":"访问ip不在白名单之中,request ip=203.0.113.9 appKey(dingkey)"}"#;
    const BY_NEW: &str =
        r#"{"code":"Forbidden.AccessDenied.IpNotInWhiteList","message":"ip 203.0.113.9 is not in whitelist"}"#;
    for (path, status, body) in [(SCOPES, 200, BY_OLD), (TOKEN, 403, BY_NEW)] {
        let ward = Ward::with(&[(path, status, body)]);
        let report = ward.examined().await;
        assert_eq!(report.code, Some(1));
        assert_eq!(report.those("failed"), ["server address default"]);
        let said = &report.said["server address default"];
        assert!(said.contains("203.0.113.9") && said.contains("服务器出口IP"), "{said}");
        ward.end().await;
    }
}

#[tokio::test]
async fn a_missing_permission_is_named_with_where_to_apply() {
    const REFUSAL: &str = r#"{"errcode":88,"sub_code":"60011","sub_msg":"应用尚未开通所需的权限：[qyapi_get_member]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content=dingkey%23qyapi_get_member"}"#;
    let ward = Ward::with(&[(MEMBER, 200, REFUSAL)]);
    let report = ward.examined().await;
    assert_eq!(report.code, Some(1));
    assert_eq!(report.those("failed"), ["members default"]);
    assert_eq!(
        report.said["members default"],
        "failed the app lacks a permission, qyapi_get_member (60011) apply for it in the developer console: 权限管理, \
         or https://open-dev.dingtalk.com/appscope/apply?content=dingkey%23qyapi_get_member"
    );
    ward.end().await;
}

#[tokio::test]
async fn without_a_member_to_read_the_permission_shows_all_the_same() {
    let ward = Ward::with(&[
        (MEMBERS, 200, r#"{"errcode":0,"result":{"has_more":false,"list":[]}}"#),
        (MEMBER, 200, r#"{"errcode":60121,"errmsg":"找不到该用户"}"#),
    ]);
    let report = ward.examined().await;
    assert!(report.said["members default"].starts_with("ok"), "{:?}", report.said);
    ward.end().await;
}

#[rstest::rstest]
#[case(r#"{"authed_dept":[],"authed_user":[]}"#, "failed nobody")]
#[case(
    r#"{"authed_dept":[20,10],"authed_user":["a"]}"#,
    "ok 2 department(s) with all below them (20, 10), 1 more"
)]
#[case(r#"{"authed_dept":[],"authed_user":["a","b"]}"#, "ok no department, 2 more")]
#[tokio::test]
async fn the_visible_range_is_told(#[case] range: &str, #[case] expected: &str) {
    let body: &'static str = format!(r#"{{"errcode":0,"auth_org_scopes":{range}}}"#).leak();
    let ward = Ward::with(&[(SCOPES, 200, body)]);
    let report = ward.examined().await;
    let said = &report.said["visible range default"];
    assert!(said.starts_with(expected), "{said}");
    ward.end().await;
}

#[tokio::test]
async fn a_clock_out_of_step_is_a_warning() {
    for (ahead, expected) in [
        (TimeDelta::seconds(300), "behind"),
        (TimeDelta::seconds(-300), "ahead of"),
    ] {
        let ward = Ward::skewed(&[], ahead);
        let report = ward.examined().await;
        assert_eq!(report.code, Some(0));
        let said = &report.said["clock"];
        assert!(said.starts_with("warning") && said.contains(expected), "{said}");
        ward.end().await;
    }
}

#[tokio::test]
async fn what_is_away_is_told_and_does_not_stop_the_rest() {
    let mut ward = Ward::with(&[]);
    ward.set(
        "DATABASE__URL",
        "postgres://nobody:password-of-the-app@127.0.0.1:1/none",
    );
    ward.set("SECRETS__MASTER_KEY", "a master key for tests, long enough");
    ward.set("CACHE__URL", "redis://:password-of-the-app@127.0.0.1:1");
    let report = ward.examined().await;
    assert_eq!(report.code, Some(1));
    assert_eq!(report.those("failed"), ["cache", "database"]);
    assert!(report.said["members default"].starts_with("ok"));
    ward.end().await;
}

#[tokio::test]
async fn a_platform_that_is_silent_does_not_hold_the_doctor_up() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("its address"));
    let mut ward = Ward::with(&[]);
    ward.set("DINGTALK__OAPI_URL", &url);
    ward.set("DINGTALK__API_URL", &url);
    ward.set("DINGTALK__TIMEOUT_MS", "500");
    let began = std::time::Instant::now();
    let report = ward.examined().await;
    assert!(began.elapsed().as_secs() < 10);
    assert_eq!(report.those("failed"), ["app secret default", "clock"]);
    ward.end().await;
}

#[tokio::test]
async fn settings_that_lack_something_are_told_and_the_rest_is_asked() {
    let mut ward = Ward::with(&[]);
    ward.set("DINGTALK__APP_SECRET", "");
    let report = ward.examined().await;
    assert_eq!(report.code, Some(2), "as for check-config");
    assert!(
        report.said["settings"].contains("dingtalk.app_secret"),
        "{:?}",
        report.said
    );
    assert!(report.said["clock"].starts_with("ok") && report.said["cache"].starts_with("ok"));
    ward.set("HTTP__PUBLIC_URL", "nonsense");
    let report = ward.examined().await;
    assert_eq!(report.code, Some(2));
    assert_eq!(report.those("skipped"), ["DingTalk", "cache", "database"]);
    ward.end().await;
}

#[tokio::test]
async fn addresses_without_https_are_a_warning() {
    let mut ward = Ward::with(&[]);
    ward.set("HTTP__PUBLIC_URL", "http://sso.example");
    ward.set("JSAPI__ALLOWED_ORIGINS", "http://page.example,https://other.example");
    let report = ward.examined().await;
    assert_eq!(report.those("warning"), ["database", "page origins", "public address"]);
    assert!(report.said["page origins"].contains("http://page.example not https"));
    ward.end().await;
}

#[tokio::test]
async fn the_owner_key_of_events_has_to_be_one_of_ours() {
    let mut ward = Ward::with(&[]);
    ward.set("EVENTS__MODE", "http");
    ward.set("EVENTS__TOKEN", "callback-token");
    ward.set("EVENTS__AES_KEY", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG");
    assert!(ward.examined().await.said["events"].starts_with("ok"));
    ward.set("EVENTS__OWNER_KEY", "suiteother");
    assert!(ward.examined().await.said["events"].starts_with("warning"));
    ward.end().await;
}

#[tokio::test]
async fn a_registered_callback_has_to_have_the_keys_of_the_settings() {
    const REGISTERED: &str = "/call_back/get_call_back";
    let registered = r#"{"errcode":0,"errmsg":"ok","call_back_tag":["user_leave_org"],"token":"callback-token",
        "aes_key":"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG","url":"https://sso.example/dingtalk/events"}"#;
    let nothing = r#"{"errcode":71007,"errmsg":"不存在该回调"}"#;
    for (answer, token, expected) in [
        (registered, "callback-token", "ok"),
        (registered, "another-token", "failed"),
        (nothing, "callback-token", "warning"),
    ] {
        let mut ward = Ward::with(&[(REGISTERED, 200, answer)]);
        ward.set("EVENTS__MODE", "http");
        ward.set("EVENTS__TOKEN", token);
        ward.set("EVENTS__AES_KEY", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG");
        let said = &ward.examined().await.said["callback"];
        assert!(said.starts_with(expected), "{said}");
        assert!(!said.contains("callback-token"), "{said}");
        ward.end().await;
    }
}

#[tokio::test]
async fn the_stores_of_a_running_service_are_in_order_and_its_master_key_is_known() {
    let sso = Harness::start().await;
    let mut env: BTreeMap<String, String> = sso.env().iter().cloned().collect();
    let folder = TempDir::new().expect("a folder");
    let stores = ["database", "schema", "writing", "database clock", "master key"];
    let (code, text) = run(env.iter(), &folder, &["doctor", "--json"]).await;
    let report = Report::read(code, &text);
    for check in stores {
        assert!(report.said[check].starts_with("ok"), "{check}: {}", report.said[check]);
    }
    assert!(
        report.said["master key"].contains("1 of them"),
        "{}",
        report.said["master key"]
    );
    assert!(!report.said["cache"].starts_with("failed"), "{}", report.said["cache"]);
    env.insert(
        "SSO_SECRETS__MASTER_KEY".to_owned(),
        "another master key, which opens nothing".to_owned(),
    );
    let (code, text) = run(env.iter(), &folder, &["doctor", "--json"]).await;
    let report = Report::read(code, &text);
    assert!(
        report.said["master key"].starts_with("failed"),
        "{}",
        report.said["master key"]
    );
}
