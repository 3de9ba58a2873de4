//! What the service writes to its log, and what it never does.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::harness::{Harness, PAGE};
use crate::store::Refuses;

/// The line of the log that names the cause of a failure.
fn cause_of(log: &str, failed: &Answer) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["request_id"] == failed.body["request_id"] && event["cause"].is_string())
        .collect()
}

/// Waits until the process has written something.
async fn log_with(sso: &Harness, text: &str) -> String {
    for _ in 0..200 {
        let log = sso.log();
        if log.contains(text) {
            return log;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{text} is not in the log: {}", sso.log());
}

#[rstest::rstest]
#[case("info")]
#[case("trace")]
#[tokio::test]
async fn the_log_has_the_cause_once_and_no_secret_or_person_ever(#[case] filter: &str) {
    let sso = Harness::process(&[("LOG__FILTER", filter), ("LIMITS__REJECTED_CODES_PER_MINUTE", "1000")]).await;
    let store = sso.store().await;
    let mut unsaid = vec![
        "demo-app-secret".to_owned(),
        "a master key for tests".to_owned(),
        "张三".to_owned(),
        "13900000000".to_owned(),
    ];
    let code = sso.auth_code("manager01").await;
    let entry = sso.redeem(&code).await;
    let pair = sso.refresh(&entry.text("refreshToken")).await;
    assert_eq!((entry.status, pair.status), (200, 200));
    let replayed = sso.redeem(&code).await;
    assert_eq!(replayed.code(), 1103);
    for answer in [&entry, &pair] {
        unsaid.extend([answer.text("token"), answer.text("refreshToken")]);
    }
    unsaid.push(code);

    sso.fault("/topapi/v2/user/get", "ip_not_allowed").await;
    let code = sso.auth_code("manager01").await;
    let no_profile = sso.redeem(&code).await;
    unsaid.push(code);
    sso.clear_faults().await;
    sso.fault("/topapi/v2/user/getuserinfo", "reset_after").await;
    let code = sso.auth_code("manager01").await;
    let broken = sso.redeem(&code).await;
    unsaid.push(code);
    sso.clear_faults().await;
    store.break_table("employees", Refuses::Insert).await;
    let not_stored = sso.log_in("user00001").await;
    unsaid.push("user00001".to_owned());
    let unreadable = sso
        .post_text(
            "/v1/login",
            format!("{{\"authCode\": \"sesame\", \"url\": \"{PAGE}\", ]"),
        )
        .await;
    let wrong_type = sso
        .post("/v1/login", json!({"authCode": "sesame", "url": ["sesame"]}))
        .await;
    let foreign = sso
        .post(
            "/v1/login",
            json!({"authCode": "sesame", "url": "https://evil.example/?t=sesame"}),
        )
        .await;
    let asked = sso.get("/v1/me?token=sesame", "sesame").await;
    assert_eq!(
        [&unreadable, &wrong_type, &foreign, &asked].map(Answer::code),
        [1101, 1101, 1109, 1114]
    );
    unsaid.push("sesame".to_owned());

    let log = log_with(&sso, &asked.text("request_id")).await;
    for (failed, number, cause) in [
        (&replayed, 1103, "40078"),
        (&foreign, 1109, "origin"),
        (&no_profile, 1102, "60020"),
        (&broken, 1112, "DingTalk does not answer"),
        (&not_stored, 1106, "refused"),
    ] {
        assert_eq!(failed.code(), number, "{failed:?}");
        let causes = cause_of(&log, failed);
        assert_eq!(causes.len(), 1, "{causes:?}");
        assert!(causes[0]["cause"].to_string().contains(cause), "{causes:?}");
    }
    for unsaid in unsaid {
        let line = log.lines().find(|line| line.contains(&unsaid));
        assert!(line.is_none(), "{unsaid}: {line:?}");
    }
}
