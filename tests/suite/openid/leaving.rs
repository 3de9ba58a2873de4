//! Whoever is disabled is out of every application, browser and protected page, at every instance.

use std::time::{Duration, Instant};

use reqwest::Method;

use super::application::Application;
use super::browser::{Browser, SESSION, parameter};
use crate::harness::Harness;

/// Within this time whoever is out is out everywhere (product.md, the first page).
const OUT_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_disabled_employee_is_out_at_every_door_of_another_instance() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    let token = tokens.text("access_token");
    let unredeemed = app.code(&sso, &mut browser, "manager01").await;
    let cookie = format!("{SESSION}={}", browser.cookies[SESSION]);
    let verified = async || {
        let request = other.request(Method::GET, "/auth/verify").header("cookie", &cookie);
        other.send(request).await.status
    };
    let silent = app.authorize(&[("prompt", "none")]);
    // All of it is known at the other instance, and good.
    assert!(app.is_active(&other, &token).await);
    assert_eq!(verified().await, 200);
    assert!(parameter(browser.get(&other, &silent).await.sent_to(), "code").is_some());
    sso.command(&["employee", "disable", "manager01"]).await;
    let began = Instant::now();
    loop {
        let door = browser.get(&other, &silent).await;
        let out = !app.is_active(&other, &token).await
            && verified().await == 401
            && parameter(door.sent_to(), "error").as_deref() == Some("login_required");
        if out {
            break;
        }
        assert!(began.elapsed() < OUT_WITHIN, "still in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(other.get("/oauth2/userinfo", &token).await.code(), 1114);
    assert_eq!(other.get("/auth/verify", &token).await.code(), 1114);
    assert_eq!(app.redeem(&other, &unredeemed).await.text("error"), "invalid_grant");
    assert_eq!(
        app.refresh(&other, &tokens.text("refresh_token")).await.text("error"),
        "invalid_grant"
    );
    // Nor can they come back, by either way.
    let mut browser = Browser::outside();
    let back = browser.sign_in(&other, &app.authorize(&[]), "manager01").await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    let mut browser = Browser::inside();
    let state = browser.asked_to_sign_in(&other, "/login?rd=/docs/").await;
    let code = other.auth_code("manager01").await;
    let page = browser.post_code(&other, &state, &code).await;
    assert_eq!((page.status, page.code()), (403, 1105));
    assert!(!browser.cookies.contains_key(SESSION));
}
