//! Refresh tokens of applications: rotation, repetition, replay, and what they are not good for.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::application::Application;
use super::browser::Browser;
use super::jwt;
use crate::harness::Harness;

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_repetition_gets_the_same_answer() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let first = app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    sso.advance_s(5);
    let second = app.refresh(&sso, &first.text("refresh_token")).await;
    assert_eq!(second.status, 200, "{second:?}");
    let of = |answer: &crate::answer::Answer| jwt::parts(&answer.text("access_token")).1;
    assert_eq!(of(&first)["sid"], of(&second)["sid"]);
    assert_ne!(of(&first)["jti"], of(&second)["jti"]);
    let id = jwt::parts(&second.text("id_token")).1;
    assert_eq!(id["auth_time"], jwt::parts(&first.text("id_token")).1["auth_time"]);
    assert!(id.get("nonce").is_none());
    let repeated = app.refresh(&sso, &first.text("refresh_token")).await;
    assert_eq!(repeated.text("refresh_token"), second.text("refresh_token"));
    assert_eq!(of(&repeated), of(&second));
    // The token before the last one is no repetition, however early it comes.
    let third = app.refresh(&sso, &second.text("refresh_token")).await;
    assert_eq!(third.status, 200);
    assert_eq!(
        app.refresh(&sso, &first.text("refresh_token")).await.text("error"),
        "invalid_grant"
    );
    assert_eq!(
        app.refresh(&sso, &third.text("refresh_token")).await.text("error"),
        "invalid_grant"
    );
    assert!(!app.is_active(&sso, &third.text("access_token")).await);
}

#[tokio::test]
async fn a_replay_ends_the_family_at_every_instance() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let first = app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    let second = app.refresh(&sso, &first.text("refresh_token")).await;
    let token = second.text("access_token");
    assert!(app.is_active(&other, &token).await);
    sso.advance_s(11);
    assert_eq!(
        app.refresh(&sso, &first.text("refresh_token")).await.text("error"),
        "invalid_grant"
    );
    assert!(!app.is_active(&sso, &token).await);
    let began = Instant::now();
    while app.is_active(&other, &token).await {
        assert!(began.elapsed() < Duration::from_secs(2), "still active elsewhere");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn another_applications_attempt_is_refused_and_ends_nothing() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let thief = Application::added(&sso, "thief", &["--public"]).await;
    let first = app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    let old = first.text("refresh_token");
    assert_eq!(thief.refresh(&sso, &old).await.text("error"), "invalid_grant");
    let second = app.refresh(&sso, &old).await;
    assert_eq!(second.status, 200);
    sso.advance_s(60);
    assert_eq!(thief.refresh(&sso, &old).await.text("error"), "invalid_grant");
    assert_eq!(app.refresh(&sso, &second.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_is_good_only_where_it_was_given() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let ours = sso.log_in("manager01").await.text("refreshToken");
    let theirs = app
        .tokens(&sso, &mut Browser::outside(), "manager01")
        .await
        .text("refresh_token");
    assert_eq!(app.refresh(&sso, &ours).await.text("error"), "invalid_grant");
    assert_eq!(sso.refresh(&theirs).await.code(), 1114);
    assert_eq!(app.introspect(&sso, &ours).await.body["active"], false);
    assert_eq!(app.introspect(&sso, &theirs).await.body["token_type"], "refresh_token");
    assert_eq!(sso.refresh(&ours).await.status, 200);
    assert_eq!(app.refresh(&sso, &theirs).await.status, 200);
}

#[tokio::test]
async fn a_refresh_narrows_the_scope_and_never_widens_it() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let first = app
        .tokens(&sso, &mut Browser::outside(), "manager01")
        .await
        .text("refresh_token");
    let wide = "openid directory:read";
    assert_eq!(app.refresh_for(&sso, &first, wide).await.text("error"), "invalid_scope");
    let narrow = app.refresh_for(&sso, &first, "openid").await;
    assert_eq!(
        (narrow.status, narrow.text("scope")),
        (200, "openid".to_owned()),
        "the wish cost nothing"
    );
    assert_eq!(jwt::parts(&narrow.text("access_token")).1["scope"], "openid");
    // The token that was used a moment ago is answered again, but for no more than was granted.
    let repeated = app.refresh_for(&sso, &first, wide).await;
    assert_eq!(repeated.text("error"), "invalid_scope", "{repeated:?}");
    let whole = app.refresh(&sso, &narrow.text("refresh_token")).await;
    assert_eq!(
        whole.text("scope"),
        "openid profile roles",
        "what was granted is not forgotten"
    );
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_generation_comes() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let first = app
        .tokens(&sso, &mut Browser::outside(), "manager01")
        .await
        .text("refresh_token");
    let answers =
        join_all((0..20).map(|number| app.refresh(if number % 2 == 0 { &sso } else { &other }, &first))).await;
    let next = answers[0].text("refresh_token");
    for answer in &answers {
        assert_eq!(
            (answer.status, answer.text("refresh_token")),
            (200, next.clone()),
            "{answer:?}"
        );
    }
    assert_eq!(app.refresh(&sso, &next).await.status, 200);
}
