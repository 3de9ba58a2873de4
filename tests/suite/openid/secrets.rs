//! Secrets that follow one another, and applications that are removed.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::application::Application;
use super::browser::Browser;
use crate::harness::Harness;

/// Within this time a change of a client is known everywhere.
const KNOWN_WITHIN: Duration = Duration::from_secs(3);

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

async fn is_answered(sso: &Harness, app: &Application, status: u16) {
    let began = Instant::now();
    while app.token(sso, &GRANT).await.status != status {
        assert!(began.elapsed() < KNOWN_WITHIN, "not {status} in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_are_good() {
    let sso = Harness::start().await;
    let old = Application::acting_for_itself(&sso, "robot", "x").await;
    assert_eq!(old.token(&sso, &GRANT).await.status, 200);
    let rotate = ["client", "rotate-secret", "robot", "--json", "--keep-former-s", "600"];
    let told: Value = serde_json::from_str(&sso.command(&rotate).await).expect("JSON");
    let new = Application {
        secret: told["clientSecret"].as_str().map(str::to_owned),
        ..old.clone()
    };
    assert_ne!(new.secret, old.secret);
    is_answered(&sso, &new, 200).await;
    assert_eq!(old.token(&sso, &GRANT).await.status, 200, "both are good");
    sso.advance_s(601);
    assert_eq!(old.token(&sso, &GRANT).await.text("error"), "invalid_client");
    assert_eq!(new.token(&sso, &GRANT).await.status, 200);
}

#[tokio::test]
async fn an_application_that_is_removed_is_gone_with_all_its_tokens() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let api = Application::acting_for_itself(&sso, "api", "x").await;
    let grants = ["--grant", "client_credentials", "--grant", "authorization_code"];
    let both = Application::added(&sso, "both", &grants).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    let own = both.token(&sso, &GRANT).await.text("access_token");
    // Both instances have read the clients again, and answer by heart.
    tokio::time::sleep(Duration::from_millis(1700)).await;
    assert_eq!(both.token(&other, &GRANT).await.status, 200);
    for id in ["app", "both"] {
        sso.command(&["client", "remove", id]).await;
    }
    // An instance that has not heard of it yet gives nothing that would last.
    let late = both.token(&other, &GRANT).await;
    assert_eq!((late.status, late.text("error")), (401, "invalid_client".to_owned()));
    let began = Instant::now();
    for token in [tokens.text("access_token"), own] {
        for instance in [&sso, &other] {
            while api.is_active(instance, &token).await {
                assert!(began.elapsed() < Duration::from_secs(2), "still active");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let began = Instant::now();
    while app.refresh(&sso, &tokens.text("refresh_token")).await.text("error") != "invalid_client" {
        assert!(began.elapsed() < KNOWN_WITHIN, "still known");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let page = browser.get(&sso, &app.authorize(&[])).await;
    assert_eq!((page.status, page.location), (400, None));
}
