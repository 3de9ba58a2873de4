//! Back-channel logout: every application that wants to hear of it does, once it can.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::application::Application;
use super::browser::Browser;
use super::hearing::{HEARD_WITHIN, Hearing};
use super::jwt;
use crate::harness::Harness;

async fn application(sso: &Harness, hearing: &Hearing) -> Application {
    Application::added(sso, "app", &["--backchannel-logout-uri", &hearing.url]).await
}

async fn nothing_is_left(sso: &Harness) {
    let store = sso.store().await;
    let began = Instant::now();
    while store.count("logout_deliveries").await > 0 {
        assert!(began.elapsed() < HEARD_WITHIN, "a delivery is left");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_application_hears_of_a_logout_once_by_a_token_that_verifies() {
    let sso = Harness::start().await;
    let hearing = Hearing::start(200).await;
    let app = application(&sso, &hearing).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    browser.post_form(&sso, "/oauth2/logout", &[("confirmed", "1")]).await;
    hearing.has_heard(1).await;
    let (header, claims) = jwt::read(&sso, &hearing.token(), "app").await;
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (jsonwebtoken::Algorithm::RS256, Some("logout+jwt"))
    );
    let session = jwt::parts(&tokens.text("id_token")).1;
    assert_eq!((&claims["sub"], &claims["sid"]), (&session["sub"], &session["sid"]));
    assert_eq!(
        claims["events"],
        json!({"http://schemas.openid.net/event/backchannel-logout": {}})
    );
    assert!(claims.get("nonce").is_none() && claims["jti"].is_string());
    // It is no access token and no hint.
    assert_eq!(sso.me(&hearing.token()).await.code(), 1114);
    let path = format!("/oauth2/logout?id_token_hint={}", hearing.token());
    assert_eq!(browser.get(&sso, &path).await.code(), 1101);
    nothing_is_left(&sso).await;
    sso.advance_s(86_400);
    sleep(Duration::from_millis(1600)).await;
    assert_eq!(hearing.heard().len(), 1, "two looks later");
}

#[tokio::test]
async fn a_delivery_that_failed_is_tried_again_by_one_instance_at_a_time() {
    let sso = Harness::start().await;
    let _other = sso.second_instance().await;
    let hearing = Hearing::start(500).await;
    let app = application(&sso, &hearing).await;
    app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    sso.command(&["employee", "sign-out", "manager01"]).await;
    hearing.has_heard(1).await;
    sleep(Duration::from_millis(1200)).await;
    assert_eq!(hearing.heard().len(), 1, "not before its time");
    sso.advance_s(2);
    hearing.has_heard(2).await;
    hearing.answer(200);
    sso.advance_s(4);
    hearing.has_heard(3).await;
    nothing_is_left(&sso).await;
    let ids: std::collections::HashSet<String> = hearing.heard().into_iter().collect();
    assert_eq!(ids.len(), 3, "each attempt has a token of its own");
}

#[tokio::test]
async fn a_delivery_outlives_the_process() {
    let mut sso = Harness::process(&[]).await;
    let hearing = Hearing::start(503).await;
    let app = application(&sso, &hearing).await;
    app.tokens(&sso, &mut Browser::outside(), "manager01").await;
    sso.command(&["employee", "disable", "manager01"]).await;
    hearing.has_heard(1).await;
    sso.kill().await;
    hearing.answer(200);
    let heard = hearing.heard().len();
    sso.start_process().await;
    hearing.has_heard(heard + 1).await;
    nothing_is_left(&sso).await;
}

#[tokio::test]
async fn an_application_that_acts_for_itself_is_told_of_no_logout() {
    let sso = Harness::start().await;
    let hearing = Hearing::start(200).await;
    let grants = ["--grant", "client_credentials", "--grant", "authorization_code"];
    let uri = ["--backchannel-logout-uri", &hearing.url];
    let app = Application::added(&sso, "app", &[&grants[..], &uri].concat()).await;
    let token = app
        .token(&sso, &[("grant_type", "client_credentials")])
        .await
        .text("access_token");
    assert_eq!(app.revoke(&sso, &token).await.status, 200);
    assert_eq!(sso.store().await.count("logout_deliveries").await, 0);
    assert!(!app.is_active(&sso, &token).await);
}
