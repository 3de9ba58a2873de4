//! Who may use an application: those with a role, or of a department, for as long as they have it.

use super::application::Application;
use super::browser::{Browser, parameter};
use crate::harness::Harness;

#[tokio::test]
async fn without_the_role_nobody_gets_in_and_without_it_any_more_nobody_stays() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &["--require-role", "reporter"]).await;
    let mut browser = Browser::outside();
    let back = browser.sign_in(&sso, &app.authorize(&[]), "manager01").await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "code"), None);
    sso.command(&["role", "set", "reporter", "report:read"]).await;
    sso.command(&["role", "grant", "manager01", "reporter"]).await;
    // Who somebody is, is read anew at a sign-in.
    let mut browser = Browser::outside();
    let mut tokens = None;
    for _ in 0..30 {
        let back = browser
            .sign_in(&sso, &app.authorize(&[("prompt", "login")]), "manager01")
            .await;
        if let Some(code) = parameter(&back, "code") {
            tokens = Some(app.redeem(&sso, &code).await);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let tokens = tokens.expect("the role is known within two seconds");
    assert_eq!(tokens.status, 200, "{tokens:?}");
    sso.command(&["role", "revoke", "manager01", "reporter"]).await;
    let refused = app.refresh(&sso, &tokens.text("refresh_token")).await;
    assert_eq!(refused.text("error"), "invalid_grant");
    assert!(!app.is_active(&sso, &tokens.text("access_token")).await);
}

#[tokio::test]
async fn a_department_lets_in_who_is_below_it_and_nobody_else() {
    let sso = Harness::start().await;
    let branch = Application::added(&sso, "branch", &["--require-department", "10"]).await;
    let elsewhere = Application::added(&sso, "elsewhere", &["--require-department", "999999"]).await;
    let mut browser = Browser::outside();
    branch.tokens(&sso, &mut browser, "manager01").await;
    let page = browser.get(&sso, &elsewhere.authorize(&[])).await;
    assert_eq!(parameter(page.sent_to(), "error").as_deref(), Some("access_denied"));
}
