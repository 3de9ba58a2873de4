//! With the database away what is known stays in force, and what would have to be stored is refused for the moment.

use reqwest::Method;

use super::application::Application;
use super::browser::{Browser, SESSION};
use crate::answer::Answer;
use crate::harness::Harness;

fn is_away(what: &str, answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (503, 1117), "{what}: {answer:?}");
}

#[tokio::test]
async fn what_is_known_is_answered_without_the_database() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    let (token, refresh_token) = (tokens.text("access_token"), tokens.text("refresh_token"));
    let cookie = format!("{SESSION}={}", browser.cookies[SESSION]);
    let by_cookie = || sso.send(sso.request(Method::GET, "/auth/verify").header("cookie", &cookie));
    let me = sso.me(&token).await;
    assert_eq!((me.status, by_cookie().await.status), (200, 200));
    // Clients are read again every one and a half seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1700)).await;

    let store = sso.store().await;
    for table in ["sessions", "employees", "clients"] {
        store.lock_table(table).await;
        assert!(app.is_active(&sso, &token).await, "{table}");
        assert!(!app.is_active(&sso, "x.y.z").await, "{table}");
        let verified = sso.get("/auth/verify", &token).await;
        assert_eq!(
            (verified.status, verified.header("remote-user")),
            (200, "manager01"),
            "{table}"
        );
        assert_eq!(sso.me(&token).await.body, me.body, "{table}");
        assert_eq!(by_cookie().await.status, 200, "{table}");
        if table == "sessions" {
            is_away("refresh", &app.refresh(&sso, &refresh_token).await);
            is_away("revoke", &app.revoke(&sso, &refresh_token).await);
        }
        store.unlock_tables().await;
    }
    store.lock_table("authorization_codes").await;
    let page = browser.get(&sso, &app.authorize(&[])).await;
    assert_eq!((page.status, page.code(), page.location), (503, 1117, None));
    store.unlock_tables().await;
    assert_eq!(app.refresh(&sso, &refresh_token).await.status, 200, "nothing was used");
}
