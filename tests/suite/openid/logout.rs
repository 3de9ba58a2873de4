//! Signing out at the wish of an application or of the person.

use reqwest::Method;

use super::application::Application;
use super::browser::{Browser, SESSION, parameter};
use super::keys;
use crate::harness::Harness;

const BYE: &str = "https%3A%2F%2Fapp.example%2Fbye";

async fn application(sso: &Harness) -> Application {
    Application::added(sso, "app", &["--post-logout-redirect-uri", "https://app.example/bye"]).await
}

async fn is_signed_out(sso: &Harness, app: &Application, browser: &mut Browser) -> bool {
    let page = browser.get(sso, &app.authorize(&[("prompt", "none")])).await;
    parameter(page.sent_to(), "error").as_deref() == Some("login_required")
}

#[tokio::test]
async fn with_a_hint_nobody_is_asked_and_every_application_is_left() {
    let sso = Harness::start().await;
    let (app, other) = (application(&sso).await, Application::added(&sso, "other", &[]).await);
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    let others = other.tokens(&sso, &mut browser, "manager01").await;
    let stolen = browser.clone();
    sso.advance_s(4000);
    let hint = tokens.text("id_token");
    let path = format!("/oauth2/logout?id_token_hint={hint}&post_logout_redirect_uri={BYE}&state=a%26b");
    let page = browser.get(&sso, &path).await;
    assert_eq!(
        page.sent_to().as_str(),
        "https://app.example/bye?state=a%26b",
        "also by an expired ID token"
    );
    assert!(!browser.cookies.contains_key(SESSION));
    assert!(
        is_signed_out(&sso, &app, &mut stolen.clone()).await,
        "the cookie is worth nothing any more"
    );
    for (app, tokens) in [(&app, &tokens), (&other, &others)] {
        assert_eq!(
            app.refresh(&sso, &tokens.text("refresh_token")).await.text("error"),
            "invalid_grant"
        );
    }
}

#[tokio::test]
async fn a_hint_outlives_the_publication_of_its_key() {
    let sso = Harness::start().await;
    let app = application(&sso).await;
    let mut browser = Browser::outside();
    let hint = app.tokens(&sso, &mut browser, "manager01").await.text("id_token");
    sso.command(&["key", "rotate"]).await;
    sso.advance_s(30);
    keys::kids_are(&sso, 4).await;
    // Ten minutes until the next one signs, then the life of a token with a margin; then what is over is swept.
    sso.advance_s(3 * 3600);
    keys::kids_are(&sso, 2).await;
    let path = format!("/oauth2/logout?id_token_hint={hint}&post_logout_redirect_uri={BYE}");
    let page = browser.get(&sso, &path).await;
    assert_eq!(page.sent_to().as_str(), "https://app.example/bye");
    assert!(is_signed_out(&sso, &app, &mut browser).await);
}

#[tokio::test]
async fn without_a_hint_the_person_is_asked() {
    let sso = Harness::start().await;
    let app = application(&sso).await;
    let mut browser = Browser::outside();
    app.tokens(&sso, &mut browser, "manager01").await;
    let asked = browser
        .get(
            &sso,
            &format!("/oauth2/logout?client_id=app&post_logout_redirect_uri={BYE}&state=%22%3E"),
        )
        .await;
    assert_eq!((asked.status, &asked.location), (200, &None));
    assert!(
        asked.text.contains("name=\"confirmed\"") && !asked.text.contains("\">\">"),
        "{}",
        asked.text
    );
    assert!(!is_signed_out(&sso, &app, &mut browser).await);
    // Forms of other pages of the same site bring the cookie, but say where they are.
    for origin in ["https://evil.sso.example", "null", "https://sso.example.evil.example"] {
        let form = sso.request(Method::POST, "/oauth2/logout").header("origin", origin);
        let page = browser.send(form.form(&[("confirmed", "1")])).await;
        assert_eq!(page.status, 200);
        assert!(!is_signed_out(&sso, &app, &mut browser).await, "{origin}");
    }
    let form = [
        ("confirmed", "1"),
        ("client_id", "app"),
        ("post_logout_redirect_uri", "https://app.example/bye"),
        ("state", "\">"),
    ];
    let request = sso
        .request(Method::POST, "/oauth2/logout")
        .header("origin", "https://sso.example");
    let page = browser.send(request.form(&form)).await;
    assert_eq!(page.sent_to().as_str(), "https://app.example/bye?state=%22%3E");
    assert!(is_signed_out(&sso, &app, &mut browser).await);
}

#[tokio::test]
async fn the_hint_of_somebody_else_asks_and_the_question_keeps_its_application() {
    let sso = Harness::start().await;
    let app = application(&sso).await;
    let hint = app
        .tokens(&sso, &mut Browser::outside(), "user00001")
        .await
        .text("id_token");
    let mut browser = Browser::outside();
    app.tokens(&sso, &mut browser, "manager01").await;
    let path = format!("/oauth2/logout?id_token_hint={hint}&post_logout_redirect_uri={BYE}");
    let page = browser.get(&sso, &path).await;
    assert_eq!((page.status, &page.location), (200, &None));
    assert!(page.text.contains("name=\"client_id\" value=\"app\""), "{}", page.text);
    assert!(!is_signed_out(&sso, &app, &mut browser).await);
}

#[tokio::test]
async fn a_form_of_the_applications_page_signs_out_without_the_cookie() {
    let sso = Harness::start().await;
    let app = application(&sso).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    // SameSite=Lax: a form of another site comes without cookies.
    let form = [
        ("id_token_hint", &*tokens.text("id_token")),
        ("post_logout_redirect_uri", "https://app.example/bye"),
    ];
    let page = Browser::outside().post_form(&sso, "/oauth2/logout", &form).await;
    assert_eq!(page.sent_to().as_str(), "https://app.example/bye");
    assert!(is_signed_out(&sso, &app, &mut browser).await);
    assert_eq!(
        app.refresh(&sso, &tokens.text("refresh_token")).await.text("error"),
        "invalid_grant"
    );
}

#[tokio::test]
async fn a_foreign_sites_form_takes_no_cookie_away() {
    let sso = Harness::start().await;
    let request = sso
        .request(Method::POST, "/oauth2/logout")
        .header("origin", "https://evil.example");
    let page = Browser::outside().send(request.form(&[("confirmed", "1")])).await;
    assert!(page.headers.get("set-cookie").is_none(), "{page:?}");
}
