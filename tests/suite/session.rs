//! What follows a login: refresh, logout, and being disabled.

use std::time::{Duration, Instant};

use crate::harness::Harness;

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_replay_ends_its_family() {
    let sso = Harness::start().await;
    let first = sso.log_in("manager01").await.text("refreshToken");
    let second = sso.refresh(&first).await;
    assert_eq!(second.status, 200);
    let repeated = sso.refresh(&first).await;
    assert_eq!(repeated.text("refreshToken"), second.text("refreshToken"));
    sso.advance_s(11);
    let replayed = sso.refresh(&first).await;
    assert_eq!((replayed.status, replayed.code()), (401, 1114));
    assert_eq!(sso.refresh(&second.text("refreshToken")).await.code(), 1114);
    assert_eq!(sso.me(&second.text("token")).await.code(), 1114);
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_generation_comes() {
    let sso = Harness::start().await;
    let first = sso.log_in("manager01").await.text("refreshToken");
    let answers = futures_util::future::join_all((0..20).map(|_| sso.refresh(&first))).await;
    let next = answers
        .first()
        .map(|answer| answer.text("refreshToken"))
        .unwrap_or_default();
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 && answer.text("refreshToken") == next),
        "{answers:?}"
    );
}

#[tokio::test]
async fn an_altered_or_expired_token_is_refused() {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    let token = entry.text("token");
    let altered: String = token
        .chars()
        .rev()
        .enumerate()
        .map(|(at, c)| if at == 20 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    let altered: String = altered.chars().rev().collect();
    assert_eq!(sso.me(&altered).await.code(), 1114);
    assert_eq!(
        sso.refresh(&format!("{}x", entry.text("refreshToken"))).await.code(),
        1114
    );
    assert_eq!(sso.me(&token).await.status, 200);
    sso.advance_s(3600);
    assert_eq!(sso.me(&token).await.code(), 1114);
}

#[tokio::test]
async fn a_logout_ends_token_and_refresh_token() {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    assert_eq!(sso.log_out(&entry.text("token")).await.status, 204);
    assert_eq!(sso.me(&entry.text("token")).await.code(), 1114);
    assert_eq!(sso.refresh(&entry.text("refreshToken")).await.code(), 1114);
}

#[tokio::test]
async fn a_disabled_employee_is_out_within_two_seconds_and_cannot_come_back() {
    let sso = Harness::start().await;
    let entry = sso.log_in("manager01").await;
    let token = entry.text("token");
    assert_eq!(sso.me(&token).await.status, 200);
    sso.command(&["employee", "disable", "manager01"]).await;
    let begin = Instant::now();
    while sso.me(&token).await.status == 200 {
        assert!(begin.elapsed() < Duration::from_secs(2), "still valid");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sso.refresh(&entry.text("refreshToken")).await.code(), 1114);
    let again = sso.log_in("manager01").await;
    assert_eq!((again.status, again.code()), (403, 1105));
    sso.command(&["employee", "enable", "manager01"]).await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
}

#[tokio::test]
async fn a_granted_role_is_in_the_next_answer() {
    let sso = Harness::start().await;
    sso.log_in("manager01").await;
    sso.command(&["role", "set", "reporter", "report:read"]).await;
    sso.command(&["role", "grant", "manager01", "reporter"]).await;
    let entry = sso.log_in("manager01").await;
    assert_eq!(entry.body["roles"], serde_json::json!(["reporter"]));
    assert_eq!(entry.body["power"], serde_json::json!(["report:read"]));
}

#[tokio::test]
async fn a_shorter_life_of_tokens_holds_for_those_that_are_about_and_brings_none_back() {
    let mut sso = Harness::with(&[("TOKENS__ACCESS_TTL_S", "86400")]).await;
    let entry = sso.log_in("manager01").await;
    let ended = sso.log_in("user00001").await.text("token");
    assert_eq!(sso.log_out(&ended).await.status, 204);
    sso.advance_s(200);
    sso.set("TOKENS__ACCESS_TTL_S", "60");
    let later = sso.second_instance().await;
    assert_eq!(later.me(&ended).await.code(), 1114, "its end is not remembered there");
    assert_eq!(later.me(&entry.text("token")).await.code(), 1114);
    let renewed = later.refresh(&entry.text("refreshToken")).await;
    assert_eq!(later.me(&renewed.text("token")).await.status, 200);
}

#[tokio::test]
async fn no_token_is_given_that_would_not_be_taken() {
    let sso = Harness::start().await;
    sso.log_in("manager01").await;
    for role in ["one", "two", "three"] {
        let power: Vec<String> = (0..60).map(|number| format!("{role}-{number:-<58}")).collect();
        let power: Vec<&str> = power.iter().map(String::as_str).collect();
        sso.command(&[&["role", "set", role], &power[..]].concat()).await;
        sso.command(&["role", "grant", "manager01", role]).await;
    }
    let entry = sso.log_in("manager01").await;
    assert_eq!((entry.status, entry.code()), (500, 1108));
    for role in ["two", "three"] {
        sso.command(&["role", "revoke", "manager01", role]).await;
    }
    let token = sso.log_in("manager01").await.text("token");
    assert_eq!(sso.me(&token).await.status, 200);
}
