//! What a login answers when the platform misbehaves.

use serde_json::json;

use crate::harness::Harness;

const USER_BY_CODE: &str = "/topapi/v2/user/getuserinfo";
const PROFILE: &str = "/topapi/v2/user/get";
const TOKEN: &str = "/v1.0/oauth2/accessToken";

/// Signs in with a fault in force; answers status and number.
async fn with_fault(path: &str, kind: &str) -> (u16, i64, u64) {
    let sso = Harness::start().await;
    assert_eq!(sso.log_in("user00001").await.status, 200);
    if path == TOKEN {
        sso.advance_s(7200);
    }
    let before = sso.calls(USER_BY_CODE).await;
    sso.company("faults", json!({"path": path, "kind": kind, "delay_ms": 3000}))
        .await;
    let answer = sso.log_in("manager01").await;
    (answer.status, answer.code(), sso.calls(USER_BY_CODE).await - before)
}

#[tokio::test]
async fn a_forbidden_address_is_a_failed_app_token() {
    let (status, code, _) = with_fault(TOKEN, "ip_not_allowed").await;
    assert_eq!((status, code), (502, 1102));
}

#[rstest::rstest]
#[case("html")]
#[case("http500")]
#[case("reset_after")]
#[case("delay")]
#[tokio::test]
async fn a_code_that_may_be_spent_is_never_sent_twice(#[case] kind: &str) {
    assert_eq!(with_fault(USER_BY_CODE, kind).await, (503, 1112, 1));
}

#[rstest::rstest]
#[case("html")]
#[case("http500")]
#[case("reset_after")]
#[case("delay")]
#[case("system_busy")]
#[case("app_qps")]
#[tokio::test]
async fn a_profile_that_does_not_come_is_answered_503(#[case] kind: &str) {
    let (status, code, _) = with_fault(PROFILE, kind).await;
    assert_eq!((status, code), (503, 1112));
}

#[tokio::test]
async fn a_rejected_app_token_is_fetched_anew_once() {
    let sso = Harness::start().await;
    assert_eq!(sso.log_in("user00001").await.status, 200);
    sso.company("tokens/invalidate", json!({})).await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    assert_eq!(sso.calls(TOKEN).await, 2);
}

#[tokio::test]
async fn somebody_who_left_is_not_of_the_organisation() {
    let sso = Harness::start().await;
    let code = sso.auth_code("user00009").await;
    sso.company("employees/user00009/leave", json!({})).await;
    let answer = sso.redeem(&code).await;
    assert_eq!((answer.status, answer.code()), (403, 1113));
}
